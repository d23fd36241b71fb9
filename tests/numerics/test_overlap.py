import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_jaccard_index

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.overlap import (
    ConfusionMatrix,
    dice_of_counts,
    dice_per_class,
    jaccard_of_counts,
)


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


def counted(prediction, truth, num_classes):
    confusion = ConfusionMatrix(num_classes)
    confusion.update(prediction, truth)
    return confusion


def test_the_table_has_true_classes_in_rows():
    counts = counted(np.array([1, 1, 2, 0]), np.array([0, 1, 1, 0]), 3).compute()
    np.testing.assert_array_equal(counts, [[1, 1, 0], [0, 1, 1], [0, 0, 0]])


def test_jaccard_is_that_of_torchmetrics_and_follows_from_dice(rng):
    prediction, truth = rng.integers(0, 4, (2, 6, 7, 8))
    counts = counted(prediction, truth, 5).compute()
    jaccard, dice = jaccard_of_counts(counts), dice_of_counts(counts)
    expected = multiclass_jaccard_index(
        torch.tensor(prediction), torch.tensor(truth), num_classes=4, average="none"
    )
    np.testing.assert_allclose(jaccard[:4], expected, rtol=1e-6)
    np.testing.assert_allclose(jaccard, dice / (2 - dice), rtol=1e-12)
    assert np.isnan(jaccard[4])


def test_pieces_in_any_order_give_the_whole(rng):
    prediction, truth = rng.integers(0, 3, (2, 9, 5, 4))
    whole = counted(prediction, truth, 3).compute()
    total = ConfusionMatrix(3)
    for rows in (slice(6, 9), slice(0, 2), slice(2, 6), slice(0, 0)):
        total.merge(counted(prediction[rows], truth[rows], 3))
    np.testing.assert_array_equal(total.compute(), whole)
    assert whole.sum() == truth.size
