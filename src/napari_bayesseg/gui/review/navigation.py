"""Flying to a region: its slice, the camera over it, and a zoom that the person may keep."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.gui.slices import world_points

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer

__all__ = ["Navigator"]

CONTEXT = 3.0
"""The view shows the region's box this many times over,"""
LEAST_VOXELS = 48
"""but never less than so many voxels."""


class Navigator:
    """Moves slices and camera of a viewer to regions of a layer.

    The zoom is fitted to every region until the person has zoomed; from then on theirs is kept,
    until :meth:`centre` is asked for.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = viewer
        self._zoom: float | None = None

    def fly(self, layer: Layer, position: Index3, box: Roi) -> None:
        """Show the slice of a voxel of `layer`, in the middle of the canvas."""
        zoom = self._viewer.scene.camera.zoom
        is_theirs = self._zoom is not None and not math.isclose(zoom, self._zoom, rel_tol=1e-6)
        self._move(layer, position)
        if not is_theirs:
            self._fit(layer, box)

    def centre(self, layer: Layer, position: Index3, box: Roi) -> None:
        """Do as :meth:`fly`, and fit the zoom whatever the person chose."""
        self._move(layer, position)
        self._fit(layer, box)

    def _move(self, layer: Layer, position: Index3) -> None:
        world = world_points(self._viewer, layer, np.array([position], float))[0]
        dims = self._viewer.dims
        axes = list(range(dims.ndim - layer.ndim, dims.ndim))
        dims.set_point(axes, world.tolist())
        place = dict(zip(axes, world.tolist(), strict=True))
        centre = [place.get(axis, 0.0) for axis in dims.displayed]
        self._viewer.scene.camera.center = (*[0.0] * (3 - len(centre)), *centre)

    def _fit(self, layer: Layer, box: Roi) -> None:
        sides = self._sides(layer, box)
        height, width = self._viewer.canvas.size
        camera = self._viewer.scene.camera
        camera.zoom = min(height / sides[-2], width / sides[-1])
        self._zoom = camera.zoom

    def _sides(self, layer: Layer, box: Roi) -> NDArray[np.float64]:
        """Return the lengths to show along the displayed axes, in the world's unit."""
        start, stop = np.asarray(box.start, float), np.asarray(box.stop, float)
        lengths = np.maximum((stop - start) * CONTEXT, LEAST_VOXELS)
        lengths = np.minimum(lengths, np.asarray(layer.data.shape, float))
        signs = np.array(list(itertools.product((-0.5, 0.5), repeat=3)))
        corners = world_points(self._viewer, layer, (start + stop) / 2 + signs * lengths)
        dims = self._viewer.dims
        offset = dims.ndim - layer.ndim
        shown = [axis - offset for axis in dims.displayed if axis >= offset]
        sides: NDArray[np.float64] = np.ptp(corners, axis=0)[shown]
        return np.maximum(sides, np.finfo(float).tiny)
