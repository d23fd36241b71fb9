"""Which part of a plane a view shows, and where: arithmetic without Qt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.gui.planes.pictures import Plane

__all__ = ["Frame", "frame_of", "plane_in"]

_QUIET = 0.35
"""Of a view's side: so far from its middle the cross-hair moves before the picture does."""

Numbers = NDArray[np.float64] | NDArray[np.intp]


@dataclass(frozen=True)
class Frame:
    """What a view looks at.

    Attributes
    ----------
    centre : (row, column)
        Voxel in the middle of the view, from 0 at the middle of the first.
    scale : (float, float)
        Pixels a voxel is high and wide.
    """

    centre: tuple[float, float]
    scale: tuple[float, float]


def frame_of(
    axes: tuple[int, int, int],
    displayed: Sequence[int],
    *,
    centre: Numbers,
    position: Numbers,
    shape: Index3,
    scales: Numbers,
    size: tuple[int, int],
    former: float | None = None,
    held: float | None = None,
) -> tuple[Frame, float]:
    """Return what a view of a plane looks at, beside a canvas.

    Along an axis that the canvas shows too, the view is centred as the canvas is. Along the other
    one (in 3D along both) it stays where it was until the position comes near its edge; what fits
    into the view is shown whole.

    Parameters
    ----------
    axes : (hidden, rows, columns)
    displayed : sequence of int
        Axes that the canvas shows.
    centre, position : (3,)
        Voxels in the middle of the canvas and under the cross-hair.
    shape : (Z, Y, X)
    scales : (3,)
        Pixels a voxel is long.
    size : (height, width)
        Of the view, in pixels.
    former : float, optional
        Its centre along the axis that the canvas doesn't show.
    held : float, optional
        The same, where it must not move because the person is dragging.

    Returns
    -------
    frame : Frame
    depth : float
        The centre along that axis.
    """
    depth = float("nan")
    centres = []
    for axis, length in zip(axes[1:], size, strict=True):
        if axis in displayed:
            centres.append(float(centre[axis]))
            continue
        depth = _depth(
            float(position[axis]), shape[axis], float(scales[axis]), length, held, former
        )
        centres.append(depth)
    scale = (float(scales[axes[1]]), float(scales[axes[2]]))
    return Frame((centres[0], centres[1]), scale), depth


def _depth(
    place: float,
    count: int,
    scale: float,
    length: int,
    held: float | None,
    former: float | None,
) -> float:
    if count * scale <= length:
        return (count - 1) / 2
    if held is not None and math.isfinite(held):
        return held
    if former is not None and abs(place - former) * scale <= _QUIET * length:
        return former
    return place


def plane_in(
    frame: Frame, shape: Index3, axes: tuple[int, int, int], index: int, size: tuple[int, int]
) -> Plane | None:
    """Return the voxels of a plane that a view shows; None where it shows none.

    Parameters
    ----------
    frame : Frame
    shape : (Z, Y, X)
    axes : (hidden, rows, columns)
    index : int
        Voxel along the hidden axis.
    size : (height, width)
        Of the view, in pixels.
    """
    ranges = []
    for axis, middle, scale, length in zip(axes[1:], frame.centre, frame.scale, size, strict=True):
        half = length / 2 / scale
        low = max(0, math.floor(middle - half + 0.5))
        high = min(shape[axis], math.ceil(middle + half + 0.5))
        if low >= high:
            return None
        ranges.append((low, high))
    step = max(1, int(1 / min(frame.scale)))
    (top, bottom), (left, right) = ranges
    return Plane(shape, *axes, index, top, bottom, left, right, step)
