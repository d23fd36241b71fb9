"""A viewer with our dock widget and a result under review, for tests with a real window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import napari
import numpy as np
from napari.layers import Labels
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_bayesseg.gui.main_widget import MainWidget
from napari_bayesseg.gui.review.keys.actions import PLUGIN
from napari_bayesseg.gui.review.tab import ReviewTab
from napari_bayesseg.session.desk import ReviewDesk
from tests.session.places import begin_review, write_places

TIMEOUT_MS = 90_000  # the first window of a process loads its libraries
NO_KEY = Qt.KeyboardModifier.NoModifier
CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@dataclass
class ReviewWindow:
    viewer: napari.Viewer
    widget: MainWidget
    qtbot: QtBot

    @property
    def tab(self) -> ReviewTab:
        return self.widget.review_tab

    @property
    def desk(self) -> ReviewDesk:
        desk = self.widget.session.desk
        assert desk is not None
        return desk

    @property
    def canvas(self) -> QWidget:
        return self.viewer.window._qt_viewer.canvas.native

    @property
    def reviewed(self) -> Labels:
        return self.layer("reviewed")

    @property
    def text(self) -> str:
        """What stands on the canvas."""
        return self.viewer.canvas.overlays.text.text.replace("\u00a0", "")

    def layer(self, ending: str) -> Labels:
        (found,) = [layer for layer in self.viewer.layers if layer.name.endswith(f": {ending}")]
        return found

    def open(self, path: Path) -> ReviewDesk:
        former = self.widget.session.desk
        self.widget.show_result(path)
        self.wait(lambda: self.widget.session.desk not in (None, former))
        self.settle()
        return self.desk

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier = NO_KEY) -> None:
        QTest.keyClick(self.canvas, key, modifier)
        self.settle()

    def drag(self, *places: tuple[int, int]) -> None:
        """Drag the mouse over voxels (y, x) of the slice that is shown."""
        points = [self.pixel(place) for place in places]
        QTest.mouseMove(self.canvas, points[0])
        QTest.mousePress(self.canvas, Qt.MouseButton.LeftButton, pos=points[0])
        for point in points:
            QTest.mouseMove(self.canvas, point)
            self.settle()
        QTest.mouseRelease(self.canvas, Qt.MouseButton.LeftButton, pos=points[-1])
        self.settle()

    def pixel(self, place: tuple[int, int]) -> QPoint:
        """Return where on the canvas a voxel is; for upright layers."""
        voxel = (0, *place)
        y, x = np.asarray(self.reviewed.data_to_world(voxel))[1:]
        camera, size = self.viewer.scene.camera, self.canvas.size()
        right = size.width() / 2 + (x - camera.center[2]) * camera.zoom
        down = size.height() / 2 + (y - camera.center[1]) * camera.zoom
        return QPoint(round(right), round(down))

    def activate(self) -> None:
        """Give the window the keyboard, as a click on it does."""
        self.viewer.window.activate()
        self.wait(lambda: QApplication.activeWindow() is not None)

    def wait(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition, timeout=TIMEOUT_MS)

    def settle(self) -> None:
        for _ in range(3):
            QApplication.processEvents()


def open_review_window(
    make_viewer: Callable[..., napari.Viewer], qtbot: QtBot, folder: Path
) -> Iterator[ReviewWindow]:
    """Open 18 cubes for review: each is a region, four of them must be seen."""
    result = write_places(folder / "r.zarr")
    begin_review(result)
    viewer = make_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN)
    window = ReviewWindow(viewer, widget, qtbot)
    window.open(result.path)
    yield window
    widget.close_session()
    vars(window).clear()  # pytest keeps it, and with it the viewer, which must go
