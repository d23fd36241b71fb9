"""Corrections of labels near a region: what is near it, smoothing, and a class's contour."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_bayesseg.core.errors import SettingsError

__all__ = ["SMOOTHING_REACH", "contour_labels", "contour_of", "smooth_labels", "voxels_near"]

SMOOTHING_REACH = 4.0
"""Standard deviations after which the weights of :func:`smooth_labels` end."""

_TIE = 1e-5  # of the weights' sum, which is 1: float32 sums of symmetric halves differ by less
_TOUCHING = np.ones((3, 3, 3), np.bool_)

Spacing = tuple[float, float, float]
Labels = NDArray[np.integer[Any]]


def voxels_near(inside: NDArray[np.bool_], distance: float, spacing: Spacing) -> NDArray[np.bool_]:
    """Return the voxels whose centre is at most a distance away from one inside.

    Parameters
    ----------
    inside : (Z, Y, X) bool
    distance : float
        In the unit of the spacing.
    spacing : (z, y, x)
        Distance between voxel centres.
    """
    if not inside.any():
        return np.zeros_like(inside)
    away = ndimage.distance_transform_edt(~inside, sampling=spacing)
    return np.asarray(away <= distance * (1 + 1e-9))


def smooth_labels(
    labels: Labels, may_change: NDArray[np.bool_], sigma: float, spacing: Spacing
) -> Labels:
    """Give each voxel the label that weighs most around it; a boundary of any kind is smoothed.

    Weights are those of a Gaussian of physical width: one step of threshold dynamics, which moves
    a boundary by its mean curvature and leaves a plane where it is. Where the own label weighs no
    less than another it stays, then the lowest wins. For two labels the step is monotone: where a
    set holds another one, it still does so afterwards.

    Parameters
    ----------
    labels : (Z, Y, X) int
        With all voxels that lie within ``SMOOTHING_REACH * sigma`` of those that may change, as
        far as the scan goes; its border is continued by its last voxels.
    may_change : (Z, Y, X) bool
        Others keep their label.
    sigma : float
        Standard deviation, in the unit of the spacing.
    spacing : (z, y, x)
        Distance between voxel centres.

    References
    ----------
    Merriman, Bence and Osher, "Diffusion generated motion by mean curvature", 1992; for many
    labels Esedoglu and Otto, "Threshold dynamics for networks with arbitrary surface tensions",
    Communications on Pure and Applied Mathematics 68, 2015, algorithm 1.
    """
    widths = [sigma / step for step in spacing]
    present = np.unique(labels)
    weights = np.stack(
        [
            ndimage.gaussian_filter(
                (labels == label).astype(np.float32),
                widths,
                mode="nearest",
                truncate=SMOOTHING_REACH,
            )
            for label in present
        ]
    )
    own = np.take_along_axis(weights, np.searchsorted(present, labels)[None], axis=0)[0]
    # The lowest among equals, however their sums were rounded.
    winner = (weights > weights.max(axis=0) - _TIE).argmax(axis=0)
    moves = may_change & (weights.max(axis=0) > own + _TIE)
    return np.where(moves, present[winner], labels).astype(labels.dtype, copy=False)


def contour_of(
    labels: Labels,
    inside: NDArray[np.bool_],
    may_change: NDArray[np.bool_],
    probability: NDArray[np.floating[Any]],
    label: int,
    level: float,
) -> NDArray[np.bool_]:
    """Return the voxels within a class's contour around a region.

    They are those that may change, where the class is at least as probable as the level, in pieces
    (26-connected) that touch the region or voxels of that class. A lower level never takes a voxel
    away; labels changed to the contour have the same contour.

    Parameters
    ----------
    labels : (Z, Y, X) int
        As they are.
    inside : (Z, Y, X) bool
        The region.
    may_change : (Z, Y, X) bool
    probability : (C, Z, Y, X) float
        NaN or zero throughout where nothing was predicted: not within any contour.
    label : int
        The class.
    level : float
        Above 0 and up to 1.

    Raises
    ------
    SettingsError
        If the class or the level is none.
    """
    if not 0 <= label < len(probability):
        raise SettingsError(f"class must be from 0 to {len(probability) - 1}; got {label}")
    if not 0 < level <= 1:
        raise SettingsError(f"level of a contour must be above 0 and up to 1; got {level}")
    candidates = may_change & (probability[label] >= level)
    pieces, count = ndimage.label(candidates, _TOUCHING)
    start = inside | (labels == label)
    touched = np.zeros(count + 1, np.bool_)
    touched[pieces[ndimage.binary_dilation(start, _TOUCHING)]] = True
    touched[0] = False
    return np.asarray(touched[pieces])


def contour_labels(
    labels: Labels,
    within: NDArray[np.bool_],
    may_change: NDArray[np.bool_],
    probability: NDArray[np.floating[Any]],
    label: int,
) -> Labels:
    """Return labels whose class ends at its contour.

    Voxels within it get the class. Others that have the class and may change get the likeliest of
    the other classes (the lowest among equals); where nothing was predicted they keep it.

    Parameters
    ----------
    labels : (Z, Y, X) int
    within : (Z, Y, X) bool
        As :func:`contour_of` gives it.
    may_change : (Z, Y, X) bool
    probability : (C, Z, Y, X) float
    label : int
        The class.
    """
    changed = labels.copy()
    changed[within] = label
    leaves = may_change & ~within & (labels == label) & (np.nan_to_num(probability).sum(axis=0) > 0)
    rest = np.nan_to_num(probability[:, leaves])
    rest[label] = -1
    changed[leaves] = rest.argmax(axis=0)
    return changed
