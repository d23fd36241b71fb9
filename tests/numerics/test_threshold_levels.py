"""Levels of thresholds against a plain search."""

import numpy as np
import pytest

from napari_bayesseg.numerics.threshold_levels import ThresholdLevels


@pytest.mark.parametrize(
    ("floor", "highest"), [(0.0213, 0.6931), (-0.05, 1.0), (0.0, 1e-6), (3.0, 40000.0)]
)
def test_thresholds_are_round_and_a_value_is_above_its_own_only(floor, highest):
    levels = ThresholdLevels.between(floor, highest)
    thresholds = levels.thresholds
    assert 200 < thresholds.size <= 1027
    assert thresholds[0] == np.float32(floor)
    assert thresholds[-1] >= np.float32(highest)
    steps = np.diff(thresholds.astype(np.float64)[1:-1])
    assert steps.max() == pytest.approx(steps.min(), rel=0.02)
    lead = float(f"{np.median(steps):.0e}"[0])
    assert lead in (1.0, 2.0, 5.0)
    rng = np.random.default_rng(0)
    values = rng.uniform(floor, highest, 3000).astype(np.float32)
    values = np.concatenate([values[values > thresholds[0]], thresholds[1:]])
    found = levels.of(values)
    for level in range(0, thresholds.size, 37):
        np.testing.assert_array_equal(found >= level, values > thresholds[level])


def test_a_round_number_that_is_typed_is_a_threshold():
    levels = ThresholdLevels.between(0.02131, 0.69)
    for typed in (0.05, 0.068, 0.3, 0.651):
        assert levels.holds(typed)
        assert levels.snap(typed) == typed
    assert not levels.holds(0.06782)
    assert levels.snap(0.06782) == pytest.approx(0.067, abs=1e-8)
    assert levels.snap(0.0) == pytest.approx(0.02131)


def test_thresholds_that_must_be_there_are():
    levels = ThresholdLevels.between(0.1, 0.9, (0.123456, 0.05))
    assert levels.snap(0.123456) == 0.123456
    assert levels.floor == pytest.approx(0.1)


def test_a_measure_without_a_range_has_one_threshold():
    levels = ThresholdLevels.between(0.5, 0.5)
    assert levels.thresholds.tolist() == [0.5]
    assert levels.level(3.0) == 0
