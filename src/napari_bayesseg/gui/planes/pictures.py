"""A piece of a plane through a volume, read from layers' arrays and painted to RGBA."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.core.volume import LazyArray
from napari_bayesseg.gui.planes.looks import Look

__all__ = ["Picture", "Plane", "paint_plane", "read_plane"]


@dataclass(frozen=True)
class Plane:
    """A rectangle of voxels in a plane along two axes of a volume.

    Attributes
    ----------
    shape : (Z, Y, X)
        Of the volume.
    hidden, rows, columns : int
        Axis across the plane, the one that runs downwards and the one that runs to the right.
    index : int
        Voxel along the hidden axis.
    top, bottom, left, right : int
        Half-open ranges along rows and columns.
    step : int
        Every so manieth voxel is looked at: no more than the screen has room for.
    """

    shape: Index3
    hidden: int
    rows: int
    columns: int
    index: int
    top: int
    bottom: int
    left: int
    right: int
    step: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of its picture in pixels."""
        return -(-(self.bottom - self.top) // self.step), -(-(self.right - self.left) // self.step)


@dataclass(frozen=True, eq=False)
class Picture:
    """A painted plane.

    Attributes
    ----------
    plane : Plane
    pixels : (h, w, 4) uint8
        RGBA, opaque.
    """

    plane: Plane
    pixels: NDArray[np.uint8]


def paint_plane(plane: Plane, looks: Sequence[Look]) -> Picture:
    """Paint layers over each other, the first one at the bottom, on black.

    Parameters
    ----------
    plane : Plane
    looks : sequence of Look
        All of their full levels have the plane's shape.
    """
    light = np.zeros((*plane.size, 3), np.float32)
    for look in looks:
        painted = look.paint(read_plane(plane, look.levels))
        cover = painted[..., 3:]
        if not look.is_additive:
            light *= 1.0 - cover
        light += painted[..., :3] * cover
    pixels = np.full((*plane.size, 4), 255, np.uint8)
    pixels[..., :3] = np.clip(light * 255.0 + 0.5, 0, 255)
    return Picture(plane, pixels)


def read_plane(plane: Plane, levels: Sequence[LazyArray]) -> NDArray[Any]:
    """Return the values of a plane, from the coarsest level that shows as much.

    Returns
    -------
    (h, w) array
        Of :attr:`Plane.size`.
    """
    level = _level(plane, levels)
    ranges = ((plane.top, plane.bottom), (plane.left, plane.right))
    picks = []
    key: list[Any] = [0, 0, 0]
    for axis, (low, high) in zip((plane.rows, plane.columns), ranges, strict=True):
        middles = np.minimum(np.arange(low, high, plane.step) + plane.step // 2, high - 1)
        places = _along(middles, level, plane, axis)
        key[axis] = slice(int(places[0]), int(places[-1]) + 1)
        picks.append(places - places[0])
    key[plane.hidden] = int(_along(np.array([plane.index]), level, plane, plane.hidden)[0])
    values = np.asarray(level[tuple(key)])
    if plane.rows > plane.columns:
        values = values.T
    return values[np.ix_(*picks)]


def _level(plane: Plane, levels: Sequence[LazyArray]) -> LazyArray:
    """Return the coarsest level none of whose voxels is longer than a step."""
    chosen = levels[0]
    for level in levels[1:]:
        factors = [full / own for full, own in zip(plane.shape, level.shape, strict=True)]
        if max(factors[plane.rows], factors[plane.columns]) <= plane.step:
            chosen = level
    return chosen


def _along(places: NDArray[np.intp], level: LazyArray, plane: Plane, axis: int) -> NDArray[np.intp]:
    """Return where voxels of the full level lie in another one, along one axis."""
    return places * level.shape[axis] // plane.shape[axis]
