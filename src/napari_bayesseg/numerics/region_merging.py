"""Joining regions that lie near each other, such as the fragments of one streak."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
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
    offsets, squares = _ball(spacing, distance)
    shape = np.array(groups.voxels.shape)
    owners = groups.group_of_places()
    pairs, lengths = _near_pairs(
        groups.voxels.indices, groups.voxels.row_starts, shape, owners, offsets, squares,
    )  # fmt: skip
    boxes = groups.boxes.astype(np.int64)
    parents = np.arange(groups.size, dtype=np.int32)
    if pairs.size:
        pairs, nearest = _nearest(pairs, lengths)
        _join(pairs[np.lexsort((pairs, nearest))], boxes, longest(spacing, extent), parents)
    return _joined(groups, values, _roots(parents), min_count)


def _ball(spacing: Spacing, distance: float) -> tuple[Indices, NDArray[np.float64]]:
    """Return half of the offsets within a distance, each with its squared length."""
    reach = [int(distance / step) for step in spacing]
    if np.prod([2.0 * n + 1 for n in reach]) > MOST_OFFSETS:
        raise SettingsError(
            f"merge_distance must span fewer than {MOST_OFFSETS} voxels; {distance:g} is "
            f"{max(reach)} voxels: take a smaller one"
        )
    axes = [np.arange(-n, n + 1) for n in reach]
    offsets = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    squares = ((offsets * np.asarray(spacing)) ** 2).sum(axis=1)
    later = np.arange(len(offsets)) > len(offsets) // 2  # the other half sees the same pairs
    chosen = later & (squares <= distance**2 * (1 + 1e-9))
    return offsets[chosen].astype(np.int64), squares[chosen]


@compiled
def _near_pairs(
    indices: Indices,
    row_starts: Indices,
    shape: Indices,
    owners: Places,
    offsets: Indices,
    squares: NDArray[np.float64],
) -> tuple[Indices, NDArray[np.float64]]:
    """Return pairs of groups, packed into one number, with the squared distance of two voxels."""
    pairs = np.empty(1024, np.int64)
    lengths = np.empty(1024)
    count = 0
    for place in range(indices.size):
        mine = owners[place]
        if mine < 0:
            continue
        row = indices[place] // shape[2]
        x = indices[place] - row * shape[2]
        z = row // shape[1]
        y = row - z * shape[1]
        for k in range(squares.size):
            c, b, a = z + offsets[k, 0], y + offsets[k, 1], x + offsets[k, 2]
            if c < 0 or b < 0 or a < 0 or c >= shape[0] or b >= shape[1] or a >= shape[2]:
                continue
            other = c * shape[1] + b
            low, high = row_starts[other], row_starts[other + 1]
            wanted = other * shape[2] + a
            near = low + np.searchsorted(indices[low:high], wanted)
            if near >= high or indices[near] != wanted:
                continue
            theirs = owners[near]
            if theirs < 0 or theirs == mine:
                continue
            if count == pairs.size:
                pairs = np.concatenate((pairs, np.empty_like(pairs)))
                lengths = np.concatenate((lengths, np.empty_like(lengths)))
            pairs[count] = (np.int64(min(mine, theirs)) << 32) | max(mine, theirs)
            lengths[count] = squares[k]
            count += 1
    return pairs[:count], lengths[:count]


def _nearest(pairs: Indices, lengths: NDArray[np.float64]) -> tuple[Indices, NDArray[np.float64]]:
    """Return every pair once, with its smallest distance."""
    order = np.lexsort((lengths, pairs))
    unique, firsts = np.unique(pairs[order], return_index=True)
    return unique, lengths[order][firsts]


@compiled
def _join(pairs: Indices, boxes: Indices, limits: NDArray[np.float64], parents: Places) -> None:
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
