"""The cross-hair on the main canvas: lines through the place, and a click that moves them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer, Vectors
from numpy.typing import NDArray
from qtpy.QtCore import QObject

from napari_bayesseg.core.geometry import Geometry, Index3
from napari_bayesseg.gui.layers import placement
from napari_bayesseg.gui.planes.plane_view import CROSS_COLOUR
from napari_bayesseg.gui.slices import voxel_sides

if TYPE_CHECKING:
    import napari

__all__ = ["CrossHair", "cross_lines"]

_NAME = "cross-hair"
_GAP = 9  # pixels around the middle: what is looked at stays free
_WIDTH = 1.5  # pixels
_CLICK = 3  # pixels that a click may move
_MOVING = {"pan_zoom", "transform"}


class CrossHair(QObject):
    """Draws lines through the current voxel on a viewer's canvas; a click goes to another one.

    The layer may be deleted by the person: then there are no lines any more.

    Parameters
    ----------
    viewer : napari.Viewer
    shape : (Z, Y, X)
    geometry : Geometry
        Of the voxels.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        shape: Index3,
        geometry: Geometry,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._shape = shape
        active = viewer.layers.selection.active
        self._layer: Layer | None = Vectors(
            np.zeros((1, 2, 3)),
            name=_NAME,
            vector_style="line",
            edge_color=CROSS_COLOUR,
            opacity=0.8,
            **placement(geometry),
        )
        viewer.layers.append(self._layer)
        if active is not None:
            viewer.layers.selection.active = active
        self._on_press: Callable[[Any, Any], Iterator[None]] = self._follow_press
        viewer.mouse_drag_callbacks.append(self._on_press)

    def move(self, voxel: Index3) -> None:
        """Draw the lines through a voxel, as thick and as far apart as the zoom asks for."""
        layer = self._layer
        if layer is None or layer not in self._viewer.layers:
            return
        pixel = 1.0 / (voxel_sides(self._viewer, layer) * self._viewer.scene.camera.zoom)
        lines = cross_lines(voxel, self._shape, _GAP * pixel)
        if not np.array_equal(layer.data, lines):
            layer.data = lines
        width = float(_WIDTH * pixel.min())
        if not np.isclose(layer.edge_width, width, rtol=0.02):
            layer.edge_width = width

    def close(self) -> None:
        """Take the lines away."""
        if self._on_press in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_press)
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _follow_press(self, viewer: Any, event: Any) -> Iterator[None]:
        """Go where the canvas is clicked; dragging stays napari's."""
        active = self._viewer.layers.selection.active
        if event.button != 1 or (active is not None and str(active.mode) not in _MOVING):
            return
        start = np.array(event.pos, float)
        moved = 0.0
        yield
        while event.type == "mouse_move":
            moved = max(moved, float(np.abs(np.array(event.pos, float) - start).max()))
            yield
        if moved <= _CLICK and len(self._viewer.dims.displayed) == 2:
            axes = list(self._viewer.dims.displayed)
            self._viewer.dims.set_point(axes, [event.position[axis] for axis in axes])


def cross_lines(voxel: Index3, shape: Index3, gap: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the lines of a cross-hair as napari's vectors.

    Parameters
    ----------
    voxel : (z, y, x)
    shape : (Z, Y, X)
    gap : (3,)
        What is left free on both sides of the voxel, in voxels.

    Returns
    -------
    (6, 2, 3) float
        Start and direction of two lines along each axis, in voxels; they end at the border.
    """
    lines = np.zeros((3, 2, 2, 3))
    lines[:, :, 0] = voxel
    for axis in range(3):
        low, high = voxel[axis] - gap[axis], voxel[axis] + gap[axis]
        # No further than the middles of the outermost voxels: more would lengthen the sliders.
        lines[axis, 0, 0, axis], lines[axis, 0, 1, axis] = 0.0, max(low, 0.0)
        far = shape[axis] - 1.0
        lines[axis, 1, 0, axis], lines[axis, 1, 1, axis] = min(high, far), max(far - high, 0.0)
    return lines.reshape(6, 2, 3)
