import math

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.error_detection import accuracy, error_auroc


def by_all_pairs(measure, wrong):
    a, b = measure[wrong][:, None], measure[~wrong][None, :]
    return np.mean((a > b) + 0.5 * (a == b))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("num_levels", [2, 5, 10_000])
def test_equals_the_count_over_all_pairs(seed, num_levels):
    rng = np.random.default_rng(seed)
    measure = (rng.integers(0, num_levels, (4, 5, 10)) / num_levels).astype(np.float32)
    wrong = rng.random(measure.shape) < 0.1 + 0.5 * measure
    assert error_auroc(measure, wrong) == pytest.approx(by_all_pairs(measure, wrong), abs=1e-12)


def test_perfect_inverted_and_ignorant_measures():
    wrong = np.array([False, False, True, True])
    assert error_auroc(np.array([0.1, 0.2, 0.3, 0.4]), wrong) == 1.0
    assert error_auroc(np.array([0.4, 0.3, 0.2, 0.1]), wrong) == 0.0
    assert error_auroc(np.zeros(4), wrong) == 0.5


def test_nan_voxels_are_left_out():
    measure = np.array([0.1, np.nan, 0.3, np.nan])
    assert error_auroc(measure, np.array([False, False, True, True])) == 1.0


def test_nan_without_both_kinds_of_voxel():
    measure = np.ones(3)
    assert math.isnan(error_auroc(measure, np.zeros(3, dtype=bool)))
    assert math.isnan(error_auroc(measure, np.ones(3, dtype=bool)))


def test_accuracy():
    assert accuracy(np.array([0, 1, 2, 2]), np.array([0, 1, 1, 2])) == 0.75
    assert math.isnan(accuracy(np.zeros(0, dtype=int), np.zeros(0, dtype=int)))


def test_refusals():
    with pytest.raises(SettingsError, match="one shape"):
        accuracy(np.zeros(3, dtype=int), np.zeros(4, dtype=int))
    with pytest.raises(SettingsError, match="one shape"):
        error_auroc(np.zeros(3), np.zeros(4, dtype=bool))
