"""What the voxels of each region say: how many of them hold each value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.compilation import compiled

__all__ = ["count_votes"]


def count_votes(
    region_labels: NDArray[np.integer[Any]],
    values: NDArray[np.uint8],
    ids: NDArray[np.int64],
    boxes: NDArray[np.int64],
    num_values: int,
) -> NDArray[np.int64]:
    """Count the voxels of each region that hold each value.

    Parameters
    ----------
    region_labels : (Z, Y, X) int
        Id of the region of every voxel.
    values : (Z, Y, X) uint8
    ids : (n,) int64
        Regions to count.
    boxes : (n, 6) int64
        First voxel and one past the last of each, ``(z, y, x, z, y, x)``.
    num_values : int
        Larger values are not counted.

    Returns
    -------
    (n, num_values) int64
    """
    votes = np.zeros((ids.size, num_values), np.int64)
    _count(region_labels, values, ids, boxes, votes)
    return votes


@compiled
def _count(region_labels: Any, values: Any, ids: Any, boxes: Any, votes: Any) -> None:
    for n in range(ids.size):
        for z in range(boxes[n, 0], boxes[n, 3]):
            for y in range(boxes[n, 1], boxes[n, 4]):
                for x in range(boxes[n, 2], boxes[n, 5]):
                    if region_labels[z, y, x] == ids[n] and values[z, y, x] < votes.shape[1]:
                        votes[n, values[z, y, x]] += 1
