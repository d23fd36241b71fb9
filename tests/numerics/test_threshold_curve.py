from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.threshold_curve import threshold_curve

SHAPE = (6, 7, 8)


def maps(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    measure = rng.normal(size=SHAPE).astype(np.float32)
    measure[rng.random(SHAPE) < 0.1] = np.nan
    return measure, rng.random(SHAPE).astype(np.float32), rng.random(SHAPE) > 0.2


def test_at_the_edges_of_bins_the_numbers_are_exact() -> None:
    measure, error, valid = maps()
    curve = threshold_curve(measure, error, valid, 0.5)
    inside = valid & np.isfinite(measure)
    values = measure[inside]
    assert curve.bounds == (values.min(), values.max())
    assert curve.counts.size == curve.errors.size == curve.edges.size - 1 == 1024
    assert curve.counts.sum() == inside.sum()
    assert curve.total == pytest.approx(error[inside].sum() * 0.5, rel=1e-6)
    for edge in curve.edges[[0, 1, 100, 511, 900, 1024]]:
        above = (values >= edge).mean() if edge < values.max() else 0.0
        assert curve.share_above(edge) == pytest.approx(above, abs=2 / inside.sum())
        below = error[inside][values < edge].sum() * 0.5
        assert curve.expected_error_below(edge) == pytest.approx(below, abs=2 * 0.5)


@settings(deadline=None)
@given(threshold=st.floats(-5, 5), other=st.floats(-5, 5), seed=st.integers(0, 3))
def test_both_numbers_are_monotonous_and_bounded(threshold: float, other: float, seed) -> None:
    curve = threshold_curve(*maps(seed), 2.0)
    low, high = sorted((threshold, other))
    assert 0 <= curve.share_above(high) <= curve.share_above(low) <= 1 + 1e-12
    assert -1e-12 <= curve.expected_error_below(low) <= curve.expected_error_below(high)
    assert curve.expected_error_below(high) <= curve.total * (1 + 1e-12)


def test_beyond_the_bounds_is_all_or_nothing() -> None:
    curve = threshold_curve(*maps(), 1.0)
    assert (curve.share_above(-99.0), curve.share_above(99.0)) == (1.0, 0.0)
    assert curve.expected_error_below(-99.0) == 0.0
    assert curve.expected_error_below(99.0) == curve.total


def test_a_constant_map_has_one_value() -> None:
    ones = np.ones(SHAPE, np.float32)
    curve = threshold_curve(ones, ones, ones > 0, 1.0)
    assert curve.bounds == (1.0, 1.0)
    assert (curve.share_above(0.5), curve.share_above(1.0)) == (1.0, 0.0)
    assert (curve.expected_error_below(0.5), curve.total) == (0.0, ones.size)


def test_without_a_value_everything_is_zero() -> None:
    measure, error, valid = maps()
    curve = threshold_curve(measure, error, valid & False, 1.0)
    assert (curve.bounds, curve.total) == ((0.0, 0.0), 0.0)
    assert curve.share_above(0.0) == curve.expected_error_below(0.0) == 0.0


def test_infinite_values_are_left_out() -> None:
    measure, error, _ = maps()
    measure[0, 0, 0] = np.inf
    measure[0, 0, 1] = -np.inf
    curve = threshold_curve(measure, error, np.ones(SHAPE, bool), 1.0)
    assert curve.counts.sum() == np.isfinite(measure).sum()
    assert np.isfinite(curve.bounds).all()


def test_shapes_must_agree() -> None:
    measure, error, valid = maps()
    with pytest.raises(SettingsError, match="one shape"):
        threshold_curve(measure, error[1:], valid, 1.0)
