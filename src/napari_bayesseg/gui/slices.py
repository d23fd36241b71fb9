"""Voxels, and where they are in the viewer's world."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3, Roi

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer

__all__ = [
    "full_shape",
    "same_place",
    "shows",
    "voxel_at",
    "voxel_of",
    "voxel_sides",
    "world_points",
]


def world_points(
    viewer: napari.Viewer, layer: Layer, voxels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return voxels ``(n, 3)`` of a layer as points ``(n, 3)`` of the viewer's world."""
    points = np.array([layer.data_to_world(voxel) for voxel in voxels], float)
    return points * _unit_factors(viewer, layer)


def voxel_of(
    viewer: napari.Viewer, layer: Layer, point: Sequence[float] | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return where a point of the viewer's world lies in a layer, in voxels ``(3,)``."""
    own = np.asarray(point[len(point) - layer.ndim :], float) / _unit_factors(viewer, layer)
    return np.asarray(layer.world_to_data(own), float)


def voxel_sides(viewer: napari.Viewer, layer: Layer) -> NDArray[np.float64]:
    """Return the lengths ``(3,)`` of a layer's voxels in the viewer's world."""
    corners = world_points(viewer, layer, np.vstack([np.zeros((1, 3)), np.eye(3)]))
    sides: NDArray[np.float64] = np.linalg.norm(corners[1:] - corners[0], axis=1)
    return sides


def full_shape(layer: Layer) -> Index3:
    """Return the shape of a layer's finest level."""
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    z, y, x = data.shape
    return z, y, x


def same_place(viewer: napari.Viewer, layer: Layer, other: Layer) -> bool:
    """Whether the voxels of two layers, images or labels, lie in the same places."""
    if layer is other:
        return True
    if full_shape(layer) != full_shape(other):
        return False
    corners = np.vstack([np.zeros((1, 3)), np.diag(full_shape(other)).astype(float)])
    places = [world_points(viewer, each, corners) for each in (layer, other)]
    span = np.ptp(places[1], axis=0).max() or 1.0
    return bool(np.allclose(places[0], places[1], rtol=0, atol=1e-6 * span))


def shows(viewer: napari.Viewer, layer: Layer, roi: Roi) -> bool:
    """Whether the slice on the canvas cuts a box of a layer; in 3D everything is shown."""
    dims = viewer.dims
    offset = dims.ndim - layer.ndim
    place = voxel_of(viewer, layer, dims.point)
    hidden = (axis - offset for axis in dims.not_displayed if axis >= offset)
    return all(roi.start[axis] - 1 <= place[axis] <= roi.stop[axis] for axis in hidden)


def voxel_at(viewer: napari.Viewer, layer: Layer, point: NDArray[np.float64]) -> Index3 | None:
    """Return the voxel of a layer that holds a point of the viewer's world; None outside of it."""
    z, y, x = np.rint(voxel_of(viewer, layer, point)[-3:]).astype(int).tolist()
    inside = all(0 <= p < n for p, n in zip((z, y, x), full_shape(layer), strict=True))
    return (z, y, x) if inside else None


def _unit_factors(viewer: napari.Viewer, layer: Layer) -> NDArray[np.float64]:
    """Return how many of the world's units one of the layer's is, along each axis.

    napari shows layers of several units all in the smallest of them.
    """
    units = viewer.layers.units
    if units is None:
        return np.ones(layer.ndim)
    pairs = zip(layer.units, units[-layer.ndim :], strict=True)
    return np.array(
        [
            float((1.0 * own).to(target).magnitude) if own.is_compatible_with(target) else 1.0
            for own, target in pairs
        ]
    )
