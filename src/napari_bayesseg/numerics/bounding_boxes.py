"""The boxes around groups of voxels, without a pass over the volume per group."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.compilation import compiled
from napari_bayesseg.numerics.neighbourhood import find_root

__all__ = ["bounding_boxes", "join_fitting"]

Indices = NDArray[np.int64]


def bounding_boxes(
    indices: Indices, ids: NDArray[np.integer[Any]], shape: tuple[int, ...]
) -> Indices:
    """Return the box of every group as ``(n, 6)``: first voxel, then one past the last.

    Parameters
    ----------
    indices : (m,) int64
        Flat indices of the voxels that belong to a group.
    ids : (m,) int
        Group of each, from 0 without gaps.
    shape : (Z, Y, X)
        Of the volume.
    """
    boxes = np.empty((int(ids.max(initial=-1)) + 1, 6), dtype=np.int64)
    boxes[:, :3] = np.iinfo(np.int64).max
    boxes[:, 3:] = 0
    _extend_boxes(indices, ids.astype(np.int64), np.array(shape), boxes)
    return boxes


@compiled
def _extend_boxes(indices: Indices, ids: Indices, shape: Indices, boxes: Indices) -> None:
    for n in range(indices.size):
        index, group = indices[n], ids[n]
        z, y, x = (
            index // (shape[1] * shape[2]),
            index // shape[2] % shape[1],
            index % shape[2],
        )
        boxes[group, 0] = min(boxes[group, 0], z)
        boxes[group, 1] = min(boxes[group, 1], y)
        boxes[group, 2] = min(boxes[group, 2], x)
        boxes[group, 3] = max(boxes[group, 3], z + 1)
        boxes[group, 4] = max(boxes[group, 4], y + 1)
        boxes[group, 5] = max(boxes[group, 5], x + 1)


@compiled
def join_fitting(
    pairs: Indices, boxes: Indices, limits: NDArray[np.float64], parents: NDArray[np.int32]
) -> None:
    """Join pairs of groups in their order where the common box stays inside the limits.

    Parameters
    ----------
    pairs : (m,) int64
        Two groups packed into one number, the first in the upper 32 bits.
    boxes : (n, 6) int64
        Of the groups; those of roots become the common ones.
    limits : (3,) float64
        Longest sides, in voxels.
    parents : (n,) int32
        A forest of groups; written to.
    """
    for pair in pairs:
        a, b = find_root(parents, pair >> 32), find_root(parents, pair & 0xFFFFFFFF)
        first, second = min(a, b), max(a, b)
        fits = first != second
        for axis in range(3):
            low = min(boxes[first, axis], boxes[second, axis])
            high = max(boxes[first, axis + 3], boxes[second, axis + 3])
            fits = fits and high - low <= limits[axis]
        if fits:
            parents[second] = first
            for axis in range(3):
                boxes[first, axis] = min(boxes[first, axis], boxes[second, axis])
                boxes[first, axis + 3] = max(boxes[first, axis + 3], boxes[second, axis + 3])
