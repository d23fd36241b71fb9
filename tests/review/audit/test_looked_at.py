from __future__ import annotations

import numpy as np

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.review.audit.looked_at import LookedAt
from napari_bayesseg.review.journal.operations import IN_BULK
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Status
from tests.review.cases import SHAPE
from tests.review.steps import LABELS, decide, paint

WHOLE = Roi.whole(SHAPE)


def looked(review: Review, box: Roi = WHOLE) -> np.ndarray:
    return LookedAt(review.operations()).within(box)


def test_what_is_decided_by_itself_was_looked_at(review: Review) -> None:
    decide(review, [1], Status.ACCEPTED)
    decide(review, [2], Status.REJECTED)
    np.testing.assert_array_equal(looked(review), np.isin(LABELS, (1, 2)))


def test_a_step_about_many_regions_is_no_look_nor_is_one_in_bulk_about_one(review: Review) -> None:
    decide(review, [1, 2, 3], Status.ACCEPTED)
    decide(review, [4], Status.ACCEPTED, note=IN_BULK)
    assert not looked(review).any()
    decide(review, [2], Status.ACCEPTED)
    np.testing.assert_array_equal(looked(review), LABELS == 2)
    decide(review, [1, 2, 3], Status.REJECTED)  # doesn't make it unseen
    np.testing.assert_array_equal(looked(review), LABELS == 2)


def test_what_waits_again_was_not_looked_at_until_it_is_decided_again(review: Review) -> None:
    for status in (Status.DEFERRED, Status.PENDING):
        decide(review, [1], Status.ACCEPTED)
        decide(review, [1], status)
        assert not looked(review).any()
    review.undo()
    np.testing.assert_array_equal(looked(review), LABELS == 1)


def test_what_was_painted_was_looked_at_in_its_region_and_out_of_it(review: Review) -> None:
    free, inside = Roi((0, 0, 0), (1, 4, 4)), Roi((1, 2, 3), (2, 4, 5))
    paint(review, free, 2)
    paint(review, inside, 2, region=1)
    expected = LABELS == 1
    expected[free.slices] = expected[inside.slices] = True
    np.testing.assert_array_equal(looked(review), expected)
    part = Roi((0, 3, 2), (3, 20, 33))
    np.testing.assert_array_equal(looked(review, part), expected[part.slices])
