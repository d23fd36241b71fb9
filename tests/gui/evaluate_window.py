"""A window with a review whose truth is known, and the tab that judges it."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtTest import QTest

from napari_bayesseg.gui.evaluate.tab import EvaluateTab
from napari_bayesseg.session.evaluation import DeskEvaluation
from napari_bayesseg.session.threshold_link import ThresholdLink
from tests.gui.review_window import ReviewWindow
from tests.session.hearing import Heard


@dataclass
class EvaluateWindow(ReviewWindow):
    @property
    def evaluate_tab(self) -> EvaluateTab:
        return self.widget.evaluate_tab

    @property
    def evaluation(self) -> DeskEvaluation:
        return self.desk.evaluation

    @property
    def link(self) -> ThresholdLink:
        return self.evaluation.link

    @property
    def index(self) -> int:
        """Which of the tabs it is."""
        tabs = self.widget.tabs
        return next(n for n in range(tabs.count()) if tabs.tabText(n) == "Evaluate")

    @property
    def readout(self) -> str:
        """What stands below the curves."""
        return self.evaluate_tab.curves.readout.text().replace("\u00a0", " ")

    def bring_to_front(self) -> None:
        self.widget.tabs.setCurrentIndex(self.index)

    def evaluate(self) -> None:
        """Click the button and wait for the scores."""
        former = self.evaluation.evaluated
        self.evaluate_tab.judge_box.judge.click()
        self.wait(lambda: self.evaluation.evaluated is not former)
        self.settle()

    def wait_for(self, heard: Heard, signal: str) -> None:
        """Wait until a signal was heard."""
        self.wait(lambda: bool(heard[signal]))

    def line_pixel(self, place: float) -> QPoint:
        """Return where the plot has a value of its x axis, in pixels of what takes the mouse."""
        canvas = self.evaluate_tab.curves.plot.canvas
        middle = sum(canvas.box.viewRange()[1]) / 2
        return canvas.view.mapFromScene(canvas.box.mapViewToScene(QPointF(place, middle)))

    def drag_line(self, *places: float, release: bool = True) -> None:
        """Drag the line from where it is over values of the x axis."""
        plot = self.evaluate_tab.curves.plot
        viewport, button = plot.canvas.view.viewport(), Qt.MouseButton.LeftButton
        start = self.line_pixel(plot.line)
        QTest.mouseMove(viewport, start)
        self.qtbot.wait(20)
        QTest.mousePress(viewport, button, pos=start)
        for place in places:
            QTest.mouseMove(viewport, self.line_pixel(place))
            self.qtbot.wait(20)
        if release:
            self.release_line(places[-1])

    def release_line(self, place: float) -> None:
        viewport = self.evaluate_tab.curves.plot.canvas.view.viewport()
        QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=self.line_pixel(place))
        self.qtbot.wait(20)
