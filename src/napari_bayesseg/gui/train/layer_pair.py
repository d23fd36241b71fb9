"""From an image layer and a labels layer to a scan with its labels; nothing is copied."""

from __future__ import annotations

import numpy as np
from napari.layers import Labels, Layer

from napari_bayesseg.core.errors import FormatError, GeometryError
from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.core.volume import LazyArray, Volume
from napari_bayesseg.gui.scan_source import geometry_of, unwrapped, volume_of
from napari_bayesseg.io.lazy import AxesView
from napari_bayesseg.training.pairs import TrainingPair

__all__ = ["is_labels", "layer_pair"]

_LARGEST_OFFSET = 0.1
"""In voxels, at the corners of the scan."""


def is_labels(layer: Layer) -> bool:
    """Whether a layer holds labels."""
    return isinstance(layer, Labels)


def layer_pair(scan_layer: Layer, labels_layer: Layer | None) -> TrainingPair:
    """Return what two layers show, as lazily as they hold it.

    Parameters
    ----------
    scan_layer : Image
    labels_layer : Labels or None
        None for a scan that nobody has labelled.

    Raises
    ------
    FormatError
        If the image is no single greyscale volume, or the labels have other axes.
    GeometryError
        If the labels have another shape than the scan, or lie elsewhere.
    """
    scan = volume_of(scan_layer)
    if labels_layer is None:
        return TrainingPair(scan.spec.name, scan, None)
    data = _array_of(labels_layer)
    labels_name, scan_name = labels_layer.name, scan_layer.name
    if tuple(data.shape) != scan.shape:
        raise GeometryError(
            f"{labels_name!r} and {scan_name!r} must have one shape to be trained on; got "
            f"{_times(data.shape)} and {_times(scan.shape)} voxels: choose the labels of this "
            "scan, or press Paint for a layer that fits it"
        )
    geometry = geometry_of(labels_layer)
    if not _is_same_place(scan, geometry):
        raise GeometryError(
            f"{labels_name!r} does not lie on {scan_name!r}: {_difference(scan, geometry)}; give "
            "it the scan's transform, or press Paint for a layer that fits it"
        )
    labels = Volume.from_array(data, scan.spec.geometry, name=labels_name)
    return TrainingPair(scan.spec.name, scan, labels)


def _array_of(layer: Layer) -> LazyArray:
    layer = unwrapped(layer)
    array: LazyArray = unwrapped(layer.data[0] if layer.multiscale else layer.data)
    axes = len(array.shape)
    if axes not in (2, 3):
        raise FormatError(
            f"{layer.name}: has {axes} axes, and labels must have three (Z, Y, X), as their scan"
        )
    return AxesView(array, (None, 0, 1)) if axes == 2 else array


def _is_same_place(scan: Volume, labels: Geometry) -> bool:
    """Whether no corner of the scan is a tenth of a voxel away from its labels."""
    geometry = scan.spec.geometry
    # A layer in pixels says nothing about its unit, and is drawn where its numbers are.
    if labels.unit not in (geometry.unit, "pixel"):
        return False
    corners = np.array([[*corner, 1.0] for corner in np.ndindex(2, 2, 2)])
    corners[:, :3] *= np.array(scan.shape) - 1
    to_voxels = np.linalg.inv(geometry.matrix)
    apart = corners @ (to_voxels @ (labels.matrix - geometry.matrix)).T
    return bool(np.abs(apart).max() <= _LARGEST_OFFSET)


def _difference(scan: Volume, labels: Geometry) -> str:
    there = scan.spec.geometry
    if labels.unit not in (there.unit, "pixel"):
        return f"it is in {labels.unit}, the scan in {there.unit}"
    if not np.allclose(labels.spacing, there.spacing, rtol=1e-6):
        return f"its scale is {_numbers(labels.spacing)}, the scan's {_numbers(there.spacing)}"
    if not np.allclose(labels.translation, there.translation):
        return (
            f"its first voxel is at {_numbers(labels.translation)}, the scan's at "
            f"{_numbers(there.translation)} {there.unit}"
        )
    return "it is turned otherwise"


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _numbers(values: tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{value:g}" for value in values) + ")"
