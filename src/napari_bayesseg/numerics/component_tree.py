"""The component tree of a measure: its regions above any threshold, without labelling anew.

Two max-trees of the voxels above a floor are kept. In the first, components are those of the whole
volume; in the second, they end at the faces of pieces (:mod:`~napari_bayesseg.numerics.pieces`).
Above a threshold a region is a component of the first tree if that is short enough, and otherwise
one of the second: a shell that joins everything falls into places that fit the screen.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.compilation import compiled
from napari_bayesseg.numerics.max_tree import MaxTree, build_max_tree
from napari_bayesseg.numerics.node_summary import NodeSummary, summarise_nodes
from napari_bayesseg.numerics.pieces import Pieces, longest
from napari_bayesseg.numerics.region_groups import RegionGroups
from napari_bayesseg.numerics.sparse_voxels import SparseVoxels
from napari_bayesseg.numerics.threshold_levels import ThresholdLevels

__all__ = ["BYTES_PER_VOXEL", "ComponentTree", "build_component_tree"]

Places = NDArray[np.int32]
Indices = NDArray[np.int64]
Singles = NDArray[np.float32]
Levels = NDArray[np.uint16]
Spacing = tuple[float, float, float]

BYTES_PER_VOXEL = 200
"""Memory for each voxel above the floor, at the highest, while the trees are built."""


@dataclass(frozen=True, eq=False)
class ComponentTree:
    """The regions of a measure above any threshold from a floor on.

    Attributes
    ----------
    voxels : SparseVoxels
        Above the floor; n of them.
    values, expected_error : (n,) float32
    levels : ThresholdLevels
        Thresholds that regions can be asked for.
    whole, cut : MaxTree
        Components of the volume, and of its pieces.
    whole_summary, cut_summary : NodeSummary
    whole_fits : (m,) bool
        Which components of the volume are short enough to be a region.
    fit_levels : (k,) uint16
        Of each component of the pieces: the level from which on the component of the volume that
        holds its peak is short enough.
    """

    voxels: SparseVoxels
    values: Singles
    expected_error: Singles
    levels: ThresholdLevels
    whole: MaxTree
    cut: MaxTree
    whole_summary: NodeSummary
    cut_summary: NodeSummary
    whole_fits: NDArray[np.bool_]
    fit_levels: Levels

    @property
    def nbytes(self) -> int:
        """Memory that the tree keeps."""
        parts = (self, self.voxels, self.levels, self.whole, self.cut)
        summaries = (self.whole_summary, self.cut_summary)
        return sum(
            value.nbytes
            for part in (*parts, *summaries)
            for value in vars(part).values()
            if isinstance(value, np.ndarray)
        )

    def regions(self, threshold: float, min_count: int = 1) -> RegionGroups:
        """Return the regions above a threshold, the most expected error first.

        Parameters
        ----------
        threshold : float
            In the measure's unit; :meth:`ThresholdLevels.snap` of it is used.
        min_count : int
            Smaller regions are left out, in voxels.
        """
        level = self.levels.level(threshold)
        whole = self.whole.components(level)
        whole = whole[self.whole_fits[whole] & (self.whole.counts[whole] >= min_count)]
        cut = self.cut.components(level)
        cut = cut[(self.fit_levels[cut] > level) & (self.cut.counts[cut] >= min_count)]
        trees = ((self.whole, self.whole_summary, whole), (self.cut, self.cut_summary, cut))
        errors = np.concatenate([summary.errors[nodes] for _, summary, nodes in trees])
        ranking = np.argsort(-errors, kind="stable")
        counts = np.concatenate([tree.counts[nodes] for tree, _, nodes in trees])[ranking]
        starts = np.concatenate([tree.starts[nodes] for tree, _, nodes in trees])[ranking]
        members = np.empty(int(counts.sum(dtype=np.int64)), np.int32)
        is_cut = ranking >= whole.size
        _copy_members(self.whole.order, self.cut.order, is_cut, starts, counts, members)
        return RegionGroups(
            self.voxels,
            members,
            np.cumsum(counts, dtype=np.int64),
            errors[ranking],
            np.concatenate([summary.sums[nodes] for _, summary, nodes in trees])[ranking],
            np.concatenate([summary.peaks[nodes] for _, summary, nodes in trees])[ranking],
            np.concatenate([summary.boxes[nodes] for _, summary, nodes in trees])[ranking],
        )


def build_component_tree(
    voxels: SparseVoxels,
    values: Singles,
    expected_error: Singles,
    levels: ThresholdLevels,
    pieces: Pieces,
    spacing: Spacing,
    extent: float,
    *,
    threads: int = 2,
) -> ComponentTree:
    """Build the trees.

    Parameters
    ----------
    voxels : SparseVoxels
        All voxels whose value is above the floor of `levels`.
    values, expected_error : (n,) float32
        The measure, and one minus the largest mean probability.
    levels : ThresholdLevels
    pieces : Pieces
        What components that are too long are cut into.
    spacing : (z, y, x)
        Distance between voxel centres.
    extent : float
        Longer components are cut, in the spacing's unit.
    threads : int
        At most so many at a time.
    """
    heights = levels.of(values)

    def build_cut() -> tuple[MaxTree, NodeSummary]:
        tree = build_max_tree(voxels, heights, pieces.of(voxels))
        return tree, summarise_nodes(tree, voxels, values, expected_error)

    def build_whole() -> tuple[MaxTree, NodeSummary]:
        tree = build_max_tree(voxels, heights)
        return tree, summarise_nodes(tree, voxels, values, expected_error)

    with ThreadPoolExecutor(threads) as pool:
        parts = [pool.submit(build) for build in (build_cut, build_whole)]
        (cut, cut_summary), (whole, whole_summary) = (part.result() for part in parts)
    fits = whole_summary.fit(longest(spacing, extent))
    fit_levels = _fit_levels(whole.parents, whole.levels, whole.parent_levels, fits)
    return ComponentTree(
        voxels,
        values,
        expected_error,
        levels,
        whole,
        cut,
        whole_summary,
        cut_summary,
        fits,
        fit_levels[whole.nodes[cut_summary.peaks]],
    )


@compiled
def _fit_levels(
    parents: Places, levels: Levels, parent_levels: Levels, fits: NDArray[np.bool_]
) -> Levels:
    """Return for the voxels of each node from which level on their component is short enough."""
    found = np.empty(parents.size, np.uint16)
    for node in range(parents.size):
        if not fits[node]:
            found[node] = levels[node] + 1
        elif parents[node] >= 0 and fits[parents[node]]:
            found[node] = found[parents[node]]
        else:
            found[node] = parent_levels[node]
    return found


@compiled
def _copy_members(
    whole: Places,
    cut: Places,
    is_cut: NDArray[np.bool_],
    starts: Places,
    counts: Places,
    members: Places,
) -> None:
    filled = 0
    for region in range(starts.size):
        order = cut if is_cut[region] else whole
        for n in range(starts[region], starts[region] + counts[region]):
            members[filled] = order[n]
            filled += 1
