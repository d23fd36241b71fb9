"""Steps of a review in one line, and what must hold after each."""

from __future__ import annotations

import numpy as np

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.review.labels.voxels import voxel_change_from_indices
from napari_bayesseg.review.review import Review, read_reviewed_labels
from napari_bayesseg.review.status import Status
from tests.review.cases import SETTINGS, blocks, table_of

TABLE = table_of(blocks())
LABELS = np.asarray(TABLE.region_labels)


def decide(review: Review, ids: list[int], status: Status, **options: object):
    regions = [region for region in TABLE.regions if region.id in ids]
    return review.decide(regions, TABLE.region_labels, status, settings=SETTINGS, **options)


def paint(review: Review, box: Roi, label: int, region: int | None = None):
    """Paint as the viewer does: into the array first."""
    indices = tuple(np.indices(box.shape).reshape(3, -1) + np.array(box.start)[:, None])
    old = review.mask.array[box.slices].reshape(-1)
    review.mask.array[box.slices] = label
    change = voxel_change_from_indices(indices, old, np.uint8(label))
    if region is None:
        return review.paint(change)
    return review.paint(change, TABLE.regions[region - 1], TABLE.region_labels, SETTINGS)


def assert_mask(review: Review, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(review.labels(), expected)
    np.testing.assert_array_equal(review.mask.array[...], expected)
    np.testing.assert_array_equal(read_reviewed_labels(review.result), expected)


def reopened(review: Review, **options: object) -> Review:
    review.close()
    return Review.open(review.result, **options)


def status(review: Review, region: int) -> Status:
    return review.statuses(TABLE)[region]
