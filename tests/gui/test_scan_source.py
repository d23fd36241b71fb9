from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dask.array
import napari
import numpy as np
import pytest
import tifffile
import zarr
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Shapes
from napari.utils.transforms import Affine

from napari_bayesseg.core.errors import FormatError, GeometryError
from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.core.volume import Volume, VolumeSpec
from napari_bayesseg.gui.layers import placement, volume_layer
from napari_bayesseg.gui.reader import read_layers
from napari_bayesseg.gui.scan_source import (
    drawn_box,
    focus_voxel,
    geometry_of,
    is_scan,
    layer_of,
    source_folder,
    unwrapped,
    view_box,
    volume_of,
)

SHAPE = (6, 20, 30)
VALUES = np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)
CORNERS = [(0, 0, 0), (5, 0, 0), (0, 19, 0), (0, 0, 29), (5, 19, 29), (2, 3, 4)]

# napari's own, about every layer whose slices it can't show as they are.
oblique = pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")

TRANSFORMS = {
    "plain": {},
    "scaled": {"scale": (2.0, 0.5, 0.25), "translate": (1e6, -20.0, 3.0)},
    "rotated": {"scale": (2.0, 0.5, 0.5), "rotate": (10.0, 20.0, 30.0), "translate": (1, 2, 3)},
    "sheared": {"scale": (2.0, 0.5, 0.5), "shear": (0.1, 0.2, 0.3)},
    "affine": {
        "scale": (2.0, 0.5, 0.5),
        "translate": (7.0, 8.0, 9.0),
        "affine": Affine(rotate=(30.0, 0.0, 15.0), translate=(-4.0, 5.0, 6.0)).affine_matrix,
    },
    "mirrored": {"affine": np.diag([1.0, -1.0, 1.0, 1.0])},
}


@oblique
@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_every_voxel_lies_where_napari_shows_it(transform: dict[str, object]) -> None:
    layer = Image(VALUES, units=("um",) * 3, **transform)
    geometry = geometry_of(layer)
    assert geometry.unit == "micrometer"
    for index in CORNERS:
        expected = layer.data_to_world(index)
        np.testing.assert_allclose((geometry.matrix @ [*index, 1])[:3], expected, rtol=1e-12)


@oblique
@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_a_layer_made_of_a_scan_lies_where_its_own_layer_lies(
    transform: dict[str, object],
) -> None:
    layer = Image(VALUES, units=("um",) * 3, **transform)
    copy = Layer.create(*volume_layer(volume_of(layer)))
    for index in CORNERS:
        np.testing.assert_allclose(
            copy.data_to_world(index), layer.data_to_world(index), rtol=1e-12, atol=1e-9
        )
    assert copy.units == layer.units


def test_an_upright_layers_spacing_is_exact_however_far_away_it_lies() -> None:
    layer = Image(VALUES, scale=(0.3, 0.1, 0.1), translate=(1e7, 1e7, 1e7))
    assert geometry_of(layer).spacing == (0.3, 0.1, 0.1)


def test_lengths_in_different_units_become_those_of_the_last_axis() -> None:
    layer = Image(VALUES, scale=(0.002, 0.5, 0.5), translate=(1, 0, 0), units=("mm", "um", "um"))
    geometry = geometry_of(layer)
    assert geometry.unit == "micrometer"
    np.testing.assert_allclose(geometry.spacing, (2.0, 0.5, 0.5))
    np.testing.assert_allclose(geometry.translation, (1000.0, 0.0, 0.0))


def test_one_axis_without_a_length_leaves_all_in_pixels() -> None:
    geometry = geometry_of(Image(VALUES, scale=(2, 1, 1), units=("pixel", "um", "um")))
    assert (geometry.unit, geometry.spacing) == ("pixel", (2.0, 1.0, 1.0))


