"""Which region every voxel belongs to, kept for the voxels of regions alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.numerics.compilation import compiled
from napari_bayesseg.numerics.region_groups import RegionGroups
from napari_bayesseg.numerics.sparse_voxels import SparseVoxels

__all__ = ["RegionMap"]

Places = NDArray[np.int32]
Indices = NDArray[np.int64]


class RegionMap:
    """``(Z, Y, X)`` int32 region ids, 0 outside; indexed by numbers and slices like an array.

    Only what is asked for is made dense: a slice of 512 x 512 voxels takes a millisecond.

    Parameters
    ----------
    groups : RegionGroups
    ids : (r,) int
        Id of each group, above 0, no two alike.
    """

    ndim = 3
    dtype = np.dtype(np.int32)

    def __init__(self, groups: RegionGroups, ids: NDArray[np.integer[Any]]) -> None:
        self._voxels = groups.voxels
        self._members = groups.members
        self._ends = groups.ends
        self._groups = {int(name): group for group, name in enumerate(ids)}
        self._ids = np.zeros(groups.voxels.count, np.int32)
        _write_ids(groups.members, groups.ends, ids.astype(np.int32), self._ids)

    @classmethod
    def empty(cls, shape: Index3) -> RegionMap:
        """Make a map without any region."""
        voxels = SparseVoxels.of(shape, np.zeros(0, np.int64))
        nothing, none = np.zeros(0), np.zeros(0, np.int32)
        boxes = np.zeros((0, 6), np.int32)
        groups = RegionGroups(voxels, none, np.zeros(0, np.int64), nothing, nothing, none, boxes)
        return cls(groups, none)

    @classmethod
    def of_labels(cls, labels: NDArray[np.integer[Any]]) -> RegionMap:
        """Make the map of a label image ``(Z, Y, X)``; 0 is outside."""
        voxels = SparseVoxels.where(labels > 0)
        found = labels.reshape(-1)[voxels.indices]
        members = np.argsort(found, kind="stable").astype(np.int32)
        ids, counts = np.unique(found, return_counts=True)
        nothing = np.zeros(ids.size)
        ends = np.cumsum(counts, dtype=np.int64)
        peaks = members[ends - counts]
        boxes = np.zeros((ids.size, 6), np.int32)
        return cls(RegionGroups(voxels, members, ends, nothing, nothing, peaks, boxes), ids)

    @property
    def shape(self) -> Index3:
        """``(Z, Y, X)``."""
        return self._voxels.shape

    @property
    def size(self) -> int:
        """Number of voxels, inside and outside."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def max_id(self) -> int:
        """Largest id; 0 where there is no region."""
        return max(self._groups, default=0)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        keys = key if isinstance(key, tuple) else (key,)
        if Ellipsis in keys:
            at = keys.index(Ellipsis)
            keys = (*keys[:at], *[slice(None)] * (4 - len(keys)), *keys[at + 1 :])
        keys = (*keys, *[slice(None)] * (3 - len(keys)))
        bounds, numbers = [], []
        for axis, (part, length) in enumerate(zip(keys, self.shape, strict=True)):
            if isinstance(part, slice):
                start, stop, step = part.indices(length)
                if step != 1:
                    raise IndexError("a map of regions is read in steps of 1")
                bounds.append((start, max(start, stop)))
            else:
                bounds.append(_one(part, length))
                numbers.append(axis)
        start, stop = np.array(bounds).T
        dense = np.zeros(stop - start, np.int32)
        _read(
            self._voxels.indices, self._voxels.row_starts, np.array(self.shape), self._ids,
            start, stop, dense,
        )  # fmt: skip
        return dense[tuple(0 if axis in numbers else slice(None) for axis in range(3))]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        dense: NDArray[Any] = self[:]
        return dense if dtype is None else dense.astype(dtype)

    def voxels_of(self, ids: Sequence[int]) -> tuple[Indices, Indices]:
        """Return the voxels of regions, side by side.

        Parameters
        ----------
        ids : sequence of int
            Of regions of this map.

        Returns
        -------
        indices : (m,) int64
            Flat indices in the volume; within a region in no special order.
        ends : (len(ids),) int64
            One past the last of each region.

        Raises
        ------
        SettingsError
            If there is no region with one of these ids.
        """
        missing = [name for name in ids if name not in self._groups]
        if missing:
            raise SettingsError(f"there is no region {missing[0]} among these {len(self._groups)}")
        groups = np.array([self._groups[name] for name in ids], np.int64)
        starts = np.where(groups > 0, self._ends[groups - 1], 0) if groups.size else groups
        counts = self._ends[groups] - starts
        places = np.empty(int(counts.sum()), np.int64)
        _gather(self._members, starts, counts, places)
        return self._voxels.indices[places], np.cumsum(counts)


def _one(part: SupportsIndex, length: int) -> tuple[int, int]:
    number = int(part)
    if not -length <= number < length:
        raise IndexError(f"index {number} is out of bounds for an axis of {length} voxels")
    number %= length
    return number, number + 1


@compiled
def _write_ids(members: Places, ends: Indices, names: Places, ids: Places) -> None:
    n = 0
    for group in range(ends.size):
        while n < ends[group]:
            ids[members[n]] = names[group]
            n += 1


@compiled
def _gather(members: Places, starts: Indices, counts: Indices, places: Indices) -> None:
    filled = 0
    for group in range(starts.size):
        for n in range(starts[group], starts[group] + counts[group]):
            places[filled] = members[n]
            filled += 1


@compiled
def _read(
    indices: Indices,
    row_starts: Indices,
    shape: Indices,
    ids: Places,
    start: Indices,
    stop: Indices,
    dense: Any,
) -> None:
    """Fill the box row by row."""
    is_whole = start[2] == 0 and stop[2] == shape[2]
    for z in range(start[0], stop[0]):
        for y in range(start[1], stop[1]):
            row = z * shape[1] + y
            place, end = row_starts[row], row_starts[row + 1]
            offset = row * shape[2]
            if not is_whole:
                place += np.searchsorted(indices[place:end], offset + start[2])
            while place < end and indices[place] < offset + stop[2]:
                dense[z - start[0], y - start[1], indices[place] - offset - start[2]] = ids[place]
                place += 1
