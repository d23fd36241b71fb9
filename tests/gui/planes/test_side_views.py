"""Docks beside the canvas, in a real window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import napari
import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

from napari_bayesseg.gui.planes.plane_view import PlaneView
from tests.gui.review_window import SHIFT, ReviewWindow, open_review_window
from tests.results import write_result
from tests.session.places import MEASURE

pytestmark = pytest.mark.viewer


@pytest.fixture
def window(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot, tmp_path: Path
) -> Iterator[ReviewWindow]:
    yield from open_review_window(make_napari_viewer, qtbot, tmp_path)


def click(view: PlaneView, row: float, column: float) -> None:
    point = view.point_of(row, column)
    QTest.mouseClick(
        view, Qt.MouseButton.LeftButton, pos=QPoint(round(point.x()), round(point.y()))
    )


def voxel(window: ReviewWindow) -> tuple[int, ...]:
    return tuple(np.rint(window.reviewed.world_to_data(window.viewer.dims.point)).astype(int))


def test_planes_follow_the_canvas_and_lead_it(window: ReviewWindow) -> None:
    window.press(Qt.Key.Key_O, SHIFT)
    side = window.tab.control.side
    views = side.orthogonal.views
    window.wait(lambda: side.orthogonal.link.is_settled and views[0].picture is not None)
    z, y, x = window.desk.current.position
    assert voxel(window) == (z, y, x)
    assert [view.cross for view in views] == [(z, x), (z, y)]
    planes = [view.picture.plane for view in views]
    assert [(plane.hidden, plane.index) for plane in planes] == [(1, y), (2, x)]
    window.press(Qt.Key.Key_N)
    place = window.desk.current.position
    window.wait(lambda: views[0].cross == (place[0], place[2]))
    window.wait(lambda: side.orthogonal.link.is_settled)
    click(views[1], place[0] + 1, place[1] + 2)
    assert voxel(window) == (place[0] + 1, place[1] + 2, place[2])
    window.wait(lambda: views[0].picture.plane.index == place[1] + 2)
    QTest.keyClick(views[0], Qt.Key.Key_PageDown)
    QTest.keyClick(views[0], Qt.Key.Key_Left)
    assert voxel(window) == (place[0] + 1, place[1] + 3, place[2] - 1)
    # The current region's outline and a decision's colour are there as on the canvas.
    before = views[0].picture
    window.press(Qt.Key.Key_J)
    window.wait(lambda: side.orthogonal.link.is_settled and views[0].picture is not before)
    window.press(Qt.Key.Key_O, SHIFT)
    assert side.orthogonal is None
    assert "cross-hair" not in window.viewer.layers


def test_a_dock_closed_by_hand_is_closed(window: ReviewWindow) -> None:
    control = window.tab.control
    control.run("views")
    dock = next(
        dock
        for name, dock in window.viewer.window.dock_widgets.items()
        if name == "Orthogonal views"
    )
    window.viewer.window.remove_dock_widget(dock)
    window.settle()
    assert control.side.orthogonal is None
    assert "cross-hair" not in window.viewer.layers
    control.run("views")
    assert control.side.orthogonal is not None


def test_another_result_beside_this_one(
    window: ReviewWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = window.desk.result
    probability = np.array(first.mean_probability)
    probability[:, 2:5, 3:9, 3:9] = 0.0
    probability[2, 2:5, 3:9, 3:9] = 1.0
    path = tmp_path / "other.zarr"
    write_result(path, probability, {MEASURE: np.array(first.measure(MEASURE))})
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(path))
    side = window.tab.control.side
    window.tab.files.buttons["compare"].click()
    window.wait(lambda: side.comparison is not None)
    view = side.comparison
    window.wait(lambda: view.link.is_settled and view.panel.view.picture is not None)
    place = window.tab.control.canvas.place
    values = [np.asarray(look.levels[0][...]) for look in view._looks(place)]
    there = np.asarray(view.compared.second.labels[...])
    assert sum(np.array_equal(shown, there) for shown in values) == 1
    here = np.asarray(first.labels[...])
    assert not any(np.array_equal(shown, here) for shown in values)
    assert "108 voxels" in view.panel.text.text()
    assert view.panel.table.rowCount() == 1
    view.panel.table.selectRow(0)
    assert voxel(window) == view.compared.difference.places[0].position
    differs = np.asarray(view.layer.data[...])
    assert differs.sum() == 108
    assert differs[2:5, 3:9, 3:9].all()
    window.wait(lambda: view.link.is_settled)
    zoom = window.viewer.scene.camera.zoom
    view.panel.view.zoomed.emit(2.0)
    assert window.viewer.scene.camera.zoom == pytest.approx(2 * zoom)
    centre = window.viewer.scene.camera.center
    view.panel.view.panned.emit(1.0, -2.0)
    moved = np.subtract(window.viewer.scene.camera.center, centre)[1:]
    np.testing.assert_allclose(moved, np.multiply([-1.0, 2.0], first.geometry.spacing[1:]))
    window.tab.control.hide_overlays()
    assert not view.layer.visible
    window.tab.control.end_hide_overlays()
    side.comparison.close()
    assert side.comparison is None
    assert window.desk.comparison.compared is None
    assert not [layer for layer in window.viewer.layers if layer.name.startswith("differs")]
    side.compare(first.path)
    window.wait(lambda: "is the result under review" in window.tab.messages.message.text())
