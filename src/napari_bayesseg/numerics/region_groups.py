"""Voxels in groups, one group a region, and the numbers of each group."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.compilation import compiled
from napari_bayesseg.numerics.sparse_voxels import SparseVoxels

__all__ = ["RegionGroups", "class_shares", "percentiles"]

Places = NDArray[np.int32]
Indices = NDArray[np.int64]
Singles = NDArray[np.float32]
Doubles = NDArray[np.float64]

# Up to so many voxels a group is sorted; larger ones are counted first.
_SORTED = 256
_BINS = 1024


@dataclass(frozen=True, eq=False)
class RegionGroups:
    """Groups of voxels, r of them.

    Attributes
    ----------
    voxels : SparseVoxels
    members : (m,) int32
        Places of the voxels of the first group, then of the second, and so on.
    ends : (r,) int64
        One past the last member of each group.
    errors, sums : (r,) float64
        Sum of the expected error and of the measure.
    peaks : (r,) int32
        Place of the voxel with the largest value; the first in memory among equals.
    boxes : (r, 6) int
        First voxel and one past the last, ``(z, y, x, z, y, x)``.
    """

    voxels: SparseVoxels
    members: Places
    ends: Indices
    errors: Doubles
    sums: Doubles
    peaks: Places
    boxes: NDArray[np.integer[Any]]

    @property
    def size(self) -> int:
        """Number of groups."""
        return int(self.ends.size)

    @cached_property
    def counts(self) -> Indices:
        """Voxels of each group."""
        return np.diff(self.ends, prepend=0)

    def group_of_places(self) -> Places:
        """Return the group of each voxel of the list ``(n,)``, -1 outside all groups."""
        groups = np.full(self.voxels.count, -1, np.int32)
        groups[self.members] = np.repeat(np.arange(self.size, dtype=np.int32), self.counts)
        return groups


def percentiles(groups: RegionGroups, values: Singles, percent: float) -> Doubles:
    """Return a percentile of the values of each group ``(r,)``, linear between two values.

    Parameters
    ----------
    groups : RegionGroups
    values : (n,) float32
        Of each voxel of the list.
    percent : float
        From 0 to 100.
    """
    found = np.empty(groups.size)
    _percentiles(groups.members, groups.ends, values, percent / 100.0, found)
    return found


def class_shares(groups: RegionGroups, labels: NDArray[np.integer[Any]], count: int) -> Indices:
    """Return how many voxels of each group have each class ``(r, count)``.

    Parameters
    ----------
    groups : RegionGroups
    labels : (n,) int
        Class of each voxel of the list, below `count`.
    count : int
    """
    shares = np.zeros((groups.size, count), np.int64)
    _count_classes(groups.members, groups.ends, labels, shares)
    return shares


@compiled
def _count_classes(members: Places, ends: Indices, labels: Any, shares: Indices) -> None:
    n = 0
    for group in range(ends.size):
        while n < ends[group]:
            shares[group, labels[members[n]]] += 1
            n += 1


@compiled
def _percentiles(
    members: Places, ends: Indices, values: Singles, share: float, found: Doubles
) -> None:
    start = 0
    bins = np.empty(_BINS + 1, np.int64)
    for group in range(ends.size):
        end = ends[group]
        run = np.empty(end - start, np.float32)
        for n in range(start, end):
            run[n - start] = values[members[n]]
        start = end
        place = (run.size - 1) * share
        below = int(place)
        if run.size > _SORTED:
            run, skipped = _tail(run, below, bins)
            below -= skipped
        else:
            run = np.sort(run)
        above = min(below + 1, run.size - 1)
        step = np.float64(run[above]) - np.float64(run[below])
        found[group] = run[below] + step * (place - int(place))


@compiled
def _tail(run: Singles, rank: int, bins: Indices) -> tuple[Singles, int]:
    """Return the values from the bin of a rank on, sorted, and how many there are before them."""
    low, high = run[0], run[0]
    for value in run:
        low, high = min(low, value), max(high, value)
    scale = _BINS / (np.float64(high) - low) if high > low else 0.0
    bins[:] = 0
    for value in run:
        bins[int((value - low) * scale)] += 1
    skipped, chosen = 0, 0
    while skipped + bins[chosen] <= rank:
        skipped += bins[chosen]
        chosen += 1
    kept = np.empty(run.size - skipped, np.float32)
    count = 0
    for value in run:
        if int((value - low) * scale) >= chosen:
            kept[count] = value
            count += 1
    return np.sort(kept), skipped
