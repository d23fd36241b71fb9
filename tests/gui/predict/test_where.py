from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from pytestqt.qtbot import QtBot

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.gui.predict.where import BOX, VIEW, WHOLE, WhereBox
from napari_bayesseg.gui.scan_source import volume_of

pytestmark = pytest.mark.viewer
SHAPE = (6, 20, 30)


@pytest.fixture
def viewer() -> ViewerModel:
    viewer = ViewerModel()
    viewer.add_image(np.zeros(SHAPE), name="scan", scale=(2.0, 0.5, 0.5), units=("um",) * 3)
    viewer.canvas.size = (100, 200)
    return viewer


@pytest.fixture
def where(viewer: ViewerModel, qtbot: QtBot) -> Iterator[WhereBox]:
    where = WhereBox(viewer)
    qtbot.addWidget(where)
    scan = viewer.layers["scan"]
    where.set_scan(scan, volume_of(scan))
    where.show()
    yield where
    where.disconnect_viewer()


def draw(viewer: ViewerModel) -> None:
    box = [[0, 2, 3], [0, 2, 9], [0, 8, 9], [0, 8, 3]]
    viewer.layers["box to predict"].add_rectangles(np.array(box, float))


def test_the_whole_volume_is_no_box(where: WhereBox) -> None:
    assert where.choice.currentText() == WHOLE
    assert where.roi is None
    assert not where.draw.isVisible()
    assert not where.first.isVisible()


def test_the_view_with_some_of_its_slices(where: WhereBox, viewer: ViewerModel) -> None:
    where.choice.setCurrentText(VIEW)
    assert where.first.isVisible()
    assert (where.first.value(), where.last.value(), where.last.maximum()) == (0, 5, 5)
    viewer.scene.camera.center = (0.0, 5.0, 7.5)
    viewer.scene.camera.zoom = 25.0
    assert where.roi == Roi((0, 6, 7), (6, 15, 24))
    where.first.setValue(2)
    where.last.setValue(3)
    assert where.roi == Roi((2, 6, 7), (4, 15, 24))


def test_a_view_of_everything_is_the_whole_volume(where: WhereBox, viewer: ViewerModel) -> None:
    where.choice.setCurrentText(VIEW)
    viewer.scene.camera.zoom = 0.1
    assert where.roi is None


def test_moving_the_view_is_told_where_it_matters(
    where: WhereBox, viewer: ViewerModel, qtbot: QtBot
) -> None:
    with qtbot.assertNotEmitted(where.changed):
        viewer.scene.camera.zoom = 3.0
    where.choice.setCurrentText(VIEW)
    with qtbot.waitSignal(where.changed, timeout=1000):
        viewer.scene.camera.zoom = 4.0


def test_a_box_is_drawn_over_the_scan(where: WhereBox, viewer: ViewerModel, qtbot: QtBot) -> None:
    where.choice.setCurrentText(BOX)
    with pytest.raises(SettingsError, match="press Draw"):
        _ = where.roi
    where.draw.click()
    shapes = viewer.layers["box to predict"]
    assert viewer.layers.selection.active is shapes
    assert str(shapes.mode) == "add_rectangle"
    np.testing.assert_allclose(
        shapes.data_to_world((1, 2, 3)), viewer.layers["scan"].data_to_world((1, 2, 3))
    )
    with qtbot.waitSignal(where.changed, timeout=1000):
        draw(viewer)
    assert where.roi == Roi((0, 2, 3), (6, 9, 10))
    where.draw.click()
    assert len(viewer.layers) == 2


def test_a_deleted_box_layer_is_made_again(
    where: WhereBox, viewer: ViewerModel, qtbot: QtBot
) -> None:
    where.start_drawing()
    draw(viewer)
    assert where.roi is not None
    with qtbot.waitSignal(where.changed, timeout=1000):
        viewer.layers.remove("box to predict")
    with pytest.raises(SettingsError, match="press Draw"):
        _ = where.roi
    where.start_drawing()
    draw(viewer)
    assert where.roi == Roi((0, 2, 3), (6, 9, 10))


def test_what_leaves_nothing_to_predict_is_refused(where: WhereBox, viewer: ViewerModel) -> None:
    where.choice.setCurrentText(VIEW)
    viewer.scene.camera.center = (0.0, 1e6, 1e6)
    with pytest.raises(SettingsError, match="no voxel"):
        _ = where.roi
    viewer.scene.camera.center = (0.0, 5.0, 7.5)
    where.first.setValue(4)
    where.last.setValue(2)
    with pytest.raises(SettingsError, match="first slice, 4"):
        _ = where.roi


def test_another_scan_brings_all_its_slices(where: WhereBox, viewer: ViewerModel) -> None:
    where.first.setValue(3)
    deeper = Image(np.zeros((40, 8, 8)))
    where.set_scan(deeper, volume_of(deeper))
    assert (where.first.value(), where.last.value()) == (0, 39)
    where.set_scan(None, None)
    assert where.roi is None
    where.start_drawing()
    assert len(viewer.layers) == 1
