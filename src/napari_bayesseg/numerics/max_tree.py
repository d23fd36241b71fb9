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

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.compilation import compiled
from napari_bayesseg.numerics.max_tree_flood import (
    blocks_of,
    canonical_parents,
    flood_blocks,
    join_blocks,
)
from napari_bayesseg.numerics.sparse_voxels import SparseVoxels

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
    links = np.empty(voxels.count, np.int64)
    blocks = blocks_of(voxels.indices, shape, block)
    if blocks.max(initial=0) < 2**16:
        blocks = blocks.astype(np.uint16)  # numbers of 16 bits are sorted by counting
    members = np.argsort(blocks, kind="stable").astype(np.int32)
    ends = np.cumsum(np.bincount(blocks))
    starts = np.concatenate([[0], ends[:-1]])
    filled = np.flatnonzero(ends > starts)

    def flood(part: Indices) -> None:
        flood_blocks(
            part, starts, ends, members, voxels.indices, shape, levels, kinds, block, links
        )

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(flood, np.array_split(filled, max(1, 4 * threads))))
    join_blocks(voxels.indices, voxels.row_starts, shape, blocks, kinds, block, links)
    return MaxTree(*_number(canonical_parents(links), levels))


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
