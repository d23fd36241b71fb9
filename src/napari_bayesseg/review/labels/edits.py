"""What tools make of the labels of one region: filled, smoothed, ended at a class's contour."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.inference.result import Result
from napari_bayesseg.numerics.label_editing import (
    SMOOTHING_REACH,
    Spacing,
    contour_labels,
    contour_of,
    smooth_labels,
    voxels_near,
)
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.labels.stored_arrays import read_piece
from napari_bayesseg.review.labels.voxels import Labels, VoxelChange, VoxelSet

__all__ = [
    "EDIT_MARGIN",
    "NEAR",
    "SMOOTHING_WIDTH",
    "BrushReach",
    "Contour",
    "EditPlace",
    "edit_place",
    "fill_region",
    "find_contour",
    "read_probability",
    "smooth_region",
    "surroundings",
    "take_labels",
]

EDIT_MARGIN = 8
"""Voxels around a region's box that belong to the place where it is edited."""
NEAR = 2.0
"""How far from a region its boundary may be corrected, in smallest voxel spacings."""
SMOOTHING_WIDTH = 1.0
"""Standard deviation of smoothing, in smallest voxel spacings."""


class BrushReach(StrEnum):
    """Where the brush may paint: close to the region, in the box around it, or anywhere."""

    REGION = "region"
    BOX = "box"
    ANYWHERE = "anywhere"


@dataclass(frozen=True, eq=False)
class EditPlace:
    """A region with its surroundings, and what may be changed there.

    Attributes
    ----------
    box : Roi
        The region's box and some voxels around it, inside the scan.
    inside : (Z, Y, X) bool
        Of the box: the region.
    may_change : (Z, Y, X) bool
        Of the box; never what is accepted.
    spacing : (z, y, x)
        Distance between voxel centres.
    """

    box: Roi
    inside: NDArray[np.bool_]
    may_change: NDArray[np.bool_]
    spacing: Spacing


def surroundings(region: Region, shape: Index3, margin: int = EDIT_MARGIN) -> Roi:
    """Return a region's box and some voxels around it, inside a scan of this shape."""
    return region.box.grown((margin,) * 3).intersection(Roi.whole(shape))


def edit_place(
    region: Region,
    region_labels: RegionMap,
    protected: NDArray[np.bool_],
    reach: BrushReach,
    spacing: Spacing,
    margin: int = EDIT_MARGIN,
) -> EditPlace:
    """Return where a region is edited.

    Parameters
    ----------
    region : Region
    region_labels : RegionMap
        Ids of the regions.
    protected : (Z, Y, X) bool
        Of the :func:`surroundings`: voxels that must stay as they are.
    reach : BrushReach
        ``REGION``: what is at most 2 smallest spacings away from it, in physical distance. Else
        the whole box.
    spacing : (z, y, x)
    margin : int
        Voxels around the region's box; of the :func:`surroundings`.
    """
    z, y, x = region_labels.shape
    box = surroundings(region, (z, y, x), margin)
    inside = np.asarray(region_labels[box.slices] == region.id)
    if reach is BrushReach.REGION:
        may_change = voxels_near(inside, NEAR * min(spacing), spacing)
    else:
        may_change = np.ones(box.shape, np.bool_)
    return EditPlace(box, inside, may_change & ~protected, spacing)


def fill_region(place: EditPlace, labels: Labels, label: int) -> VoxelChange | None:
    """Give all voxels of a region one label; None where all that may change have it.

    Parameters
    ----------
    place : EditPlace
    labels : (Z, Y, X) int
        The reviewed labels of the scan; not written to.
    label : int
    """
    former = labels[place.box.slices]
    chosen = place.inside & place.may_change
    if not (former[chosen] != label).any():
        return None
    # Those that have it already count too: a person has said what they are.
    return _change(place.box, former, np.full_like(former, label), chosen)


def take_labels(
    box: Roi, chosen: NDArray[np.bool_], wanted: Labels, labels: Labels
) -> VoxelChange | None:
    """Give some voxels of a box the labels that somebody else has for them, such as a draw.

    Parameters
    ----------
    box : Roi
    chosen : (z, y, x) bool
        Of the box.
    wanted : (z, y, x) int
        Of the box.
    labels : (Z, Y, X) int
        The reviewed labels of the scan; not written to.

    Returns
    -------
    VoxelChange or None
        None where all of them have these labels already.
    """
    former = labels[box.slices]
    if not (former[chosen] != wanted[chosen]).any():
        return None
    return _change(box, former, wanted.astype(former.dtype), chosen)


