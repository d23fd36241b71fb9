"""The floods behind a max-tree: block by block, then joined along the faces of the blocks.

A voxel's parent is a voxel of its component at the same level or at the next lower one. While trees
are joined it stands beside the voxel's own level in one number, so that one look at the memory is
enough for both.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.compilation import compiled
from napari_bayesseg.numerics.sparse_voxels import neighbour_places

__all__ = ["blocks_of", "canonical_parents", "flood_blocks", "join_blocks"]

Indices = NDArray[np.int64]
Places = NDArray[np.int32]
Levels = NDArray[np.uint16]


@compiled
def blocks_of(indices: Indices, shape: Indices, block: int) -> NDArray[np.uint32]:
    """Return the number of each voxel's block."""
    high = -(-shape[1] // block)
    wide = -(-shape[2] // block)
    blocks = np.empty(indices.size, np.uint32)
    for n in range(indices.size):
        row = indices[n] // shape[2]
        x = indices[n] - row * shape[2]
        z = row // shape[1]
        y = row - z * shape[1]
        blocks[n] = ((z // block) * high + y // block) * wide + x // block
    return blocks


@compiled
def _root(roots: Places, place: int) -> int:
    while roots[place] != place:
        roots[place] = roots[roots[place]]
        place = roots[place]
    return place


@compiled
def flood_blocks(
    blocks: Indices,
    starts: Indices,
    ends: Indices,
    members: Places,
    indices: Indices,
    shape: Indices,
    levels: Levels,
    groups: Places,
    block: int,
    links: Indices,
) -> None:
    """Flood each block by itself, with its voxels in small arrays of their own."""
    local_shape = np.array([block, block, block])
    row_starts = np.empty(block * block + 1, np.int64)
    for b in blocks:
        places = members[starts[b] : ends[b]]
        count = places.size
        local = np.empty(count, np.int64)
        heights = np.empty(count, np.uint16)
        kinds = np.empty(count if groups.size > 0 else 0, np.int32)
        row_starts[:] = 0
        for n in range(count):
            row = indices[places[n]] // shape[2]
            x = (indices[places[n]] - row * shape[2]) % block
            z = row // shape[1]
            y = (row - z * shape[1]) % block
            z %= block
            local[n] = (z * block + y) * block + x
            heights[n] = levels[places[n]]
            if groups.size > 0:
                kinds[n] = groups[places[n]]
            row_starts[z * block + y + 1] += 1
        for row in range(block * block):
            row_starts[row + 1] += row_starts[row]
        parents = _flood(local, row_starts, local_shape, heights, kinds)
        for n in range(count):
            links[places[n]] = (np.int64(heights[n]) << 32) | places[parents[n]]


@compiled
def _ascending(levels: Levels) -> Places:
    """Return the voxels from the lowest to the highest, by counting."""
    firsts = np.zeros(int(levels.max()) + 2, dtype=np.int64)
    for n in range(levels.size):
        firsts[levels[n] + 1] += 1
    for level in range(firsts.size - 1):
        firsts[level + 1] += firsts[level]
    order = np.empty(levels.size, dtype=np.int32)
    for n in range(levels.size):
        order[firsts[levels[n]]] = n
        firsts[levels[n]] += 1
    return order


@compiled
def _flood(
    indices: Indices, row_starts: Indices, shape: Indices, levels: Levels, groups: Places
) -> Places:
    """Return each voxel's parent: a voxel of its component that was flooded later, or itself.

    `roots` is a forest balanced by size; `lowest` tells the voxel that was flooded last in each
    of its sets.
    """
    order = _ascending(levels)
    count = order.size
    parents = np.empty(count, dtype=np.int32)
    roots = np.empty(count, dtype=np.int32)
    sizes = np.zeros(count, dtype=np.int32)
    lowest = np.empty(count, dtype=np.int32)
    found = np.empty(27, dtype=np.int64)
    for n in range(count - 1, -1, -1):
        place = order[n]
        parents[place] = roots[place] = lowest[place] = place
        sizes[place] = 1
        mine = place
        for k in range(neighbour_places(place, indices, row_starts, shape, found)):
            other = found[k]
            if sizes[other] == 0 or (groups.size > 0 and groups[other] != groups[place]):
                continue
            theirs = _root(roots, other)
            if theirs == mine:
                continue
            parents[lowest[theirs]] = place
            if sizes[theirs] > sizes[mine]:
                mine, theirs = theirs, mine
            roots[theirs] = mine
            sizes[mine] += sizes[theirs]
            lowest[mine] = place
    return parents


@compiled
def _parent(link: int) -> int:
    return link & 0xFFFFFFFF


@compiled
def _level_root(links: Indices, place: int) -> int:
    """Return the voxel that stands for the node of a voxel, shortening the way to it."""
    root = place
    level = links[root] >> 32
    while True:
        following = _parent(links[root])
        if following == root or links[following] >> 32 != level:
            break
        root = following
    while place != root:
        following = _parent(links[place])
        links[place] = (level << 32) | root
        place = following
    return root


@compiled
def join_blocks(
    indices: Indices,
    row_starts: Indices,
    shape: Indices,
    blocks: NDArray[np.unsignedinteger[Any]],
    groups: Places,
    block: int,
    links: Indices,
) -> None:
    """Join the trees wherever neighbours lie in different blocks; canonical parents at the end."""
    found = np.empty(27, dtype=np.int64)
    for place in range(indices.size):
        row = indices[place] // shape[2]
        x = (indices[place] - row * shape[2]) % block
        y = (row % shape[1]) % block
        z = (row // shape[1]) % block
        if z > 0 and 0 < y < block - 1 and 0 < x < block - 1:
            continue
        for k in range(neighbour_places(place, indices, row_starts, shape, found)):
            other = found[k]
            if other > place or blocks[other] == blocks[place]:
                continue
            if groups.size > 0 and groups[other] != groups[place]:
                continue
            _connect(links, place, other)


@compiled
def _connect(links: Indices, first: int, second: int) -> None:
    """Merge the ways of two neighbours to their roots into one."""
    high, low = _level_root(links, first), _level_root(links, second)
    if links[low] >> 32 > links[high] >> 32:
        high, low = low, high
    while high != low:
        below = _parent(links[high])
        is_root = below == high
        if not is_root:
            below = _level_root(links, below)
        if not is_root and links[below] >> 32 >= links[low] >> 32:
            high = below
        else:
            links[high] = (links[high] >> 32 << 32) | low
            if is_root:
                return
            high, low = low, below


@compiled
def canonical_parents(links: Indices) -> Places:
    """Return canonical parents: of each voxel the one that stands for its node, or for the next."""
    parents = np.empty(links.size, dtype=np.int32)
    for place in range(links.size):
        parents[place] = _level_root(links, _parent(links[place]))
    return parents
