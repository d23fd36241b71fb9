"""The frame around the voxel that an audit asks about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Points

from napari_bayesseg.core.geometry import Geometry, Index3
from napari_bayesseg.gui.layers import placement

if TYPE_CHECKING:
    import napari

__all__ = ["AuditMarker"]

_NAME = "audited voxel"
_SIDE = 3.0
"""In voxels: the frame leaves free the voxel and those next to it."""
_PIXELS = (25, 10_000)
"""Smallest and largest side on the screen: it is found at any zoom."""


class AuditMarker:
    """A layer with one square, white in black, which is seen on any grey and any colour.

    Parameters
    ----------
    viewer : napari.Viewer
    geometry : Geometry
        Of the scan.
    """

    def __init__(self, viewer: napari.Viewer, geometry: Geometry) -> None:
        self._viewer = viewer
        self._geometry = geometry
        self._layer: Points | None = None

    @property
    def layer(self) -> Points | None:
        """The layer, as long as there is something to mark."""
        return self._layer

    def show(self, position: Index3) -> None:
        """Mark a voxel."""
        place = np.array([position, position], float)
        if self._layer is not None and self._layer in self._viewer.layers:
            self._layer.data = place
            return
        active = self._viewer.layers.selection.active
        self._layer = Points(
            place,
            name=_NAME,
            symbol="square",
            size=[_SIDE * 1.12, _SIDE],
            face_color="transparent",
            border_color=["black", "white"],
            border_width=[0.16, 0.08],
            border_width_is_relative=True,
            canvas_size_limits=_PIXELS,
            **placement(self._geometry),
        )
        self._layer.editable = False
        self._viewer.add_layer(self._layer)
        if active is not None and active in self._viewer.layers:
            self._viewer.layers.selection.active = active

    def hide(self) -> None:
        """Mark nothing."""
        if self._layer is not None and self._layer in self._viewer.layers:
            self._viewer.layers.remove(self._layer)
        self._layer = None
