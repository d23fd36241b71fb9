"""Regions: the places above a threshold that a person can judge one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.boundary_distance import check_shapes
from napari_bayesseg.numerics.component_tree import build_component_tree
from napari_bayesseg.numerics.pieces import find_pieces
from napari_bayesseg.numerics.region_groups import RegionGroups, class_shares, percentiles
from napari_bayesseg.numerics.region_list import Region, RegionList
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.numerics.sparse_voxels import SparseVoxels
from napari_bayesseg.numerics.threshold_levels import ThresholdLevels

__all__ = [
    "DEFAULT_EXTENT_VOXELS",
    "DEFAULT_PERSISTENCE",
    "Region",
    "RegionList",
    "check_sizes",
    "describe_regions",
    "find_regions",
    "least_count",
]

DEFAULT_EXTENT_VOXELS = 32
DEFAULT_PERSISTENCE = 0.2

Spacing = tuple[float, float, float]
Singles = NDArray[np.float32]

_PERCENTILE = 95.0


def describe_regions(
    groups: RegionGroups,
    ids: NDArray[np.integer[Any]],
    values: Singles,
    labels: NDArray[np.integer[Any]],
    num_classes: int,
    voxel_volume: float,
) -> RegionList:
    """Return groups of voxels as regions, in the same order.

    Parameters
    ----------
    groups : RegionGroups
    ids : (r,) int
        Of the regions.
    values, labels : (n,)
        The measure, and the predicted class, of every voxel of the groups' list.
    num_classes : int
    voxel_volume : float
        In cubic units of the spacing.
    """
    counts, shape = groups.counts, np.array(groups.voxels.shape)
    shares = class_shares(groups, labels, num_classes)
    boxes = groups.boxes.astype(np.int64)
    low, high = boxes[:, :3], boxes[:, 3:]
    return RegionList(
        np.asarray(ids, np.int64),
        counts,
        boxes,
        (counts * voxel_volume).astype(np.float64),
        groups.errors * voxel_volume,
        groups.sums / np.maximum(counts, 1),
        percentiles(groups, values, _PERCENTILE),
        values[groups.peaks].astype(np.float64),
        groups.voxels.coordinates(groups.peaks),
        np.argsort(-shares, axis=1, kind="stable"),
        np.count_nonzero(shares, axis=1),
        (((low == 0) | (high == shape)) & (shape > 1)).any(axis=1),
    )


def find_regions(
    measure: NDArray[np.floating[Any]],
    threshold: float,
    expected_error: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    voxel_volume: float,
    spacing: Spacing,
    *,
    max_extent: float | None = None,
    min_volume: float | None = None,
    h: float | None = None,
    valid: NDArray[np.bool_] | None = None,
) -> tuple[RegionList, RegionMap]:
    """Find the connected places where the measure exceeds the threshold; cut the large ones.

    Components longer than `max_extent` along an axis are cut into the pieces around their hot
    spots, none longer than that, so that no region is a whole shell. Cutting loses no voxel: the
    expected errors of all regions add up to that of the voxels above the threshold, if
    `min_volume` is None. For many thresholds of one measure build the
    :class:`~napari_bayesseg.numerics.component_tree.ComponentTree` once.

    Parameters
    ----------
    measure : (Z, Y, X) float
        NaN is below any threshold.
    threshold : float
        In the measure's unit; strictly above it is in.
    expected_error : (Z, Y, X) float
        One minus the largest mean probability.
    labels : (Z, Y, X) int
        Predicted classes, from 0.
    voxel_volume : float
        In cubic units of the spacing.
    spacing : (z, y, x)
        Distance between voxel centres.
    max_extent : float, optional
        In the spacing's unit; by default 32 times the smallest spacing: at 3 to 4 screen pixels
        per voxel, such a region and as much context around it fit the screen.
    min_volume : float, optional
        Regions below it are dropped, in cubic units of the spacing.
    h : float, optional
        Least height of a hot spot above the pass to a higher one, in the measure's unit; by
        default a fifth of the measure's range above the threshold.
    valid : (Z, Y, X) bool, optional
        Voxels that were predicted; others belong to no region.

    Returns
    -------
    regions : RegionList
        By falling expected error volume; their ids count from 1.
    region_map : RegionMap
        ``(Z, Y, X)``: id of the region of every voxel, 0 outside.

    Raises
    ------
    SettingsError
        If shapes differ, or `max_extent`, `h` or the spacing is not positive.
    """
    check_shapes(measure, expected_error, labels, valid)
    check_sizes(spacing, max_extent, h)
    mask = measure > threshold
    if valid is not None:
        mask &= valid
    voxels = SparseVoxels.where(mask)
    values = measure.reshape(-1)[voxels.indices].astype(np.float32)
    errors = expected_error.reshape(-1)[voxels.indices].astype(np.float32)
    classes = labels.reshape(-1)[voxels.indices]
    highest = float(values.max(initial=threshold))
    extent = DEFAULT_EXTENT_VOXELS * min(spacing) if max_extent is None else max_extent
    persistence = DEFAULT_PERSISTENCE * (highest - threshold) if h is None else h
    heights = values - np.float32(threshold)
    tree = build_component_tree(
        voxels,
        values,
        errors,
        ThresholdLevels.between(threshold, highest),
        find_pieces([(voxels, heights)], voxels.shape, spacing, extent, persistence),
        spacing,
        extent,
    )
    groups = tree.regions(threshold, least_count(min_volume, voxel_volume))
    ids = np.arange(1, groups.size + 1, dtype=np.int32)
    num_classes = int(classes.max(initial=0)) + 1
    found = describe_regions(groups, ids, values, classes, num_classes, voxel_volume)
    return found, RegionMap(groups, ids)


def least_count(min_volume: float | None, voxel_volume: float) -> int:
    """Return the least number of voxels of a region of at least a volume."""
    if min_volume is None:
        return 1
    return max(1, int(np.ceil(min_volume / voxel_volume * (1 - 1e-9))))


def check_sizes(spacing: Spacing, max_extent: float | None, h: float | None = None) -> None:
    """Refuse sizes that are not positive.

    Raises
    ------
    SettingsError
    """
    if min(spacing) <= 0:
        raise SettingsError(f"spacing must be positive; got {spacing}")
    for name, value in (("max_extent", max_extent), ("h", h)):
        if value is not None and not value > 0:
            raise SettingsError(f"{name} must be positive; got {value}")
