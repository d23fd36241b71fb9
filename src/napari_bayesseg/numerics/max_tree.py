"""The max-tree of some voxels: which components they form above every level.

A node is a connected component of the voxels at or above one level, as long as it doesn't change;
lower down it grows into its parent, perhaps together with others. The voxels of a node and of all
above it lie side by side in one order, so that a component is a slice.

Blocks of the volume are flooded one by one, because a block fits the processor's cache and the
whole doesn't, and their trees are then joined along the faces of the blocks.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.compilation import compiled
from napari_bayesseg.numerics.sparse_voxels import SparseVoxels, neighbour_places

__all__ = ["DEFAULT_BLOCK", "MaxTree", "build_max_tree"]

Indices = NDArray[np.int64]
Places = NDArray[np.int32]
Levels = NDArray[np.uint16]

DEFAULT_BLOCK = 64
"""Voxels along a side of what is flooded at once."""


@dataclass(frozen=True, eq=False)
class MaxTree:
    """Nodes, m of them, each after its parent; n voxels.

    Attributes
    ----------
    parents : (m,) int32
        Node lower down; -1 for a root.
    levels, parent_levels : (m,) uint16
        Level of the node; of its parent plus one (0 for a root). The node is a component at all
        levels from the latter to the former.
    starts, counts : (m,) int32
        The voxels of the component are ``order[start : start + count]``.
    order : (n,) int32
        Places of the voxels, components side by side.
    nodes : (n,) int32
        Node of each voxel: the smallest component that it belongs to.
    """

    parents: Places
    levels: Levels
    parent_levels: Levels
    starts: Places
    counts: Places
    order: Places
    nodes: Places

    def components(self, level: int) -> Indices:
        """Return the nodes that are the components at a level."""
        return np.flatnonzero((self.levels >= level) & (self.parent_levels <= level))


def build_max_tree(
    voxels: SparseVoxels,
    levels: Levels,
    groups: Places | None = None,
    *,
    block: int = DEFAULT_BLOCK,
    threads: int = 1,
) -> MaxTree:
    """Build the max-tree of voxels under 26-connectivity.

    Parameters
    ----------
    voxels : SparseVoxels
        At most 2**31 - 1.
    levels : (n,) uint16
        Height of each voxel, below 65535.
    groups : (n,) int32, optional
        Voxels of different groups are never connected.
    block : int
        Voxels along a side of the blocks; the tree is the same for all.
    threads : int

    References
    ----------
    Berger, Géraud, Levillain, Widynski, Baillard & Bertin, "Effective component tree computation
    with application to pattern recognition in astronomical imaging", 2007 (flooding by
    union-find). Wilkinson, Gao, Hesselink, Jonker & Meijster, "Concurrent computation of attribute
    filters on shared memory parallel machines", 2008 (joining the trees of neighbouring blocks).
    """
    shape = np.array(voxels.shape)
    kinds = np.zeros(0, np.int32) if groups is None else groups
    # A voxel's parent beside its own level: one look at the memory for both.
    links = np.empty(voxels.count, np.int64)
    blocks = _blocks_of(voxels.indices, shape, block)
    if blocks.max(initial=0) < 2**16:
        blocks = blocks.astype(np.uint16)  # numbers of 16 bits are sorted by counting
    members = np.argsort(blocks, kind="stable").astype(np.int32)
    ends = np.cumsum(np.bincount(blocks))
    starts = np.concatenate([[0], ends[:-1]])
    filled = np.flatnonzero(ends > starts)

    def flood(part: Indices) -> None:
        _flood_blocks(
            part, starts, ends, members, voxels.indices, shape, levels, kinds, block, links
        )

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(flood, np.array_split(filled, max(1, 4 * threads))))
    _join_blocks(voxels.indices, voxels.row_starts, shape, blocks, kinds, block, links)
    return MaxTree(*_number(_parents(links), levels))


@compiled
def _blocks_of(indices: Indices, shape: Indices, block: int) -> NDArray[np.uint32]:
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
def _flood_blocks(
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
def _join_blocks(
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
def _parents(links: Indices) -> Places:
    """Return canonical parents: of each voxel the one that stands for its node, or for the next."""
    parents = np.empty(links.size, dtype=np.int32)
    for place in range(links.size):
        parents[place] = _level_root(links, _parent(links[place]))
    return parents


@compiled
def _number(
    parents: Places, levels: Levels
) -> tuple[Places, Levels, Levels, Places, Places, Places, Places]:
    """Give the nodes numbers from the lowest up; lay each component's voxels side by side."""
    count = parents.size
    nodes = np.empty(count, dtype=np.int32)
    firsts = np.zeros(65536 + 1, dtype=np.int64)
    num_nodes = 0
    for place in range(count):
        parent = parents[place]
        if parent == place or levels[parent] != levels[place]:
            firsts[levels[place] + 1] += 1
            num_nodes += 1
    firsts = np.cumsum(firsts)
    for place in range(count):
        parent = parents[place]
        if parent == place or levels[parent] != levels[place]:
            nodes[place] = firsts[levels[place]]
            firsts[levels[place]] += 1
    node_parents = np.empty(num_nodes, dtype=np.int32)
    node_levels = np.empty(num_nodes, dtype=np.uint16)
    parent_levels = np.empty(num_nodes, dtype=np.uint16)
    counts = np.zeros(num_nodes, dtype=np.int32)
    for place in range(count):
        parent = parents[place]
        if parent != place and levels[parent] == levels[place]:
            nodes[place] = nodes[parent]
        else:
            node = nodes[place]
            node_levels[node] = levels[place]
            node_parents[node] = -1 if parent == place else nodes[parent]
            parent_levels[node] = 0 if parent == place else levels[parent] + 1
        counts[nodes[place]] += 1
    own = counts.copy()
    for node in range(num_nodes - 1, -1, -1):
        if node_parents[node] >= 0:
            counts[node_parents[node]] += counts[node]
    starts = np.empty(num_nodes, dtype=np.int32)
    ends = np.empty(num_nodes, dtype=np.int32)  # where the next child goes
    total = 0
    for node in range(num_nodes):
        parent = node_parents[node]
        if parent < 0:
            starts[node] = total
            total += counts[node]
        else:
            starts[node] = ends[parent]
            ends[parent] += counts[node]
        ends[node] = starts[node] + own[node]
    order = np.empty(count, dtype=np.int32)
    filled = starts.copy()
    for place in range(count):
        order[filled[nodes[place]]] = place
        filled[nodes[place]] += 1
    return node_parents, node_levels, parent_levels, starts, counts, order, nodes