def smooth_region(place: EditPlace, labels: Labels) -> VoxelChange | None:
    """Smooth the boundaries at a region once; None where they are smooth.

    The Gaussian is one smallest voxel spacing wide; the labels all around count, those of the
    voxels that may change are changed.

    Parameters
    ----------
    place : EditPlace
    labels : (Z, Y, X) int
        The reviewed labels of the scan; not written to.
    """
    sigma = SMOOTHING_WIDTH * min(place.spacing)
    i, j, k = (int(np.ceil(SMOOTHING_REACH * sigma / step)) for step in place.spacing)
    z, y, x = labels.shape
    wide = place.box.grown((i, j, k)).intersection(Roi.whole((z, y, x)))
    inner = place.box.relative_to(wide.start).slices
    may_change = np.zeros(wide.shape, np.bool_)
    may_change[inner] = place.may_change
    smoothed = smooth_labels(labels[wide.slices], may_change, sigma, place.spacing)[inner]
    former = labels[place.box.slices]
    return _change(place.box, former, smoothed, smoothed != former)


@dataclass(frozen=True, eq=False)
class Contour:
    """A class within its contour around a region, before it is taken over.

    Attributes
    ----------
    label : int
        The class.
    level : float
        Mean probability at the contour.
    box : Roi
    within : (Z, Y, X) bool
        Of the box.
    change : VoxelChange or None
        What taking it over changes; None where that is nothing.
    grown, shrunk : int
        Voxels that get the class, and that lose it.
    """

    label: int
    level: float
    box: Roi
    within: NDArray[np.bool_]
    change: VoxelChange | None
    grown: int
    shrunk: int


def read_probability(result: Result, box: Roi) -> NDArray[np.floating[Any]]:
    """Return the mean probabilities of a box ``(C, Z, Y, X)``, on any thread.

    Raises
    ------
    StoreError
        If the result is damaged.
    """
    return read_piece(
        result.mean_probability, (slice(None), *box.slices), f"{result.path}: mean_probability"
    )


def find_contour(
    place: EditPlace,
    labels: Labels,
    probability: NDArray[np.floating[Any]],
    label: int,
    level: float,
) -> Contour:
    """Find where a class ends at a level of its mean probability.

    Parameters
    ----------
    place : EditPlace
    labels : (Z, Y, X) int
        The reviewed labels of the scan; not written to.
    probability : (C, Z, Y, X) float
        Of the place's box.
    label : int
        The class.
    level : float
        Above 0 and up to 1.

    Raises
    ------
    SettingsError
        If the class or the level is none, or the probabilities are of another box.
    """
    if probability.shape[1:] != place.box.shape:
        raise SettingsError(
            f"probabilities must be those of a box of {place.box.shape} voxels; got "
            f"{probability.shape[1:]}"
        )
    former = labels[place.box.slices]
    within = contour_of(former, place.inside, place.may_change, probability, label, level)
    after = contour_labels(former, within, place.may_change, probability, label)
    grown = int(np.count_nonzero((after == label) & (former != label)))
    shrunk = int(np.count_nonzero((after != label) & (former == label)))
    change = _change(place.box, former, after, after != former)
    return Contour(label, level, place.box, within, change, grown, shrunk)


def _change(
    box: Roi, former: Labels, after: Labels, chosen: NDArray[np.bool_]
) -> VoxelChange | None:
    """Return the change of the chosen voxels, in the smallest box; None where there are none."""
    if not chosen.any():
        return None
    spans = [np.flatnonzero(chosen.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    (z, y, x), (a, b, c) = [(int(s[0]), int(s[-1]) + 1) for s in spans], box.start
    part = (slice(*z), slice(*y), slice(*x))
    tight = Roi((a + z[0], b + y[0], c + x[0]), (a + z[1], b + y[1], c + x[1]))
    mask = chosen[part]
    voxels = VoxelSet.from_mask(tight, mask)
    return VoxelChange(voxels, former[part][mask], after[part][mask])
