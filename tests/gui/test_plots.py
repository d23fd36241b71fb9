"""The plot of a dock: what it draws, in which colours, and its line."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable

import napari
import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QColor
from qtpy.QtTest import QTest

from napari_bayesseg.gui.plot_canvas import Colours
from napari_bayesseg.gui.plots import Plot

pytestmark = pytest.mark.viewer


@pytest.fixture
def plot(qtbot: QtBot) -> Plot:
    widget = Plot()
    qtbot.addWidget(widget)
    widget.resize(340, 240)
    widget.set_labels("volume reviewed (%)", "errors found (%)")
    widget.set_curve("here", [0, 50, 100], [0, 80, 100])
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def place_of(plot: Plot, x: float) -> QPoint:
    """Return where the plot has a value of its axis, in pixels of what takes the mouse."""
    box = plot.canvas.box
    y = sum(box.viewRange()[1]) / 2
    return plot.canvas.view.mapFromScene(box.mapViewToScene(QPointF(x, y)))


def drag(plot: Plot, qtbot: QtBot, start: float, *places: float) -> None:
    # Moves with a button down reach pyqtgraph as they do from a hand: by the window system's loop.
    viewport, button = plot.canvas.view.viewport(), Qt.MouseButton.LeftButton
    QTest.mouseMove(viewport, place_of(plot, start))
    qtbot.wait(20)
    QTest.mousePress(viewport, button, pos=place_of(plot, start))
    for place in places:
        QTest.mouseMove(viewport, place_of(plot, place))
        qtbot.wait(20)
    QTest.mouseRelease(viewport, button, pos=place_of(plot, places[-1]))
    qtbot.wait(20)


def test_nothing_is_loaded_before_a_plot_is_shown() -> None:
    code = (
        "import sys\nfrom qtpy.QtWidgets import QApplication\napplication = QApplication([])\n"
        "from napari_bayesseg.gui.plots import Plot\n"
        "import napari_bayesseg.gui.main_widget\n"
        "plot = Plot(); plot.set_curve('a', [0, 1], [0, 1]); plot.set_line(0.5)\n"
        "print('pyqtgraph' in sys.modules)\n"
        "hooks = sys.excepthook\nplot.show()\n"
        "import pyqtgraph, qtpy\n"
        "print(pyqtgraph.Qt.QT_LIB == qtpy.API_NAME, sys.excepthook is hooks)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["False", "True", "True"], done.stderr


def test_curves_are_drawn_and_taken_away(plot: Plot) -> None:
    plot.set_curve("there", [0, 100], [0, 100], style="dashed")
    plot.set_curve("_ideal", [0, 100], [100, 100], colour=6)
    assert [curve.colour for curve in plot.curves.values()] == [0, 1, 6]
    assert "here" in plot.legend.text()
    assert "ideal" not in plot.legend.text()
    assert len(plot.canvas.box.addedItems) == 3
    first = plot.canvas.box.addedItems[0]
    plot.set_curve("here", [0, 100], [0, 50])
    assert plot.canvas.box.addedItems[0] is first  # changed, not made again
    np.testing.assert_array_equal(first.getData()[1], [0, 50])
    plot.remove_curve("there")
    plot.set_curve("bars", [0.5, 1.5], [1, 2], style="bars")
    assert plot.curves["bars"].colour == 1
    plot.clear()
    assert plot.canvas.box.addedItems == []
    assert plot.legend.isHidden()


def test_the_axes_show_what_they_are_told_or_what_the_curves_need(plot: Plot) -> None:
    plot.set_ranges(x=(0, 200))
    (left, right), (bottom, top) = plot.canvas.box.viewRange()
    assert (left, right) == pytest.approx((-9, 209))
    assert bottom < 0
    assert top > 100
    plot.set_curve("here", [1, 10, 1000], [0, 80, 100])
    plot.set_log(x=True)
    plot.set_ranges()
    assert plot.canvas.box.viewRange()[0] == pytest.approx([-0.135, 3.135])


def test_one_value_and_no_value_have_axes_too(plot: Plot) -> None:
    plot.set_curve("here", [3], [np.nan])
    assert plot.canvas.box.viewRange()[0] == pytest.approx([1.365, 4.635])
    plot.clear()
    assert plot.canvas.box.viewRange()[0] == pytest.approx([-0.045, 1.045])


def test_dragging_the_line_is_told_step_by_step_and_released_once(plot: Plot, qtbot: QtBot) -> None:
    dragged, released = [], []
    plot.line_dragged.connect(dragged.append)
    plot.line_released.connect(released.append)
    plot.set_line(20, (10, 90))
    assert (dragged, released) == ([], [])
    drag(plot, qtbot, 20, 30, 40, 60)
    assert len(dragged) >= 2
    assert np.diff(dragged).min() > -1e-6
    assert released == pytest.approx([60], abs=1.5)
    assert plot.line == released[0]
    drag(plot, qtbot, plot.line, 80, 99)
    assert plot.line == pytest.approx(90)


def test_the_line_on_a_logarithmic_axis_is_told_in_the_axis_unit(plot: Plot, qtbot: QtBot) -> None:
    plot.set_log(x=True)
    plot.set_curve("here", [0.1, 1, 100], [0, 80, 100])
    plot.set_line(1.0, (0.1, 100))
    assert plot.canvas.line.value() == pytest.approx(0)
    with qtbot.waitSignal(plot.line_released) as released:
        drag(plot, qtbot, 0.0, 0.5, 1.0)
    assert released.args[0] == pytest.approx(10, rel=0.1)


def test_arrow_keys_move_the_line(plot: Plot, qtbot: QtBot) -> None:
    plot.set_line(50, (0, 100))
    with qtbot.waitSignals([plot.line_dragged, plot.line_released]):
        QTest.keyClick(plot, Qt.Key.Key_Right)
    assert plot.line == pytest.approx(51)
    QTest.keyClick(plot, Qt.Key.Key_Left)
    assert plot.line == pytest.approx(50)


def contrast(one: QColor, other: QColor) -> float:
    """Contrast ratio of WCAG 2.1, 1 to 21."""

    def luminance(colour: QColor) -> float:
        parts = np.array([colour.redF(), colour.greenF(), colour.blueF()])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("surface", [QColor(35, 36, 43), QColor(235, 231, 230)])
def test_curves_stand_out_from_napari_surfaces(surface: QColor) -> None:
    text = QColor("white") if surface.lightnessF() < 0.5 else QColor("black")
    colours = Colours(text, surface)
    assert min(contrast(colours.curve(number), surface) for number in range(7)) >= 3
    assert contrast(colours.faint, surface) >= 2


def test_it_follows_the_theme_and_goes_with_its_window(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot
) -> None:
    viewer = make_napari_viewer(show=True)
    plot = Plot()
    viewer.window.add_dock_widget(plot, name="plot", area="right")
    hook = threading.excepthook
    plot.set_curve("here", [0, 1], [0, 1])
    seen = []
    for theme in ("dark", "light"):
        viewer.theme = theme
        qtbot.wait(50)
        view = plot.canvas.view
        seen.append((view.backgroundBrush().color().lightness(), plot.legend.text()))
    assert seen[0][0] < 100 < seen[1][0]
    assert seen[0][1] != seen[1][1]
    assert threading.excepthook is hook
