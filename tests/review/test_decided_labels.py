from __future__ import annotations

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.review.decided_labels import UNDECIDED, decided_labels
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Replacement, Status
from tests.review.steps import LABELS, decide, paint

STROKE = Roi((0, 60, 100), (2, 66, 110))  # outside every region


def test_nothing_decided_is_nothing_to_learn_from(review: Review) -> None:
    decide(review, [1], Status.DEFERRED)
    assert review.count_decided_voxels() == 0
    with pytest.raises(SettingsError, match="nothing to learn from yet"):
        decided_labels(review)


def test_settled_voxels_carry_the_reviewed_labels(review: Review, predicted: np.ndarray) -> None:
    decide(review, [1], Status.ACCEPTED)
    decide(review, [2], Status.REJECTED, replacement=Replacement.BACKGROUND)
    decide(review, [3], Status.DEFERRED)
    decide(review, [4], Status.ACCEPTED)
    decide(review, [4], Status.PENDING)  # taken back
    paint(review, STROKE, 2)
    expected = np.full(LABELS.shape, UNDECIDED)
    expected[LABELS == 1] = predicted[LABELS == 1]
    expected[LABELS == 2] = 0
    expected[STROKE.slices] = 2
    with Review.open(review.result, read_only=True) as reader:
        found = decided_labels(reader)
    np.testing.assert_array_equal(found.labels, expected)
    assert found.labels.dtype == np.int16
    assert found.places == 3
    assert found.voxels == np.count_nonzero(expected >= 0) == review.count_decided_voxels()
    assert (found.row, found.row_sha256) == (review.sequence, review.journal_head)


def test_a_stroke_in_a_region_settles_it_until_it_is_deferred(review: Review) -> None:
    inside = np.argwhere(LABELS == 3)[0]
    box = Roi(tuple(inside.tolist()), tuple((inside + 1).tolist()))
    paint(review, box, 2, region=3)
    assert review.count_decided_voxels() == np.count_nonzero(LABELS == 3)
    decide(review, [3], Status.DEFERRED)
    assert review.count_decided_voxels() == 0
    review.undo()
    review.undo()
    assert review.count_decided_voxels() == 0
