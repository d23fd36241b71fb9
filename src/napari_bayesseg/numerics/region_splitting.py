"""Cutting components that are too large to be judged at a glance (whole boundary shells).

Two cuts, both along the 26-neighbourhood and on the voxels of the large components only:

1. *Hot spots*: voxels are flooded from the highest down, as in a watershed. Where two basins meet,
   the one with the lower peak is merged into the other if its peak stands less than `h` above the
   meeting point, and keeps its own label otherwise: one basin per h-maximum.
2. *Size*: basins still too large (a shell is one ridge of nearly equal height) are cut into
   patches. Seeds are taken from the highest voxel down, each at a distance from the earlier ones,
   and grow evenly as far as half the largest extent; so a patch is connected and never larger.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.compilation import compiled

__all__ = ["label_hot_spots", "label_patches"]

Indices = NDArray[np.int64]
Labels = NDArray[np.int32]
Doubles = NDArray[np.float64]

# Seeds stand this share of the radius of a patch apart: fewer seeds, larger patches.
_SEED_DISTANCE = 1.0
# Radius along an axis whose voxels are longer than a patch, in voxels: less than one.
_FLAT_RADIUS = 0.25


def label_hot_spots(measure: NDArray[np.float32], inside: Indices, h: float) -> Labels:
    """Label the basins of the h-maxima of the measure, averaged over 3 x 3 x 3 voxels.

    Averaged, because on a thin shell the height of single voxels depends on how the boundary falls
    between them; that would make every other voxel a hot spot.

    Parameters
    ----------
    measure : (Z, Y, X) float32
    inside : (n,) int64
        Flat indices of the voxels to label; ties in height are settled by their order.
    h : float
        Least height of a peak above the pass to a higher one, in the measure's unit.

    Returns
    -------
    (n,) int32
        Labels 0, 1, ... in order of the peaks' height.

    References
    ----------
    Edelsbrunner, Letscher & Zomorodian, "Topological persistence and simplification", 2002
    (the elder rule, here for the superlevel sets of a volume).
    """
    shape = np.array(measure.shape)
    heights = _local_means(measure.reshape(-1), shape, inside)
    order = np.argsort(-heights, kind="stable")
    rank = np.full(measure.size, -1, dtype=np.int32)
    labels = np.empty(inside.size, dtype=np.int32)
    labels[order] = _flood(heights[order], shape, inside[order], rank, float(h))
    return labels


def label_patches(
    shape: tuple[int, int, int],
    order: Indices,
    basins: Labels,
    spacing: tuple[float, float, float],
    max_extent: float,
) -> Labels:
    """Cut every basin into connected patches of at most `max_extent` along each axis.

    Parameters
    ----------
    shape : (Z, Y, X)
        Of the volume.
    order : (n,) int64
        Flat indices of the voxels to cut, from the most wanted seed to the least.
    basins : (n,) int32
        Label of each of them; no patch crosses from one into another.
    spacing : (z, y, x)
        Of the voxels, in the unit of `max_extent`. Where a voxel is longer than `max_extent`,
        patches are one voxel thick.

    Returns
    -------
    (n,) int32
        Labels 0, 1, ... in order of the seeds.
    """
    steps = np.asarray(spacing, dtype=np.float64)
    radii = np.maximum((max_extent - steps) / 2, _FLAT_RADIUS * steps) / steps
    rank = np.full(int(np.prod(shape)), -1, dtype=np.int32)
    return _grow(np.array(shape), order, basins, rank, radii)


@compiled
def _root(parents: Labels, label: int) -> int:
    while parents[label] != label:
        parents[label] = parents[parents[label]]
        label = parents[label]
    return label


@compiled
def _neighbours(index: int, shape: Indices, found: Indices) -> int:
    """Write the flat indices of the up to 26 neighbours to `found`; returns how many."""
    plane = shape[1] * shape[2]
    z, y, x = index // plane, index // shape[2] % shape[1], index % shape[2]
    count = 0
    for k in range(max(z - 1, 0), min(z + 2, shape[0])):
        for j in range(max(y - 1, 0), min(y + 2, shape[1])):
            for i in range(max(x - 1, 0), min(x + 2, shape[2])):
                found[count] = k * plane + j * shape[2] + i
                count += found[count] != index
    return count


@compiled
def _local_means(values: NDArray[np.float32], shape: Indices, inside: Indices) -> Doubles:
    """Mean of every voxel and its neighbours, without those that are NaN."""
    means = np.empty(inside.size)
    found = np.empty(27, dtype=np.int64)
    for n in range(inside.size):
        total, count = np.float64(values[inside[n]]), 1
        for k in range(_neighbours(inside[n], shape, found)):
            value = values[found[k]]
            if not np.isnan(value):
                total += value
                count += 1
        means[n] = total / count
    return means


@compiled
def _flood(heights: Doubles, shape: Indices, order: Indices, rank: Labels, h: float) -> Labels:
    """Flood from the highest voxel down; `rank` maps a flat index to its place in `order`."""
    labels = np.empty(order.size, dtype=np.int32)
    parents = np.empty(order.size, dtype=np.int32)
    peaks = np.empty(order.size)
    found = np.empty(27, dtype=np.int64)
    num_basins = 0
    for n in range(order.size):
        count = _neighbours(order[n], shape, found)
        highest = -1
        for k in range(count):
            # Only voxels flooded before have a rank yet.
            if rank[found[k]] >= 0 and (highest < 0 or rank[found[k]] < highest):
                highest = rank[found[k]]
        rank[order[n]] = n
        if highest < 0:
            labels[n] = parents[num_basins] = num_basins
            peaks[num_basins] = heights[n]
            num_basins += 1
            continue
        labels[n] = _root(parents, labels[highest])
        for k in range(count):
            if rank[found[k]] >= 0:
                mine, other = _root(parents, labels[n]), _root(parents, labels[rank[found[k]]])
                # Basins are numbered from the highest peak down: the elder has the lower number.
                elder, younger = min(mine, other), max(mine, other)
                if elder != younger and peaks[younger] - heights[n] < h:
                    parents[younger] = elder
    return _renumber(labels, parents, num_basins)


@compiled
def _renumber(labels: Labels, parents: Labels, num_basins: int) -> Labels:
    """Replace labels by those of their roots, without gaps and in the same order."""
    names = np.full(num_basins, -1, dtype=np.int32)
    count = 0
    for label in range(num_basins):
        root = _root(parents, label)
        if names[root] < 0:
            names[root] = count
            count += 1
        names[label] = names[root]
    for n in range(labels.size):
        labels[n] = names[labels[n]]
    return labels


@compiled
def _distance(a: int, b: int, shape: Indices, radii: Doubles) -> float:
    """Squared distance of two flat indices, in radii."""
    plane = shape[1] * shape[2]
    z = (a // plane - b // plane) / radii[0]
    y = (a // shape[2] % shape[1] - b // shape[2] % shape[1]) / radii[1]
    x = (a % shape[2] - b % shape[2]) / radii[2]
    return float(z * z + y * y + x * x)


@compiled
def _grow(shape: Indices, order: Indices, basins: Labels, rank: Labels, radii: Doubles) -> Labels:
    """Sow and grow in rounds: what no seed could reach in one is sown anew in the next."""
    for n in range(order.size):
        rank[order[n]] = n
    patches = np.full(order.size, -1, dtype=np.int32)
    seeds = np.empty(order.size, dtype=np.int64)
    queue = np.empty(order.size, dtype=np.int64)
    found = np.empty(27, dtype=np.int64)
    num_seeds, num_done = 0, 0
    while num_done < order.size:
        first = num_seeds
        num_seeds = _sow(shape, order, basins, radii, patches, seeds, first)
        head, tail = 0, 0
        for s in range(first, num_seeds):
            queue[tail] = seeds[s]
            tail += 1
        while head < tail:
            n = queue[head]
            head += 1
            origin = order[seeds[patches[n]]]
            for k in range(_neighbours(order[n], shape, found)):
                m = rank[found[k]]
                if (
                    m >= 0
                    and patches[m] < 0
                    and basins[m] == basins[n]
                    and _distance(found[k], origin, shape, radii) <= 1.0
                ):
                    patches[m] = patches[n]
                    queue[tail] = m
                    tail += 1
        num_done += tail
    return patches


@compiled
def _sow(
    shape: Indices,
    order: Indices,
    basins: Labels,
    radii: Doubles,
    patches: Labels,
    seeds: Indices,
    first: int,
) -> int:
    """Make every voxel without a patch a seed that has no seed of its basin nearby.

    Seeds are kept in lists by cells of a coarse grid, so that only 27 cells are searched.
    """
    cells = np.maximum(_SEED_DISTANCE * radii, 1.0)
    grid = (shape / cells).astype(np.int64) + 3
    heads = np.full(grid[0] * grid[1] * grid[2], -1, dtype=np.int32)
    following = np.empty(order.size, dtype=np.int32)
    plane = shape[1] * shape[2]
    num_seeds = first
    for n in range(order.size):
        if patches[n] >= 0:
            continue
        z = int((order[n] // plane) / cells[0]) + 1
        y = int((order[n] // shape[2] % shape[1]) / cells[1]) + 1
        x = int((order[n] % shape[2]) / cells[2]) + 1
        is_free = True
        for k in range(27):
            cell = ((z + k // 9 - 1) * grid[1] + y + k // 3 % 3 - 1) * grid[2] + x + k % 3 - 1
            s = heads[cell]
            while s >= 0 and is_free:
                near = _distance(order[n], order[seeds[s]], shape, radii) < _SEED_DISTANCE**2
                is_free = not (near and basins[n] == basins[seeds[s]])
                s = following[s]
        if is_free:
            cell = (z * grid[1] + y) * grid[2] + x
            seeds[num_seeds], patches[n] = n, num_seeds
            following[num_seeds], heads[cell] = heads[cell], num_seeds
            num_seeds += 1
    return num_seeds
