"""From what lies in the viewer to our values: scans, the voxel in view, boxes of voxels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from napari.layers import Image, Layer
from numpy.typing import NDArray

from napari_bayesseg.core.errors import BayesSegError, FormatError, GeometryError
from napari_bayesseg.core.geometry import Geometry, Index3, Roi, convert_length, normalise_unit
from napari_bayesseg.core.volume import LazyArray, Volume, VolumeSpec
from napari_bayesseg.gui.layers import RESULT_KEY, SOURCE_KEY
from napari_bayesseg.io.lazy import AxesView
from napari_bayesseg.io.readers import split_dataset

if TYPE_CHECKING:
    import napari
    from napari.layers import Shapes

__all__ = [
    "drawn_box",
    "focus_voxel",
    "geometry_of",
    "is_scan",
    "layer_of",
    "origin_of",
    "source_folder",
    "unwrapped",
    "view_box",
    "volume_of",
]

T = TypeVar("T")


def unwrapped(thing: T) -> T:
    """Return what napari's public-only proxy wraps; anything else as it is.

    napari wraps whatever comes from a module whose name begins with its own, so ours too.
    """
    while hasattr(type(thing), "__wrapped__"):
        thing = thing.__wrapped__  # type: ignore[attr-defined]
    return thing


def is_scan(layer: Layer) -> bool:
    """Whether a layer may be a scan: an image that is no map of a result of ours."""
    return isinstance(layer, Image) and RESULT_KEY not in layer.metadata


def source_folder(layer: Layer) -> Path | None:
    """Return the folder in which a layer's file lies, whichever reader opened it."""
    origin = origin_of(layer)
    path = layer.source.path if origin is None else origin.spec.source
    return None if path is None else split_dataset(Path(path))[0].parent


def layer_of(viewer: napari.Viewer, spec: VolumeSpec) -> Layer | None:
    """Return the layer that shows a scan, by its file or else by name, shape and place."""
    scans = [layer for layer in map(unwrapped, viewer.layers) if is_scan(layer)]
    for layer in scans:
        origin = origin_of(layer)
        source = None if origin is None else origin.spec.source
        if source and spec.source and source.resolve() == spec.source.resolve():
            return layer
    for layer in scans:
        try:
            other = volume_of(layer).spec
        except BayesSegError:
            continue
        is_alike = (other.name, other.shape) == (spec.name, spec.shape)
        if is_alike and np.allclose(other.geometry.matrix, spec.geometry.matrix):
            return layer
    return None


def volume_of(layer: Layer) -> Volume:
    """Return the scan that an image layer shows, as lazily as the layer holds it.

    The full resolution of a multiscale layer is taken; a 2D image gets Z = 1. The spec names the
    file only where our reader opened it and the layer still shows what was read.

    Raises
    ------
    FormatError
        If the layer shows no single greyscale image in two or three dimensions.
    GeometryError
        If its transform places the voxels nowhere.
    """
    layer = unwrapped(layer)
    data = _array_of(layer)
    geometry, origin = geometry_of(layer), origin_of(layer)
    if origin is None:
        return Volume.from_array(data, geometry, name=layer.name)
    read = origin.spec
    if read.geometry.unit == geometry.unit and np.allclose(
        read.geometry.matrix, geometry.matrix, rtol=1e-9, atol=0.0
    ):
        # To the last bit: a run's identity holds the matrix.
        geometry = read.geometry
    spec = VolumeSpec(read.shape, read.dtype, geometry, layer.name, read.source, read.notes)
    return Volume(origin.data, spec)


def _array_of(layer: Layer) -> LazyArray:
    name = layer.name
    if not isinstance(layer, Image):
        raise FormatError(f"{name}: is no image layer; choose the layer that shows the scan")
    if layer.rgb:
        raise FormatError(
            f"{name}: is a colour image, and a scan must have one value a voxel; use Layers > "
            "Split RGB and choose one channel"
        )
    array: LazyArray = unwrapped(layer.data[0] if layer.multiscale else layer.data)
    axes = len(array.shape)
    if axes not in (2, 3):
        raise FormatError(
            f"{name}: has {axes} axes, and a scan must have three (Z, Y, X); use Layers > Split "
            "Stack and choose one volume"
        )
    return AxesView(array, (None, 0, 1)) if axes == 2 else array


def origin_of(layer: Layer) -> Volume | None:
    """Return the scan as our reader opened it, if the layer still shows just that."""
    layer = unwrapped(layer)
    volume = layer.metadata.get(SOURCE_KEY)
    if isinstance(volume, Volume) and unwrapped(layer.data) is volume.data:
        return volume
    return None


def geometry_of(layer: Layer) -> Geometry:
    """Return the place of a layer's voxels: scale, translation, rotation, shear and affine in one.

    A 2D layer's slice is taken to be as thick as its pixels are wide.

    Raises
    ------
    GeometryError
        If two axes coincide or a spacing is zero.
    """
    layer = unwrapped(layer)
    ndim = layer.ndim
    origin = np.asarray(layer.data_to_world(np.zeros(ndim)), dtype=np.float64)
    steps = [np.asarray(layer.data_to_world(step)) - origin for step in np.eye(ndim)]
    linear = np.stack(steps, axis=1)
    upright = np.diag(np.asarray(layer.scale, dtype=np.float64))
    if np.allclose(linear, upright, rtol=1e-6, atol=1e-9 * np.abs(upright).max()):
        linear = upright  # without what the subtraction lost
    unit, factors = _one_unit(layer)
    matrix = np.eye(4)
    first = 3 - ndim
    matrix[first:3, first:3] = factors[:, None] * linear
    matrix[first:3, 3] = factors * origin
    if ndim == 2:
        matrix[0, 0] = np.linalg.norm(matrix[1:3, 2])
    try:
        return Geometry.from_matrix(matrix, unit)
    except GeometryError as error:
        raise GeometryError(f"{layer.name}: {error}; reset the layer's transform") from None