def lazily(kind: str, folder: Path) -> object:
    if kind == "numpy":
        return VALUES
    if kind == "dask":
        return dask.array.from_array(VALUES, chunks=(2, 10, 10))
    if kind == "zarr":
        array = zarr.create_array(folder / "scan.zarr", data=VALUES, chunks=(2, 10, 10))
        return array
    return [VALUES, VALUES[:, ::2, ::2], VALUES[:, ::4, ::4]]


@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr", "multiscale"])
def test_any_kind_of_data_is_read_in_pieces_at_full_resolution(kind: str, tmp_path: Path) -> None:
    layer = Image(lazily(kind, tmp_path), name=kind, contrast_limits=(0, 1))
    volume = volume_of(layer)
    assert volume.shape == SHAPE
    assert volume.spec.dtype == "uint16"
    assert volume.spec.name == kind
    assert volume.spec.source is None
    assert isinstance(volume.data, np.ndarray) == (kind in ("numpy", "multiscale"))
    box = Roi((1, 2, 3), (4, 9, 11))
    np.testing.assert_array_equal(volume.read(box), VALUES[box.slices])


def test_a_flat_image_is_one_slice_as_thick_as_its_pixels_are_wide() -> None:
    layer = Image(VALUES[0], scale=(0.5, 0.25), translate=(3.0, 4.0), units=("mm", "mm"))
    volume = volume_of(layer)
    assert volume.shape == (1, *SHAPE[1:])
    assert volume.spec.geometry.spacing == (0.25, 0.5, 0.25)
    assert volume.spec.geometry.translation == (0.0, 3.0, 4.0)
    np.testing.assert_array_equal(volume.read(Roi.whole(volume.shape)), VALUES[:1])


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (Image(np.zeros((6, 7, 3), np.uint8), rgb=True, name="photo"), "colour image"),
        (Image(np.zeros((2, 3, 4, 5), np.float32), name="film"), "4 axes"),
        (Labels(np.zeros((2, 3, 4), np.uint8), name="mask"), "no image layer"),
    ],
    ids=["rgb", "4d", "labels"],
)
def test_what_is_no_scan_is_refused_with_its_name(layer: Layer, said: str) -> None:
    with pytest.raises(FormatError, match=f"{layer.name}.*{said}"):
        volume_of(layer)


def test_a_squeezed_transform_is_refused() -> None:
    layer = Image(VALUES, name="flat", affine=np.diag([1.0, 1.0, 1e-9, 1.0]))
    with pytest.raises(GeometryError, match="flat"):
        geometry_of(Image(VALUES, name="flat", affine=singular()))
    assert geometry_of(layer).spacing[2] == pytest.approx(1e-9)


def singular() -> np.ndarray:
    matrix = np.eye(4)
    matrix[1, 2] = 1.0
    matrix[2] = matrix[1]
    matrix[2, 1] = 1.0 + 1e-9
    return matrix


@pytest.fixture
def tiff(tmp_path: Path) -> Path:
    path = tmp_path / "scan.ome.tif"
    units = {f"PhysicalSize{axis}Unit": "\u00b5m" for axis in "XYZ"}
    sizes = {"PhysicalSizeZ": 0.3, "PhysicalSizeY": 0.1, "PhysicalSizeX": 0.1}
    tifffile.imwrite(path, VALUES, metadata={"axes": "ZYX", **sizes, **units})
    return path


def test_a_file_of_our_readers_is_known_to_the_last_bit(tiff: Path) -> None:
    (data,) = read_layers(tiff)
    layer = Layer.create(*data)
    origin = data[1]["metadata"]["napari_bayesseg"].spec
    layer.name = "renamed"
    spec = volume_of(layer).spec
    assert (spec.source, spec.geometry, spec.name) == (tiff, origin.geometry, "renamed")
    assert source_folder(layer) == tiff.parent
    layer.translate = (5.0, 0.0, 0.0)
    assert volume_of(layer).spec.geometry.translation == (5.0, 0.0, 0.0)


