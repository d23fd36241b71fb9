"""Flying about, in layers that are turned, in other units, and among others."""

from __future__ import annotations

from collections.abc import Callable

import napari
import numpy as np
import pytest
from napari.layers import Labels

from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.gui.layers import placement
from napari_bayesseg.gui.review.navigation import Navigator
from napari_bayesseg.gui.slices import shows

pytestmark = pytest.mark.viewer

SHAPE = (20, 200, 300)
POSITION = (7, 120, 40)
BOX = Roi((5, 110, 30), (9, 130, 60))
UPRIGHT = Geometry.from_spacing((2.0, 0.5, 0.5), (10.0, -20.0, 5.0), "micrometer")


def turned_geometry() -> Geometry:
    """Turned by 30 degrees in the plane of the slices, shifted, and anisotropic."""
    turn = np.deg2rad(30.0)
    matrix = np.eye(4)
    matrix[1:3, 1:3] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    matrix[:3, :3] = matrix[:3, :3] @ np.diag([2.0, 0.5, 0.25])
    matrix[:3, 3] = (100.0, -50.0, 20.0)
    return Geometry.from_matrix(matrix, "micrometer")


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., napari.Viewer]) -> napari.Viewer:
    return make_napari_viewer(show=True)


def add_labels(viewer: napari.Viewer, geometry: Geometry) -> Labels:
    layer = Labels(np.zeros(SHAPE, np.uint8), **placement(geometry))
    viewer.add_layer(layer)
    return layer


def shown_slice(viewer: napari.Viewer, layer: Labels) -> int:
    return int(np.round(layer.world_to_data(viewer.dims.point)[0]))


@pytest.mark.parametrize("geometry", [UPRIGHT, turned_geometry()], ids=["upright", "turned"])
def test_it_flies_to_the_voxel_wherever_the_layer_lies(
    viewer: napari.Viewer, geometry: Geometry
) -> None:
    layer = add_labels(viewer, geometry)
    Navigator(viewer).fly(layer, POSITION, BOX)
    world = (geometry.matrix @ [*POSITION, 1])[:3]
    assert viewer.dims.point[0] == pytest.approx(world[0])
    assert viewer.scene.camera.center[1:] == pytest.approx(world[1:])
    assert shown_slice(viewer, layer) == POSITION[0]


def test_the_box_with_context_fits(viewer: napari.Viewer) -> None:
    layer = add_labels(viewer, UPRIGHT)
    Navigator(viewer).fly(layer, POSITION, BOX)
    height, width = viewer.canvas.size
    # The box is 20 x 30 voxels of 0.5: at least 60 x 90 of them are in view.
    assert viewer.scene.camera.zoom == pytest.approx(min(height / 30.0, width / 45.0))


def test_a_tiny_region_is_not_magnified_without_end(viewer: napari.Viewer) -> None:
    layer = add_labels(viewer, UPRIGHT)
    Navigator(viewer).fly(layer, POSITION, Roi(POSITION, tuple(p + 1 for p in POSITION)))
    assert viewer.scene.camera.zoom == pytest.approx(min(viewer.canvas.size) / 24.0)


def test_the_persons_zoom_is_kept_until_they_ask_to_centre(viewer: napari.Viewer) -> None:
    layer = add_labels(viewer, UPRIGHT)
    navigator = Navigator(viewer)
    navigator.fly(layer, POSITION, BOX)
    fitted = viewer.scene.camera.zoom
    viewer.scene.camera.zoom = 3.0
    navigator.fly(layer, (3, 50, 60), BOX)
    navigator.fly(layer, POSITION, BOX)
    assert viewer.scene.camera.zoom == 3.0
    assert viewer.dims.point[0] == pytest.approx(10 + 2 * POSITION[0])
    navigator.centre(layer, POSITION, BOX)
    assert viewer.scene.camera.zoom == pytest.approx(fitted)
    navigator.fly(layer, POSITION, Roi(POSITION, tuple(p + 1 for p in POSITION)))
    assert viewer.scene.camera.zoom > fitted


def test_in_3d_the_camera_turns_about_the_voxel(viewer: napari.Viewer) -> None:
    layer = add_labels(viewer, UPRIGHT)
    viewer.dims.ndisplay = 3
    Navigator(viewer).fly(layer, POSITION, BOX)
    world = (UPRIGHT.matrix @ [*POSITION, 1])[:3]
    assert viewer.scene.camera.center == pytest.approx(world)


def test_another_order_of_axes_shows_another_plane(viewer: napari.Viewer) -> None:
    layer = add_labels(viewer, UPRIGHT)
    viewer.dims.order = (1, 2, 0)
    Navigator(viewer).fly(layer, POSITION, BOX)
    world = (UPRIGHT.matrix @ [*POSITION, 1])[:3]
    assert viewer.scene.camera.center[1:] == pytest.approx([world[2], world[0]])
    assert shows(viewer, layer, Roi((0, 119, 0), (1, 122, 1)))
    assert not shows(viewer, layer, Roi((0, 10, 0), (20, 20, 300)))


def test_a_scan_in_another_unit_and_with_more_axes_does_no_harm(viewer: napari.Viewer) -> None:
    layer = add_labels(viewer, UPRIGHT)
    # napari shows layers of two units in the smaller one.
    units = ("nanometer",) * 3
    viewer.add_image(np.zeros((2, 4, 5, 6)), units=("pixel", *units), scale=(1, 900, 900, 900))
    Navigator(viewer).fly(layer, POSITION, BOX)
    world = 1000 * (UPRIGHT.matrix @ [*POSITION, 1])[:3]
    assert viewer.scene.camera.center[1:] == pytest.approx(world[1:])
    # napari's slider has the steps of the finest layer, so that the place is met nearly.
    assert viewer.dims.point[1] == pytest.approx(world[0], abs=450)
    assert shows(viewer, layer, BOX)


def test_a_slice_shows_what_it_cuts(viewer: napari.Viewer) -> None:
    layer = add_labels(viewer, turned_geometry())
    Navigator(viewer).fly(layer, POSITION, BOX)
    assert shows(viewer, layer, BOX)
    assert not shows(viewer, layer, Roi((12, 0, 0), (20, 200, 300)))
    viewer.dims.ndisplay = 3
    assert shows(viewer, layer, Roi((12, 0, 0), (20, 200, 300)))


def test_a_picture_of_one_slice(viewer: napari.Viewer) -> None:
    layer = Labels(np.zeros((1, 64, 64), np.uint8))
    viewer.add_layer(layer)
    Navigator(viewer).fly(layer, (0, 30, 31), Roi((0, 28, 28), (1, 34, 34)))
    assert viewer.scene.camera.center[1:] == pytest.approx([30, 31])
