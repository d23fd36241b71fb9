"""The voxels of a volume above a floor, as a sorted list: a twentieth of the volume, mostly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.numerics.compilation import compiled

__all__ = ["SparseVoxels", "neighbour_places"]

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SparseVoxels:
    """Some voxels of a volume; a voxel's *place* is its number in this list.

    Attributes
    ----------
    shape : (Z, Y, X)
        Of the volume.
    indices : (n,) int64
        Flat indices, ascending.
    row_starts : (Z * Y + 1,) int64
        Place of the first voxel of every row along x, then n.
    """

    shape: Index3
    indices: Indices
    row_starts: Indices

    @classmethod
    def of(cls, shape: Index3, indices: Indices) -> SparseVoxels:
        """Index voxels given by their ascending flat indices."""
        rows = shape[0] * shape[1]
        counts = np.bincount(indices // shape[2], minlength=rows)
        starts = np.zeros(rows + 1, np.int64)
        np.cumsum(counts, out=starts[1:])
        return cls(shape, np.ascontiguousarray(indices, np.int64), starts)

    @classmethod
    def where(cls, mask: NDArray[np.bool_]) -> SparseVoxels:
        """Index the voxels at which a ``(Z, Y, X)`` mask is true."""
        z, y, x = mask.shape
        return cls.of((z, y, x), np.flatnonzero(mask))

    @property
    def count(self) -> int:
        """Number of voxels in the list."""
        return int(self.indices.size)

    def coordinates(self, places: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Return ``(m, 3)`` indices along z, y and x of the voxels at some places."""
        return np.stack(np.unravel_index(self.indices[places], self.shape), axis=-1)


@compiled
def neighbour_places(
    place: int, indices: Indices, row_starts: Indices, shape: Indices, found: Indices
) -> int:
    """Write the places of the up to 26 neighbours that are in the list; return how many."""
    length = shape[2]
    index = indices[place]
    row = index // length
    x = index - row * length
    z = row // shape[1]
    y = row - z * shape[1]
    below = 1 if x > 0 else 0
    above = 1 if x < length - 1 else 0
    count = 0
    for k in range(max(z - 1, 0), min(z + 2, shape[0])):
        for j in range(max(y - 1, 0), min(y + 2, shape[1])):
            other = k * shape[1] + j
            if other == row:
                if below and place > 0 and indices[place - 1] == index - 1:
                    found[count] = place - 1
                    count += 1
                if above and place + 1 < indices.size and indices[place + 1] == index + 1:
                    found[count] = place + 1
                    count += 1
                continue
            low, high = row_starts[other], row_starts[other + 1]
            centre = other * length + x
            first, last = centre - below, centre + above
            end = high
            while low < high:  # the first voxel of the row that is not left of `first`
                middle = (low + high) >> 1
                if indices[middle] < first:
                    low = middle + 1
                else:
                    high = middle
            while low < end and indices[low] <= last:
                found[count] = low
                count += 1
                low += 1
    return count
