"""Layers of a review, without the review."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import napari
import numpy as np
import pytest
import zarr
from numpy.testing import assert_array_equal
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QApplication

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import VolumeSpec
from napari_bayesseg.gui.review.layers import ReviewLayers
from napari_bayesseg.review.status import Status
from tests.gui.review.test_navigation import turned_geometry
from tests.gui.review.test_region_model import make_table

pytestmark = pytest.mark.viewer

SHAPE = (6, 20, 30)
GEOMETRY = turned_geometry()


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., napari.Viewer]) -> napari.Viewer:
    return make_napari_viewer(show=True)


@pytest.fixture
def mask(tmp_path: Path) -> zarr.Array:
    mask = zarr.create_array(tmp_path / "mask.zarr", shape=SHAPE, chunks=(4, 8, 8), dtype="uint8")
    mask[...] = 1
    return mask


def make_layers(viewer: napari.Viewer, mask: zarr.Array, read_only: bool = False) -> ReviewLayers:
    spec = VolumeSpec(SHAPE, "uint8", GEOMETRY, "made")
    return ReviewLayers(viewer, mask, spec, ("pore", "particle"), read_only=read_only)


@pytest.fixture
def layers(viewer: napari.Viewer, mask: zarr.Array) -> Iterator[ReviewLayers]:
    layers = make_layers(viewer, mask)
    # A layer that goes before it was ever drawn takes napari with it.
    for _ in range(5):
        QApplication.processEvents()
    yield layers
    layers.close()


def shown(layer: object) -> np.ndarray:
    """Return the labels of the slice on the canvas, as they were last drawn."""
    QApplication.processEvents()
    return np.asarray(layer._slice.image.raw)


def test_both_lie_where_the_scan_does(layers: ReviewLayers, viewer: napari.Viewer) -> None:
    assert [layer.name for layer in viewer.layers] == ["made: reviewed", "made: regions"]
    for layer in layers.layers:
        for voxel in [(0, 0, 0), (5, 19, 29), (2, 3, 4)]:
            expected = (GEOMETRY.matrix @ [*voxel, 1])[:3]
            np.testing.assert_allclose(layer.data_to_world(voxel), expected, atol=1e-9)
        assert {str(unit) for unit in layer.units} == {"micrometer"}
    assert layers.reviewed.editable
    assert not layers.regions.editable


def test_what_is_painted_is_written_through(layers: ReviewLayers, mask: zarr.Array) -> None:
    layers.reviewed.brush_size = 1
    layers.reviewed.paint((2, 3, 4), 0)
    assert mask[2, 3, 4] == 0


def test_a_review_for_reading_cannot_be_painted(viewer: napari.Viewer, mask: zarr.Array) -> None:
    layers = make_layers(viewer, mask, read_only=True)
    assert not layers.reviewed.editable
    layers.close()


def test_outlines_follow_statuses_and_the_current_region(
    layers: ReviewLayers, viewer: napari.Viewer
) -> None:
    labels = np.zeros(SHAPE, np.int32)
    labels[3, 3, 3], labels[3, 9:11, 9:11] = 1, 2
    table = make_table(2, labels)
    viewer.dims.set_point(0, layers.regions.data_to_world((3, 0, 0))[0])
    layers.set_table(table, {2: Status.ACCEPTED}, 1)
    assert (shown(layers.regions)[3, 3], shown(layers.regions)[9, 9]) == (8 + 6, 16 + 2)
    layers.set_statuses({1: Status.REJECTED, 2: Status.ACCEPTED}, (1,))
    layers.set_current(2)
    assert (shown(layers.regions)[3, 3], shown(layers.regions)[9, 9]) == (8 + 3, 16 + 6)
    layers.set_paintable(Roi((2, 1, 1), (5, 15, 15)), np.ones((3, 14, 14), bool))
    layers.set_contour(Roi((3, 5, 6), (4, 6, 7)), np.ones((1, 1, 1), bool))
    assert shown(layers.regions)[5, 6] == 248
    layers.set_contour(None)
    assert (shown(layers.regions)[1, 1], shown(layers.regions)[6, 6]) == (7, 0)


def test_a_change_in_the_slice_is_drawn_and_one_elsewhere_is_not(
    layers: ReviewLayers, viewer: napari.Viewer, mask: zarr.Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.dims.set_point(0, layers.reviewed.data_to_world((3, 0, 0))[0])
    mask[3, 5:8, 5:8] = 0
    layers.refresh_mask(Roi((3, 5, 5), (4, 8, 8)))
    assert_array_equal(shown(layers.reviewed)[5:8, 5:8], 0)
    drawn = []
    monkeypatch.setattr(layers.reviewed, "refresh", lambda **_: drawn.append(1))
    layers.refresh_mask(Roi((0, 5, 5), (1, 8, 8)))
    QApplication.processEvents()
    assert drawn == []
    layers.refresh_mask(Roi((2, 5, 5), (4, 8, 8)))
    layers.refresh_mask(Roi((2, 5, 5), (5, 8, 8)))
    QApplication.processEvents()
    assert drawn == [1]


def test_2d_shows_outlines_and_3d_areas_without_a_warning(
    layers: ReviewLayers, viewer: napari.Viewer
) -> None:
    labels = np.zeros(SHAPE, np.int32)
    labels[2:5, 4:9, 4:9] = 1
    layers.set_table(make_table(1, labels), {}, 1)

    def drawn() -> int:
        QApplication.processEvents()
        return int(np.count_nonzero(layers.regions._slice.image.view))

    viewer.dims.set_point(0, layers.regions.data_to_world((3, 0, 0))[0])
    assert drawn() == 25 - 9
    viewer.dims.ndisplay = 3
    assert drawn() == 75
    layers.set_current(None)
    viewer.dims.ndisplay = 2
    assert drawn() == 25 - 9


def test_deleted_layers_come_back_when_asked(
    layers: ReviewLayers, viewer: napari.Viewer, qtbot: QtBot
) -> None:
    scan = viewer.add_image(np.zeros(SHAPE))
    with qtbot.waitSignal(layers.removed) as removed:
        viewer.layers.remove(layers.reviewed)
    assert removed.args == ["made: reviewed"]
    viewer.layers.remove(layers.regions)
    assert layers.layers == ()
    layers.set_table(make_table(2, np.ones(SHAPE, np.int32)), {}, 1)
    layers.set_statuses({1: Status.ACCEPTED}, (1,))
    layers.set_current(2)
    layers.refresh_mask(Roi((0, 0, 0), SHAPE))
    viewer.dims.ndisplay = 3
    viewer.dims.ndisplay = 2
    QApplication.processEvents()
    viewer.layers.selection.active = scan
    with qtbot.waitSignal(layers.restored):
        layers.restore()
    assert len(layers.layers) == 2
    assert viewer.layers.selection.active is scan


def test_closing_takes_them_away_in_silence(
    layers: ReviewLayers, viewer: napari.Viewer, qtbot: QtBot
) -> None:
    with qtbot.assertNotEmitted(layers.removed):
        layers.close()
    assert len(viewer.layers) == 0
    viewer.dims.ndisplay = 3
    viewer.dims.ndisplay = 2
    layers.set_current(1)
    QApplication.processEvents()
