"""Outlines finer than a voxel: regions are small, and what is beneath must stay visible."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Geometry, Index3, Roi
from napari_bayesseg.gui.layers import class_colours
from napari_bayesseg.gui.review.outlines import rgba
from napari_bayesseg.gui.review.status_style import Palette
from napari_bayesseg.io.lazy import BlockArray

__all__ = ["FineOutlines", "fine_colours", "fine_geometry"]

_BACKGROUND = "#ffffff"
"""Of class 0, which elsewhere has no colour."""
_FILL = 0.4


class FineOutlines(BlockArray):
    """``factors`` small voxels for each one of a box: uint16 codes for a labels layer.

    With C classes: 0 is nothing, 1 to C a fill and C + 1 to 2 C a line in the colour of a class,
    2 C + 1 a line in the draw's colour.

    Values are looked up when a slice is asked for.

    Parameters
    ----------
    shape : (z, y, x)
        Of the box, in voxels.
    factors : (z, y, x)
        1 along an axis that is not drawn.
    num_classes : int
    """

    def __init__(self, shape: Index3, factors: Index3, num_classes: int) -> None:
        fine = tuple(n * f for n, f in zip(shape, factors, strict=True))
        super().__init__(fine, np.dtype(np.uint16))
        self._factors = factors
        self._num_classes = num_classes
        self._classes: NDArray[np.uint16] = np.zeros(shape, np.uint16)
        self._fill = self._classes
        self._width, self._line = 1, 0

    def set_draw(self, labels: NDArray[Any], predicted: NDArray[Any]) -> None:
        """Draw lines between the classes of a draw, and fill what it labels in another way.

        Parameters
        ----------
        labels, predicted : (z, y, x) int
            Classes, from 0.
        """
        self._classes = labels.astype(np.uint16) + 1
        self._fill = np.where(labels != predicted, self._classes, 0).astype(np.uint16)
        self._width, self._line = 1, 2 * self._num_classes + 1

    def set_classes(self, labels: NDArray[Any], inside: NDArray[np.bool_]) -> None:
        """Draw a line around each class inside a region, in the class' colour.

        Parameters
        ----------
        labels : (z, y, x) int
            Classes, from 0.
        inside : (z, y, x) bool
        """
        self._classes = np.where(inside, labels + 1, 0).astype(np.uint16)
        self._fill = np.zeros_like(self._classes)
        self._width, self._line = 2, 0

    def _read_box(self, start: tuple[int, ...], stop: tuple[int, ...]) -> NDArray[np.uint16]:
        index = [np.arange(a, b) // f for a, b, f in zip(start, stop, self._factors, strict=True)]
        own = self._classes[np.ix_(*index)]
        edge = np.zeros(own.shape, bool)
        for axis, (a, b, factor) in enumerate(zip(start, stop, self._factors, strict=True)):
            if factor == 1:
                continue
            for shift in (*range(-self._width, 0), *range(1, self._width + 1)):
                # Beyond the box there is nothing to tell.
                at = np.clip(np.arange(a, b) + shift, 0, self._shape[axis] - 1) // factor
                edge |= own != self._classes[np.ix_(*index[:axis], at, *index[axis + 1 :])]
        lines = self._line or np.where(own > 0, own + self._num_classes, 0)
        values = np.where(edge & (own > 0), lines, self._fill[np.ix_(*index)])
        return values.astype(np.uint16)


def fine_geometry(geometry: Geometry, box: Roi, factors: Index3) -> Geometry:
    """Return the place of the small voxels of a box; their outer faces are those of the box."""
    sizes = 1.0 / np.asarray(factors, float)
    to_voxels = np.diag([*sizes, 1.0])
    to_voxels[:3, 3] = np.asarray(box.start, float) - 0.5 + 0.5 * sizes
    return Geometry.from_matrix(geometry.matrix @ to_voxels, geometry.unit)


def fine_colours(num_classes: int, palette: Palette) -> DirectLabelColormap:
    """Return the colours of the codes of :class:`FineOutlines`."""
    nothing = np.zeros(4, np.float32)
    colours: dict[int | None, NDArray[np.float32]] = {None: nothing, 0: nothing}
    named = class_colours(num_classes)
    for label in range(num_classes):
        name = named[label] if label else _BACKGROUND
        colours[label + 1] = rgba(name, _FILL)
        colours[label + 1 + num_classes] = rgba(name, 1.0)
    colours[2 * num_classes + 1] = rgba(palette.draw, 1.0)
    return DirectLabelColormap(color_dict=colours)
