"""The component trees of a source: built when first needed, kept for the next threshold."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.blockwise_regions import find_regions_blockwise
from napari_bayesseg.numerics.component_tree import (
    BYTES_PER_VOXEL,
    ComponentTree,
    build_component_tree,
)
from napari_bayesseg.numerics.pieces import Pieces, find_pieces
from napari_bayesseg.numerics.region_groups import RegionGroups
from napari_bayesseg.numerics.region_merging import merge_near
from napari_bayesseg.numerics.regions import (
    DEFAULT_PERSISTENCE,
    least_count,
)
from napari_bayesseg.numerics.sparse_voxels import SparseVoxels
from napari_bayesseg.numerics.threshold_levels import ThresholdLevels
from napari_bayesseg.review.regions.available_memory import available_memory
from napari_bayesseg.review.regions.region_settings import RegionSettings, default_extent

if TYPE_CHECKING:
    from napari_bayesseg.review.regions.region_source import RegionSource

__all__ = ["FLOOR_SHARES", "RegionTree", "TreeCache", "VoxelTable"]

FLOOR_SHARES = (0.05, 0.1, 0.2, 0.4)
"""Of the voxels that a tree holds: the smallest that reaches down to the threshold, or else all.
Pieces are those of that floor, so that regions depend on the settings alone."""

_LEAST_RANGE = 1e-30  # where all voxels above the floor are alike
_KEPT = 2


@dataclass(frozen=True, eq=False)
class VoxelTable:
    """Some voxels and what regions need of them.

    Attributes
    ----------
    voxels : SparseVoxels
        n of them.
    values, expected_error : (n,) float32
    labels : (n,) int
        Predicted classes.
    """

    voxels: SparseVoxels
    values: NDArray[np.float32]
    expected_error: NDArray[np.float32]
    labels: NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class RegionTree:
    """What regions above a floor are found in.

    Attributes
    ----------
    floor, extent : float
        Longer regions than the extent were cut, in the scan's unit.
    pieces : Pieces
        What they were cut into.
    levels : ThresholdLevels
        Thresholds at which regions can be had at once.
    table : VoxelTable or None
        The voxels above the floor.
    tree : ComponentTree or None
        None, as is the table, where there is no room for it: regions are then labelled slab by
        slab for every threshold.
    """

    floor: float
    extent: float
    pieces: Pieces
    levels: ThresholdLevels
    table: VoxelTable | None
    tree: ComponentTree | None

    def regions(
        self, source: RegionSource, settings: RegionSettings
    ) -> tuple[RegionGroups, VoxelTable]:
        """Return the regions, the most expected error first, and the voxels that they are of."""
        spacing = source.geometry.spacing
        least = least_count(settings.min_volume, source.geometry.voxel_volume)
        distance = settings.merge_distance
        first = 1 if distance else least
        if self.tree is not None and self.table is not None:
            table = self.table
            groups = self.tree.regions(settings.lower, first)
        else:
            table = source.gather(settings.lower)
            groups = find_regions_blockwise(
                table.voxels,
                table.values,
                table.expected_error,
                self.pieces,
                spacing,
                self.extent,
                first,
            )
        if distance:
            groups = merge_near(groups, table.values, spacing, distance, self.extent, least)
        return groups, table


class TreeCache:
    """Keeps the last trees; threads take turns."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[RegionTree] = []

    def get(
        self, source: RegionSource, settings: RegionSettings, *, nearby: bool = False
    ) -> RegionTree:
        """Return a tree that has the lower threshold of the settings among its levels.

        Parameters
        ----------
        source : RegionSource
        settings : RegionSettings
        nearby : bool
            Whether a level just below the threshold is good enough.
        """
        extent = settings.max_extent or default_extent(source.shape, source.geometry.spacing)
        lower = settings.lower
        with self._lock:
            floor = _floor(source, lower)
            for tree in self._kept:
                if (tree.floor, tree.extent) == (floor, extent) and (
                    nearby or tree.tree is None or tree.levels.holds(lower) or lower < floor
                ):
                    return tree
            # At most two at a time, and an old one of the same floor makes room first.
            self._kept = [t for t in self._kept if (t.floor, t.extent) != (floor, extent)]
            del self._kept[_KEPT - 1 :]
            tree = _build(source, lower, floor, extent)
            self._kept.insert(0, tree)
            return tree


def _floor(source: RegionSource, lower: float) -> float:
    """Return the highest floor that is not above a threshold."""
    floors = map(source.curve.edge_below, FLOOR_SHARES)
    lowest = float(np.nextafter(np.float32(source.bounds[0]), np.float32(-np.inf)))
    return next((floor for floor in floors if np.float32(floor) <= np.float32(lower)), lowest)


def _build(source: RegionSource, lower: float, floor: float, extent: float) -> RegionTree:
    spacing, highest = source.geometry.spacing, source.bounds[1]
    levels = ThresholdLevels.between(floor, highest, (lower,))
    h = DEFAULT_PERSISTENCE * max(highest - floor, _LEAST_RANGE)
    if not _fits(source, floor):
        parts = ((t.voxels, t.values - np.float32(floor)) for t in source.gather_parts(floor))
        pieces = find_pieces(parts, source.shape, spacing, extent, h)
        return RegionTree(floor, extent, pieces, levels, None, None)
    table = source.gather(floor)
    heights = table.values - np.float32(floor)
    pieces = find_pieces([(table.voxels, heights)], source.shape, spacing, extent, h)
    tree = build_component_tree(
        table.voxels, table.values, table.expected_error, levels, pieces, spacing, extent
    )
    return RegionTree(floor, extent, pieces, levels, table, tree)


def _fits(source: RegionSource, floor: float) -> bool:
    """Whether the tree above a floor takes less than half of the memory that is left."""
    available = available_memory()
    count = source.curve.share_above(floor) * float(source.curve.counts.sum())
    return available is None or count * BYTES_PER_VOXEL < available / 2
