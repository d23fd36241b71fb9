import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.overlap import dice_per_class


def test_by_hand():
    prediction = np.array([[0, 0, 1], [1, 1, 2]], dtype=np.uint8)
    truth = np.array([[0, 1, 1], [1, 2, 2]], dtype=np.int64)
    expected = [2 * 1 / 3, 2 * 2 / 6, 2 * 1 / 3, np.nan]
    np.testing.assert_allclose(dice_per_class(prediction, truth, 4), expected)


def test_a_perfect_and_a_hopeless_prediction():
    truth = np.random.default_rng(0).integers(0, 3, (5, 6, 7))
    np.testing.assert_array_equal(dice_per_class(truth, truth, 3), 1.0)
    np.testing.assert_array_equal(dice_per_class((truth + 1) % 3, truth, 3), 0.0)


def test_refusals():
    labels = np.zeros((2, 2), dtype=np.uint8)
    with pytest.raises(SettingsError, match="one shape"):
        dice_per_class(labels, labels[:1], 2)
    with pytest.raises(SettingsError, match="of the truth must be 0 to 1; got 0 to 2"):
        dice_per_class(labels, np.array([[0, 2], [0, 0]]), 2)
    with pytest.raises(SettingsError, match=r"of the prediction .* got -1"):
        dice_per_class(labels - np.int64(1), labels, 2)