def test_a_layer_that_shows_something_else_now_has_no_file(tiff: Path) -> None:
    layer = Layer.create(*read_layers(tiff)[0])
    layer.data = VALUES[::-1].copy()
    assert volume_of(layer).spec.source is None


def test_maps_of_results_are_no_scans() -> None:
    assert is_scan(Image(VALUES))
    assert not is_scan(Labels(VALUES.astype(np.uint8)))
    assert not is_scan(Image(VALUES, metadata={"napari_bayesseg_result": "r.zarr"}))


def test_a_results_scan_is_found_by_file_or_else_by_place(tiff: Path) -> None:
    viewer = ViewerModel()
    viewer.add_image(VALUES, name="scan", scale=(9, 9, 9))
    same_place = viewer.add_image(VALUES, name="scan", scale=(0.3, 0.1, 0.1))
    geometry = Geometry.from_spacing((0.3, 0.1, 0.1))
    spec = VolumeSpec(SHAPE, "uint16", geometry, same_place.name, tiff)
    assert layer_of(viewer, spec) is same_place
    from_file = viewer.add_layer(Layer.create(*read_layers(tiff)[0]))
    assert layer_of(viewer, spec) is from_file
    assert layer_of(viewer, VolumeSpec((1, 2, 3), "uint8", geometry, "other")) is None


