"""Voxels, and where they are in the viewer's world."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3, Roi

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer

__all__ = ["shows", "voxel_at", "world_points"]


def world_points(
    viewer: napari.Viewer, layer: Layer, voxels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return voxels ``(n, 3)`` of a layer as points ``(n, 3)`` of the viewer's world."""
    points = np.array([layer.data_to_world(voxel) for voxel in voxels], float)
    return points * _unit_factors(viewer, layer)


def shows(viewer: napari.Viewer, layer: Layer, roi: Roi) -> bool:
    """Whether the slice on the canvas cuts a box of a layer; in 3D everything is shown."""
    dims = viewer.dims
    offset = dims.ndim - layer.ndim
    point = np.asarray(dims.point[offset:], float) / _unit_factors(viewer, layer)
    place = layer.world_to_data(point)
    hidden = (axis - offset for axis in dims.not_displayed if axis >= offset)
    return all(roi.start[axis] - 1 <= place[axis] <= roi.stop[axis] for axis in hidden)


def voxel_at(viewer: napari.Viewer, layer: Layer, point: NDArray[np.float64]) -> Index3 | None:
    """Return the voxel of a layer that holds a point of the viewer's world; None outside of it."""
    own = point[len(point) - layer.ndim :] / _unit_factors(viewer, layer)
    z, y, x = np.rint(np.asarray(layer.world_to_data(own), float)[-3:]).astype(int).tolist()
    inside = all(0 <= p < n for p, n in zip((z, y, x), layer.data.shape, strict=True))
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
