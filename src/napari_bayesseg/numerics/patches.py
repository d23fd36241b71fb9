"""Cutting a component without hot spots, such as a shell of even height, into patches.

Seeds are taken from the highest voxel down, each at a distance from the earlier ones, and grow
evenly along the 26-neighbourhood as far as half the largest extent; so a patch is connected and
never larger. Patches that fit the largest extent together are joined, those with the longest
contact first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.bounding_boxes import bounding_boxes, join_fitting
from napari_bayesseg.numerics.compilation import compiled
from napari_bayesseg.numerics.neighbourhood import find_neighbours, renumber

__all__ = ["label_patches"]

Indices = NDArray[np.int64]
Labels = NDArray[np.int32]
Doubles = NDArray[np.float64]

# Seeds stand this share of the radius of a patch apart: fewer seeds, larger patches.
_SEED_DISTANCE = 1.0
# Radius along an axis whose voxels are longer than a patch, in voxels: less than one.
_FLAT_RADIUS = 0.25


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
        Labels 0, 1, ... in order of the best seed of each.
    """
    steps = np.asarray(spacing, dtype=np.float64)
    radii = np.maximum((max_extent - steps) / 2, _FLAT_RADIUS * steps) / steps
    rank = np.full(int(np.prod(shape)), -1, dtype=np.int32)
    patches = _grow(np.array(shape), order, basins, rank, radii)
    contacts = _contacts(np.array(shape), order, basins, rank, patches)
    boxes = bounding_boxes(order, patches, shape)
    pairs, counts = np.unique(contacts, return_counts=True)
    pairs = pairs[np.argsort(-counts, kind="stable")]
    parents = np.arange(boxes.shape[0], dtype=np.int32)
    limits = np.maximum(np.floor(max_extent / steps * (1 + 1e-9)), 1.0)
    join_fitting(pairs, boxes, limits, parents)
    return renumber(patches, parents, boxes.shape[0])


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
            for k in range(find_neighbours(order[n], shape, found)):
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


@compiled
def _contacts(
    shape: Indices, order: Indices, basins: Labels, rank: Labels, patches: Labels
) -> Indices:
    """List the pairs of patches in one basin, as (first << 32) + second, once per contact."""
    found = np.empty(27, dtype=np.int64)
    pairs = np.empty(order.size, dtype=np.int64)
    count = 0
    for n in range(order.size):
        latest = -1
        for k in range(find_neighbours(order[n], shape, found)):
            m = rank[found[k]]
            if m < n or basins[m] != basins[n] or patches[m] == patches[n]:
                continue
            # One entry per voxel and run of equal neighbours is contact enough to rank by.
            if patches[m] != latest:
                latest = patches[m]
                if count == pairs.size:
                    pairs = np.concatenate((pairs, np.empty_like(pairs)))
                pairs[count] = (np.int64(min(patches[n], latest)) << 32) + max(patches[n], latest)
                count += 1
    return pairs[:count]
