"""The next coarser level of an image pyramid."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.numerics.compilation import compiled

__all__ = ["LONG_AXIS", "SMALL_LEVEL", "coarsen", "level_factors"]

SMALL_LEVEL = 128
"""A level whose longest side has so many voxels or fewer is the last."""
LONG_AXIS = 64
"""An axis is halved only while it has more voxels than this."""

# Halving those axes only whose spacing is below this times the smallest keeps every level as near
# to isotropic as factors of two can.
_ABOUT_ISOTROPIC = math.sqrt(2.0)


def level_factors(shape: Index3, spacing: Sequence[float]) -> list[Index3]:
    """Return by how much each level is coarser than the full one along z, y and x.

    Every level is half the one before along the axes that are long (more than 64 voxels) and
    finer than about the others; the last one has 128 voxels or fewer along its longest side.

    Parameters
    ----------
    shape : (Z, Y, X)
    spacing : 3 floats
        Of the full level, positive.
    """
    levels: list[Index3] = []
    factors, lengths, steps = [1, 1, 1], list(shape), list(spacing)
    while max(lengths) > SMALL_LEVEL:
        long = [axis for axis in range(3) if lengths[axis] > LONG_AXIS]
        limit = _ABOUT_ISOTROPIC * min(steps[axis] for axis in long)
        for axis in long:
            if steps[axis] < limit:
                factors[axis] *= 2
                steps[axis] *= 2
                lengths[axis] = -(-lengths[axis] // 2)
        levels.append((factors[0], factors[1], factors[2]))
    return levels


def coarsen(values: NDArray[np.float32], factors: Index3) -> NDArray[np.float32]:
    """Return the mean over cells of `factors` voxels, of those voxels that are finite.

    Parameters
    ----------
    values : (z, y, x) float32
    factors : (z, y, x)
        Size of a cell; cells are cut off at the high end of an axis that they don't divide.

    Returns
    -------
    float32
        NaN where no voxel of a cell is finite.
    """
    size = np.array(factors, dtype=np.int64)
    shape = [-(-length // factor) for length, factor in zip(values.shape, factors, strict=True)]
    out = np.empty(shape, dtype=np.float32)
    _mean_of_cells(np.ascontiguousarray(values, dtype=np.float32), size, out)
    return out


@compiled
def _mean_of_cells(
    values: NDArray[np.float32], size: NDArray[np.int64], out: NDArray[np.float32]
) -> None:
    for z in range(out.shape[0]):
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                total, count = 0.0, 0
                for dz in range(z * size[0], min((z + 1) * size[0], values.shape[0])):
                    for dy in range(y * size[1], min((y + 1) * size[1], values.shape[1])):
                        for dx in range(x * size[2], min((x + 1) * size[2], values.shape[2])):
                            value = np.float64(values[dz, dy, dx])
                            if np.isfinite(value):
                                total += value
                                count += 1
                out[z, y, x] = np.float32(total / count) if count else np.float32(np.nan)
