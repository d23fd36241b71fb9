"""Distances between the surfaces of a predicted and a true class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.boundary_distance import distance_to_boundary

__all__ = ["SurfaceDistance", "surface_distance", "surface_voxels"]

Mask = NDArray[np.bool_]
Labels = NDArray[np.integer[Any]]
Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class SurfaceDistance:
    """How far two surfaces are apart, in the unit of the spacing; NaN where one is empty.

    Attributes
    ----------
    hausdorff_95 : float
        From 95 % of either surface the other one is no farther: the larger of the two 95th
        percentiles.
    average : float
        Mean over the voxels of both surfaces of the distance to the other one (symmetric).
    """

    hausdorff_95: float
    average: float


def surface_voxels(mask: Mask, judged: Mask | None = None) -> Mask:
    """Return the voxels of a mask that have a face outside it.

    The border of the volume counts as outside, as in what others publish; the edge of what was
    judged doesn't. An axis of one voxel has no faces (a 2D image).

    Parameters
    ----------
    mask : (Z, Y, X) bool
    judged : (Z, Y, X) bool, optional
        Voxels that are known; by default all.
    """
    inside = mask if judged is None else mask | ~judged
    interior = mask.copy()
    for axis in range(3):
        if mask.shape[axis] == 1:
            continue
        kept, around = interior.swapaxes(0, axis), inside.swapaxes(0, axis)
        kept[1:] &= around[:-1]
        kept[:-1] &= around[1:]
        kept[0] = kept[-1] = False
    return mask & ~interior


def surface_distance(
    prediction: Labels, truth: Labels, label: int, spacing: Spacing, judged: Mask | None = None
) -> SurfaceDistance:
    """Measure the distance between the surfaces of a class in two label maps.

    Distances run between the centres of surface voxels; only the box that holds both is worked on,
    with about 12 bytes a voxel.

    Parameters
    ----------
    prediction, truth : (Z, Y, X) int
    label : int
        The class.
    spacing : (z, y, x)
        Between voxel centres.
    judged : (Z, Y, X) bool, optional
        Voxels that count; by default all.

    Raises
    ------
    SettingsError
        If the shapes differ or are not three-dimensional.

    References
    ----------
    Huttenlocher, Klanderman & Rucklidge, "Comparing images using the Hausdorff distance", 1993,
    section 3 (ranked distances); Heimann et al., "Comparison and evaluation of methods for liver
    segmentation from CT datasets", 2009, section II.B (average symmetric surface distance).
    """
    if prediction.shape != truth.shape or truth.ndim != 3:
        raise SettingsError(
            f"prediction and truth must be (Z, Y, X) of one shape; got {prediction.shape} and "
            f"{truth.shape}"
        )
    masks = [labels == label for labels in (prediction, truth)]
    if judged is not None:
        for mask in masks:
            mask &= judged
    box = _box(masks[0] | masks[1])
    if box is None:
        return SurfaceDistance(float("nan"), float("nan"))
    known = None if judged is None else judged[box]
    surfaces = [surface_voxels(mask[box], known) for mask in masks]
    if not all(surface.any() for surface in surfaces):
        return SurfaceDistance(float("nan"), float("nan"))
    there = [_distances(a, b, spacing) for a, b in (surfaces, surfaces[::-1])]
    far = max(float(np.percentile(distances, 95)) for distances in there)
    total = sum(float(distances.sum(dtype=np.float64)) for distances in there)
    return SurfaceDistance(far, total / sum(distances.size for distances in there))


def _distances(source: Mask, target: Mask, spacing: Spacing) -> NDArray[np.float32]:
    """Return the distance of each voxel of one surface to the other."""
    # Between two "classes", on the surface and off it, the way to the other one is what is wanted.
    distances = distance_to_boundary(target.view(np.uint8), spacing)
    return np.where(target, np.float32(0), distances)[source]


def _box(mask: Mask) -> tuple[slice, slice, slice] | None:
    """Return the smallest box around a mask, and a voxel more; None if it is empty."""
    spans = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        places = np.flatnonzero(mask.any(axis=others))
        if not places.size:
            return None
        spans.append(slice(max(int(places[0]) - 1, 0), int(places[-1]) + 2))
    return spans[0], spans[1], spans[2]