def _one_unit(layer: Layer) -> tuple[str, NDArray[np.float64]]:
    """Return the unit of the last axis and what turns each axis' lengths into it."""
    names = [normalise_unit(str(unit)) for unit in layer.units]
    unit = names[-1]
    try:
        return unit, np.array([convert_length(1.0, name, unit) for name in names])
    except GeometryError:  # one axis in pixels, another in a length
        return "pixel", np.ones(len(names))


def focus_voxel(viewer: napari.Viewer, layer: Layer) -> Index3:
    """Return the voxel of a layer in the middle of the view, or the nearest one to it."""
    place = _world_point(viewer, np.asarray(viewer.scene.camera.center, dtype=np.float64))
    layer = unwrapped(layer)
    return _inside(_voxel_at(viewer, layer, place), _shape(layer))


def view_box(viewer: napari.Viewer, layer: Layer) -> Roi:
    """Return the box of voxels in view: all slices of it, and the whole layer in 3D.

    Empty where the layer is out of view.
    """
    layer = unwrapped(layer)
    shape = _shape(layer)
    if viewer.dims.ndisplay != 2:
        return Roi.whole(shape)
    camera = viewer.scene.camera
    half = np.asarray(viewer.canvas.viewbox_size(viewer.layers)) / (2.0 * camera.zoom)
    centre = np.asarray(camera.center, dtype=np.float64)
    corners = [
        _voxel_at(viewer, layer, _world_point(viewer, centre + np.array([0.0, *(half * sign)])))
        for sign in ((-1, -1), (-1, 1), (1, -1), (1, 1))
    ]
    box = _box_around(np.array(corners))
    # Along what is not displayed, the corners lie in one slice (oblique layers: in a few).
    shown = [axis - (viewer.dims.ndim - 3) for axis in viewer.dims.displayed]
    start = [box.start[axis] if axis in shown else 0 for axis in range(3)]
    stop = [box.stop[axis] if axis in shown else shape[axis] for axis in range(3)]
    view = Roi((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
    return view.intersection(Roi.whole(shape))


def drawn_box(shapes: Shapes, layer: Layer) -> Roi | None:
    """Return the box of a layer's voxels around a drawn shape, over all slices.

    The last selected shape is taken, else the last drawn; None where there is none.
    """
    shapes, layer = unwrapped(shapes), unwrapped(layer)
    outlines = list(shapes.data)
    if not outlines:
        return None
    selected = sorted(shapes.selected_data)
    outline = outlines[selected[-1] if selected else -1]
    factors = _factors(shapes.units, layer.units, layer.ndim)
    corners = []
    for corner in outline:
        world = np.asarray(shapes.data_to_world(corner), dtype=np.float64)[-layer.ndim :]
        corners.append(_three(np.asarray(layer.world_to_data(world * factors[-len(world) :]))))
    box = _box_around(np.array(corners))
    shape = _shape(layer)
    whole = Roi((0, *box.start[1:]), (shape[0], *box.stop[1:]))
    return whole.intersection(Roi.whole(shape))


def _world_point(viewer: napari.Viewer, centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put the camera's coordinates, which are those of the displayed axes, among the others."""
    point = np.asarray(viewer.dims.point, dtype=np.float64).copy()
    displayed = list(viewer.dims.displayed)
    point[displayed] = centre[-len(displayed) :]
    return point


def _voxel_at(
    viewer: napari.Viewer, layer: Layer, world: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the data coordinates ``(z, y, x)`` of a layer at a point of the viewer's world."""
    units = viewer.dims.units
    if units is not None:
        world = world * _factors(units, layer.units, len(world))
    return _three(np.asarray(layer.world_to_data(world), dtype=np.float64))


def _factors(source: Any, target: Any, ndim: int) -> NDArray[np.float64]:
    """Return what turns lengths in `source` units into `target` units, for the last axes."""
    factors = np.ones(ndim)
    count = min(len(source), len(target), ndim)
    for axis in range(1, count + 1):
        names = normalise_unit(str(source[-axis])), normalise_unit(str(target[-axis]))
        try:
            factors[-axis] = convert_length(1.0, *names)
        except GeometryError:
            continue  # napari, too, takes the numbers as they are
    return factors


def _three(position: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([np.zeros(3 - len(position)), position])


def _shape(layer: Layer) -> Index3:
    array = layer.data[0] if layer.multiscale else layer.data
    z, y, x = (1, 1, 1, *(int(n) for n in array.shape))[-3:]
    return z, y, x


def _box_around(points: NDArray[np.float64]) -> Roi:
    """Return the voxels that meet the box of some points; voxel i reaches from i - 1/2."""
    low = np.floor(points.min(axis=0) + 0.5).astype(int)
    high = np.ceil(points.max(axis=0) + 0.5).astype(int)
    return Roi((low[0], low[1], low[2]), (high[0], high[1], high[2]))


def _inside(position: NDArray[np.float64], shape: Index3) -> Index3:
    z, y, x = (
        int(np.clip(np.rint(value), 0, length - 1))
        for value, length in zip(position, shape, strict=True)
    )
    return z, y, x
