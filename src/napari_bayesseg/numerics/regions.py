"""Regions: the places above a threshold that a person can judge one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.numerics.boundary_distance import check_shapes
from napari_bayesseg.numerics.hot_spots import label_hot_spots
from napari_bayesseg.numerics.patches import label_patches
from napari_bayesseg.numerics.region_summary import GroupSummary, bounding_boxes, summarise_groups

__all__ = ["DEFAULT_EXTENT_VOXELS", "DEFAULT_PERSISTENCE", "Region", "find_regions"]

DEFAULT_EXTENT_VOXELS = 32
DEFAULT_PERSISTENCE = 0.2

Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class Region:
    """A 26-connected set of voxels above the threshold of one measure.

    Attributes
    ----------
    id : int
        From 1, in order of falling expected error; the region's value in the label image.
    box : Roi
        Smallest box around it, in voxels.
    voxel_count : int
    volume : float
        In cubic units of the spacing.
    expected_error_volume : float
        Sum of the expected error over its voxels times the volume of one: how much of it is
        probably wrong, in the same unit.
    mean, p95, maximum : float
        Of the measure over its voxels; the 95th percentile by linear interpolation.
    position : (z, y, x)
        Voxel of the maximum; the first in memory among equals.
    classes : tuple of int
        Predicted classes inside, the most frequent first.
    touches_border : bool
        Whether it reaches the border of the volume (along axes of more than one voxel).
    """

    id: int
    box: Roi
    voxel_count: int
    volume: float
    expected_error_volume: float
    mean: float
    p95: float
    maximum: float
    position: Index3
    classes: tuple[int, ...]
    touches_border: bool


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
) -> tuple[tuple[Region, ...], NDArray[np.int32]]:
    """Find the connected places where the measure exceeds the threshold; cut the large ones.

    Components longer than `max_extent` along an axis are cut at their hot spots, and what is still
    too long (a shell of even height) into patches no longer than that, so that no region is a
    whole shell. Cutting loses no voxel: the expected errors of all regions add up to that of the
    voxels above the threshold, if `min_volume` is None.

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
    regions : tuple of Region
        Sorted by falling expected error volume.
    region_labels : (Z, Y, X) int32
        Id of the region of every voxel, 0 outside.

    Raises
    ------
    SettingsError
        If shapes differ, or `max_extent`, `h` or the spacing is not positive.
    """
    check_shapes(measure, expected_error, labels, valid)
    _check(spacing, max_extent, h)
    mask = measure > threshold
    if valid is not None:
        mask &= valid
    if not mask.any():
        return (), np.zeros(measure.shape, dtype=np.int32)
    extent = DEFAULT_EXTENT_VOXELS * min(spacing) if max_extent is None else max_extent
    found = cc3d.connected_components(mask.view(np.uint8), connectivity=26, out_dtype=np.uint32)
    inside = np.flatnonzero(mask)
    ids = found.reshape(-1)[inside].astype(np.int64) - 1
    values = np.ascontiguousarray(measure, dtype=np.float32)
    if h is None:
        h = DEFAULT_PERSISTENCE * float(values.reshape(-1)[inside].max() - threshold)
    ids = _split_large(values, inside, ids, spacing, extent, h)
    summary = summarise_groups(values, inside, ids, expected_error, labels)
    keep = summary.counts * voxel_volume >= (min_volume or 0.0)
    ranking = np.argsort(-summary.errors, kind="stable")
    ranking = ranking[keep[ranking]]
    names = np.zeros(summary.counts.size, dtype=np.int32)
    names[ranking] = np.arange(1, ranking.size + 1)
    region_labels = np.zeros(measure.shape, dtype=np.int32)
    region_labels.reshape(-1)[inside] = names[ids]
    regions = tuple(
        _region(int(names[i]), int(i), summary, measure.shape, voxel_volume) for i in ranking
    )
    return regions, region_labels


def _check(spacing: Spacing, max_extent: float | None, h: float | None) -> None:
    if min(spacing) <= 0:
        raise SettingsError(f"spacing must be positive; got {spacing}")
    for name, value in (("max_extent", max_extent), ("h", h)):
        if value is not None and not value > 0:
            raise SettingsError(f"{name} must be positive; got {value}")


def _split_large(
    values: NDArray[np.float32],
    inside: NDArray[np.int64],
    ids: NDArray[np.int64],
    spacing: Spacing,
    extent: float,
    h: float,
) -> NDArray[np.int64]:
    """Return ids in which every group is at most `extent` long."""
    shape = values.shape

    def is_large(indices: NDArray[np.int64], groups: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        boxes = bounding_boxes(indices, groups, shape)
        lengths = (boxes[:, 3:] - boxes[:, :3]) * np.asarray(spacing)
        too_long: NDArray[np.bool_] = (lengths > extent * (1 + 1e-9)).any(axis=1)
        return np.asarray(too_long[groups])

    chosen = np.flatnonzero(is_large(inside, ids))
    if chosen.size == 0:
        return ids
    heights = values.reshape(-1)[inside[chosen]]
    chosen = chosen[np.argsort(-heights, kind="stable")]
    spots = label_hot_spots(values, inside[chosen], h)
    split = ids.copy()
    split[chosen] = ids.max() + 1 + spots.astype(np.int64)
    large = is_large(inside[chosen], spots)
    if large.any():
        patches = label_patches(shape, inside[chosen[large]], spots[large], spacing, extent)
        split[chosen[large]] = split.max() + 1 + patches.astype(np.int64)
    return np.unique(split, return_inverse=True)[1].reshape(-1)


def _region(name: int, i: int, summary: GroupSummary, shape: Index3, voxel_volume: float) -> Region:
    low, high = summary.boxes[i, :3].tolist(), summary.boxes[i, 3:].tolist()
    sides = zip(low, high, shape, strict=True)
    return Region(
        id=name,
        box=Roi(tuple(low), tuple(high)),
        voxel_count=int(summary.counts[i]),
        volume=float(summary.counts[i] * voxel_volume),
        expected_error_volume=float(summary.errors[i] * voxel_volume),
        mean=float(summary.means[i]),
        p95=float(summary.percentiles[i]),
        maximum=float(summary.maxima[i]),
        position=summary.position(i, shape),
        classes=summary.classes(i),
        touches_border=any(n > 1 and (a == 0 or b == n) for a, b, n in sides),
    )
