"""What the voxels of each region say: how many of them hold each value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.compilation import compiled

__all__ = ["count_votes"]


def count_votes(
    values: NDArray[np.uint8],
    voxels: NDArray[np.int64],
    ends: NDArray[np.int64],
    num_values: int,
) -> NDArray[np.int64]:
    """Count the voxels of each region that hold each value.

    Parameters
    ----------
    values : (n,) uint8
        Of all voxels of the volume.
    voxels : (m,) int64
        Flat indices of the voxels of the first region, then of the second, and so on.
    ends : (r,) int64
        One past the last voxel of each region.
    num_values : int
        Larger values are not counted.

    Returns
    -------
    (r, num_values) int64
    """
    votes = np.zeros((ends.size, num_values), np.int64)
    _count(values, voxels, ends, votes)
    return votes


@compiled
def _count(
    values: NDArray[np.uint8],
    voxels: NDArray[np.int64],
    ends: NDArray[np.int64],
    votes: NDArray[np.int64],
) -> None:
    n = 0
    for region in range(ends.size):
        while n < ends[region]:
            value = values[voxels[n]]
            if value < votes.shape[1]:
                votes[region, value] += 1
            n += 1