class TestInTheViewer:
    """Where the person looks, in a viewer without a window."""

    def viewer_on(self, layer: Layer) -> ViewerModel:
        viewer = ViewerModel()
        viewer.add_layer(layer)
        viewer.canvas.size = (100, 200)
        return viewer

    def test_the_voxel_in_the_middle_of_the_view(self) -> None:
        layer = Image(VALUES, scale=(2.0, 0.5, 0.5), translate=(10.0, 0.0, 0.0))
        viewer = self.viewer_on(layer)
        viewer.dims.set_point(0, 16.0)
        viewer.scene.camera.center = (0.0, 2.5, 7.0)
        assert focus_voxel(viewer, layer) == (3, 5, 14)
        viewer.scene.camera.center = (0.0, -99.0, 999.0)
        assert focus_voxel(viewer, layer) == (3, 0, 29)

    def test_it_is_found_in_any_order_of_axes_and_in_three_dimensions(self) -> None:
        layer = Image(VALUES)
        viewer = self.viewer_on(layer)
        viewer.dims.order = (1, 2, 0)
        viewer.dims.set_point(1, 11.0)
        viewer.scene.camera.center = (0.0, 8.0, 4.0)
        assert focus_voxel(viewer, layer) == (4, 11, 8)
        viewer.dims.order = (0, 1, 2)
        viewer.dims.ndisplay = 3
        viewer.scene.camera.center = (1.0, 2.0, 3.0)
        assert focus_voxel(viewer, layer) == (1, 2, 3)

    def test_it_is_found_in_the_units_of_the_layer(self) -> None:
        layer = Image(VALUES, scale=(2.0, 0.5, 0.5), units=("um",) * 3)
        viewer = self.viewer_on(layer)
        viewer.layers.units = ("mm",) * 3
        viewer.dims.set_point(0, 0.004)
        viewer.scene.camera.center = (0.0, 0.0025, 0.005)
        assert [str(unit) for unit in viewer.dims.units] == ["millimeter"] * 3
        assert focus_voxel(viewer, layer) == (2, 5, 10)

    def test_the_box_in_view(self) -> None:
        layer = Image(VALUES, scale=(1.0, 0.5, 0.5))
        viewer = self.viewer_on(layer)
        viewer.scene.camera.center = (0.0, 5.0, 7.5)
        viewer.scene.camera.zoom = 25.0
        # 4 x 8 world units around (5, 7.5): voxels 6 to 14 and 7 to 23, both ends half inside
        assert view_box(viewer, layer) == Roi((0, 6, 7), (6, 15, 24))
        viewer.scene.camera.zoom = 1.0
        assert view_box(viewer, layer) == Roi.whole(SHAPE)
        viewer.scene.camera.center = (0.0, 1000.0, 1000.0)
        assert view_box(viewer, layer).is_empty
        viewer.dims.ndisplay = 3
        assert view_box(viewer, layer) == Roi.whole(SHAPE)

    def test_the_box_in_view_along_other_axes(self) -> None:
        layer = Image(VALUES)
        viewer = self.viewer_on(layer)
        viewer.dims.order = (1, 0, 2)
        viewer.scene.camera.center = (0.0, 2.0, 15.0)
        viewer.scene.camera.zoom = 50.0
        assert view_box(viewer, layer) == Roi((1, 0, 13), (4, 20, 18))

    def test_a_multiscale_layers_box_is_in_voxels_of_its_finest_level(self) -> None:
        layer = Image(lazily("multiscale", Path()), multiscale=True)
        viewer = self.viewer_on(layer)
        viewer.scene.camera.center = (0.0, 10.0, 15.0)
        viewer.scene.camera.zoom = 20.0
        assert view_box(viewer, layer) == Roi((0, 8, 10), (6, 13, 21))

    def test_a_drawn_rectangle(self) -> None:
        geometry = Geometry.from_spacing((2.0, 0.5, 0.5), (5.0, 6.0, 7.0), "micrometer")
        layer = Layer.create(*volume_layer(Volume.from_array(VALUES, geometry)))
        shapes = Shapes(ndim=3, **placement(geometry))
        assert drawn_box(shapes, layer) is None
        for corner in ((3.0, 4.0), (9.6, 11.2)):
            top, left = corner
            shapes.add_rectangles(
                [[2, top, left], [2, top, left + 5], [2, top + 4, left + 5], [2, top + 4, left]]
            )
        assert drawn_box(shapes, layer) == Roi((0, 10, 11), (6, 15, 17))
        shapes.selected_data = {0}
        assert drawn_box(shapes, layer) == Roi((0, 3, 4), (6, 8, 10))

    def test_a_rectangle_on_a_layer_with_another_place(self) -> None:
        layer = Image(VALUES, scale=(2.0, 0.5, 0.5), units=("um",) * 3)
        shapes = Shapes(ndim=3, units=("mm",) * 3)
        rectangle = [[0.0, 0.001, 0.002], [0, 0.001, 0.004], [0, 0.003, 0.004], [0, 0.003, 0.002]]
        shapes.add_rectangles(np.array(rectangle))
        assert drawn_box(shapes, layer) == Roi((0, 2, 4), (6, 7, 9))

    def test_it_reaches_no_further_than_the_scan(self) -> None:
        layer = Image(VALUES)
        shapes = Shapes(ndim=3)
        shapes.add_rectangles(np.array([[0, -5, -5], [0, -5, 99], [0, 99, 99], [0, 99, -5]]))
        assert drawn_box(shapes, layer) == Roi.whole(SHAPE)


@pytest.mark.viewer
def test_the_box_in_view_is_what_the_canvas_shows(
    make_napari_viewer: Callable[..., napari.Viewer],
) -> None:
    viewer = make_napari_viewer(show=True)
    layer = viewer.add_image(np.zeros((4, 400, 400), np.uint8), scale=(1, 0.5, 0.5))
    viewer.scene.camera.zoom *= 3
    viewer.screenshot()  # draws, and with it napari's own idea of the corners
    low, high = layer.corner_pixels[:, 1:]
    box = view_box(viewer, layer)
    np.testing.assert_allclose(box.start[1:], low, atol=1)
    np.testing.assert_allclose(np.array(box.stop[1:]) - 1, high, atol=1)


def test_what_napari_wraps_is_taken_out() -> None:
    from napari.utils._proxies import PublicOnlyProxy

    layer = Image(VALUES)
    assert unwrapped(PublicOnlyProxy(layer)) is layer
    assert unwrapped(layer) is layer
    assert unwrapped(None) is None
    assert volume_of(PublicOnlyProxy(layer)).data is VALUES
