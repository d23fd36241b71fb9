"""Joining regions that lie near each other, such as the fragments of one streak."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.bounding_boxes import join_fitting
from napari_bayesseg.numerics.compilation import compiled
from napari_bayesseg.numerics.neighbourhood import find_root
from napari_bayesseg.numerics.pieces import longest
from napari_bayesseg.numerics.region_groups import RegionGroups

__all__ = ["MOST_OFFSETS", "merge_near"]

Places = NDArray[np.int32]
Indices = NDArray[np.int64]
Spacing = tuple[float, float, float]

MOST_OFFSETS = 20_000
"""Voxels in the ball that is searched around every voxel of a region, at most."""

_ROOM = 2**21  # pairs of voxels at a time


def merge_near(
    groups: RegionGroups,
    values: NDArray[np.float32],
    spacing: Spacing,
    distance: float,
    extent: float,
    min_count: int = 1,
) -> RegionGroups:
    """Join groups whose nearest voxels are at most a distance apart, the nearest ones first.

    Only where the joined one is no longer than the extent: it must still be a place that fits the
    screen.

    Parameters
    ----------
    groups : RegionGroups
    values : (n,) float32
        The measure at every voxel of the groups' list.
    spacing : (z, y, x)
        Distance between voxel centres.
    distance : float
        Between voxel centres, in the spacing's unit.
    extent : float
        In the spacing's unit.
    min_count : int
        What is smaller after joining is left out, in voxels.

    Returns
    -------
    RegionGroups
        The most expected error first.

    Raises
    ------
    SettingsError
        If the distance spans too many voxels.
    """
    pairs, nearest = _near_groups(groups, *_rows_within(spacing, distance), spacing[2])
    boxes = groups.boxes.astype(np.int64)
    parents = np.arange(groups.size, dtype=np.int32)
    if pairs.size:
        join_fitting(pairs[np.lexsort((pairs, nearest))], boxes, longest(spacing, extent), parents)
    return _joined(groups, values, _roots(parents), min_count)


def _rows_within(spacing: Spacing, distance: float) -> tuple[Indices, NDArray[np.float64]]:
    """Return half of the offsets within a distance, by rows along x.

    Returns
    -------
    rows : (k, 4) int64
        Offset along z and y, and the first and the last one along x.
    bases : (k,) float64
        Squared length of the offset along z and y.
    """
    reach = [int(distance / step) for step in spacing]
    if np.prod([2.0 * n + 1 for n in reach]) > MOST_OFFSETS:
        raise SettingsError(
            f"merge_distance must span fewer than {MOST_OFFSETS} voxels; {distance:g} is "
            f"{max(reach)} voxels: take a smaller one"
        )
    limit = distance**2 * (1 + 1e-9)
    lengths = (np.arange(1, reach[2] + 1) * spacing[2]) ** 2
    rows, bases = [], []
    for dz in range(reach[0] + 1):
        for dy in range(-reach[1] if dz else 0, reach[1] + 1):
            base = (dz * spacing[0]) ** 2 + (dy * spacing[1]) ** 2
            if base <= limit:
                high = int(np.count_nonzero(base + lengths <= limit))
                # The other half sees the same pairs.
                rows.append((dz, dy, -high if (dz, dy) != (0, 0) else 1, high))
                bases.append(base)
    return np.array(rows, np.int64), np.array(bases)


def _near_groups(
    groups: RegionGroups, rows: Indices, bases: NDArray[np.float64], step: float
) -> tuple[Indices, NDArray[np.float64]]:
    """Return every pair of groups once, packed into one number, with its squared distance."""
    voxels, owners = groups.voxels, groups.group_of_places()
    pairs, lengths = np.empty(_ROOM, np.int64), np.empty(_ROOM)
    found = []
    place = 0
    while place < voxels.count:
        place, count = _near_pairs(
            voxels.indices, voxels.row_starts, np.array(voxels.shape), owners, rows, bases, step,
            place, pairs, lengths,
        )  # fmt: skip
        found.append(_nearest(pairs[:count], lengths[:count]))
    if not found:
        return np.zeros(0, np.int64), np.zeros(0)
    every, nearest = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return _nearest(every, nearest)


@compiled
def _near_pairs(
    indices: Indices,
    row_starts: Indices,
    shape: Indices,
    owners: Places,
    rows: Indices,
    bases: NDArray[np.float64],
    step: float,
    start: int,
    pairs: Indices,
    lengths: NDArray[np.float64],
) -> tuple[int, int]:
    """Write pairs of groups near the voxels from `start` on, as long as there is room.

    Of one voxel every other group comes once. Returns the voxel to go on with, and how many pairs
    were written.
    """
    most = np.sum(rows[:, 3] - rows[:, 2] + 1)
    count = 0
    for place in range(start, indices.size):
        if count + most > pairs.size:
            return place, count
        mine, first = owners[place], count
        if mine < 0:
            continue
        row = indices[place] // shape[2]
        x = indices[place] - row * shape[2]
        z = row // shape[1]
        y = row - z * shape[1]
        for k in range(bases.size):
            c, b = z + rows[k, 0], y + rows[k, 1]
            if b < 0 or c >= shape[0] or b >= shape[1]:
                continue
            other = c * shape[1] + b
            offset = other * shape[2]
            low, high = row_starts[other], row_starts[other + 1]
            near = low + np.searchsorted(indices[low:high], offset + max(x + rows[k, 2], 0))
            last = offset + min(x + rows[k, 3], shape[2] - 1)
            while near < high and indices[near] <= last:
                theirs = owners[near]
                if theirs >= 0 and theirs != mine:
                    length = bases[k] + ((indices[near] - offset - x) * step) ** 2
                    pair = (np.int64(min(mine, theirs)) << 32) | max(mine, theirs)
                    at = first
                    while at < count and pairs[at] != pair:
                        at += 1
                    if at == count:
                        pairs[at], lengths[at] = pair, length
                        count += 1
                    else:
                        lengths[at] = min(lengths[at], length)
                near += 1
    return indices.size, count


def _nearest(pairs: Indices, lengths: NDArray[np.float64]) -> tuple[Indices, NDArray[np.float64]]:
    """Return every pair once, with its smallest distance."""
    order = np.lexsort((lengths, pairs))
    unique, firsts = np.unique(pairs[order], return_index=True)
    return unique, lengths[order][firsts]


@compiled
def _roots(parents: Places) -> Places:
    roots = np.empty_like(parents)
    for n in range(parents.size):
        roots[n] = find_root(parents, n)
    return roots


def _joined(
    groups: RegionGroups, values: NDArray[np.float32], roots: Places, min_count: int
) -> RegionGroups:
    """Return the groups of each root as one."""
    kept, group = np.unique(roots, return_inverse=True)
    counts = np.bincount(group, groups.counts, kept.size).astype(np.int64)
    errors = np.bincount(group, groups.errors, kept.size).astype(np.float64)
    sums = np.bincount(group, groups.sums, kept.size).astype(np.float64)
    ranking = np.argsort(-errors, kind="stable")
    ranking = ranking[counts[ranking] >= min_count]
    rank = np.full(kept.size, ranking.size, np.int64)
    rank[ranking] = np.arange(ranking.size)
    of_member = np.repeat(rank[group], groups.counts)
    members = groups.members[np.argsort(of_member, kind="stable")]
    # The highest peak of each, the first in memory among equals.
    best = np.lexsort((groups.peaks, -values[groups.peaks], group))
    firsts = best[np.unique(group[best], return_index=True)[1]]
    boxes = np.empty((kept.size, 6), np.int64)
    for axis in range(3):
        boxes[:, axis] = np.iinfo(np.int64).max
        np.minimum.at(boxes[:, axis], group, groups.boxes[:, axis])
        boxes[:, axis + 3] = 0
        np.maximum.at(boxes[:, axis + 3], group, groups.boxes[:, axis + 3])
    return RegionGroups(
        groups.voxels,
        members[: int(counts[ranking].sum())],
        np.cumsum(counts[ranking]),
        errors[ranking],
        sums[ranking],
        groups.peaks[firsts][ranking],
        boxes[ranking],
    )
