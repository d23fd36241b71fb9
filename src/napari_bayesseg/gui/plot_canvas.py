"""The drawing surface of a plot: pyqtgraph's, loaded when the first plot is shown."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from qtpy import API_NAME
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QFont, QPen
from qtpy.QtWidgets import QVBoxLayout, QWidget

__all__ = ["Colours", "Curve", "PlotCanvas", "Style"]

Style = Literal["line", "faint", "dashed", "dotted", "dots", "bars"]
Range = tuple[float, float]

# Okabe and Ito's, for dark surfaces; those for bright ones are darker by as much as it takes.
_ON_DARK = ("#56b4e9", "#e69f00", "#2ac594", "#e28cba", "#f0e442", "#ff7f4d", "#c3c7cc")
_ON_LIGHT = ("#0072b2", "#b25c00", "#00734f", "#a13f7d", "#6e6500", "#b03a00", "#55585c")
_MARGIN = 0.045
_LINES = {
    "line": Qt.PenStyle.SolidLine,
    "faint": Qt.PenStyle.SolidLine,
    "dashed": Qt.PenStyle.DashLine,
    "dotted": Qt.PenStyle.DotLine,
}
_WIDTHS: dict[Style, float] = {"line": 2.0, "faint": 1.0}
_BINDING = "PYQTGRAPH_QT_LIB"


@dataclass(frozen=True, eq=False)
class Curve:
    """A line, or a row of dots or bars, over the axes.

    Attributes
    ----------
    x, y : (n,) float
        NaN leaves a gap.
    colour : int
        Number in the palette.
    style : {"line", "faint", "dashed", "dotted", "dots", "bars"}
        A faint line is thin and lets the others through. Bars stand on zero, as wide as the least
        step of `x`.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    colour: int
    style: Style = "line"


@dataclass(frozen=True)
class Colours:
    """What of the theme a plot needs.

    Attributes
    ----------
    text, surface : QColor
        Of the widget that the plot is in.
    """

    text: QColor
    surface: QColor

    @property
    def is_dark(self) -> bool:
        """Whether the text is brighter than what it stands on."""
        return self.text.lightnessF() > self.surface.lightnessF()

    @property
    def faint(self) -> QColor:
        """Of axes: between surface and text."""
        share = 0.55
        channels = (QColor.redF, QColor.greenF, QColor.blueF)
        mixed = (share * part(self.text) + (1 - share) * part(self.surface) for part in channels)
        return QColor.fromRgbF(*mixed)

    def curve(self, number: int) -> QColor:
        """Return a colour of the palette, which goes round."""
        palette = _ON_DARK if self.is_dark else _ON_LIGHT
        return QColor(palette[number % len(palette)])


def load_pyqtgraph() -> Any:
    """Import pyqtgraph for the Qt binding that qtpy has chosen; leave what the viewer has set."""
    chosen = os.environ.get(_BINDING)
    hooks = sys.excepthook, threading.excepthook
    os.environ[_BINDING] = API_NAME
    try:
        return import_module("pyqtgraph")
    finally:
        sys.excepthook, threading.excepthook = hooks
        if chosen is None:
            del os.environ[_BINDING]
        else:
            os.environ[_BINDING] = chosen


class PlotCanvas(QWidget):
    """Axes, curves and one upright line; the mouse neither zooms nor pans.

    Parameters
    ----------
    parent : QWidget, optional
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._library = library = load_pyqtgraph()
        self.view = library.GraphicsView(self)
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        grid = library.GraphicsLayout()
        grid.setContentsMargins(0, 4, 10, 6)  # what is written at the ends of the axes isn't cut
        grid.setSpacing(0)
        self.view.setCentralItem(grid)
        self.box = library.ViewBox(enableMenu=False, defaultPadding=0.0)
        self.box.setMouseEnabled(x=False, y=False)
        self.box.disableAutoRange()
        self.axes = {side: library.AxisItem(side) for side in ("left", "bottom")}
        grid.addItem(self.axes["left"], 0, 0)
        grid.addItem(self.box, 0, 1)
        grid.addItem(self.axes["bottom"], 1, 1)
        for axis in self.axes.values():
            axis.linkToView(self.box)
            axis.enableAutoSIPrefix(False)
            axis.setZValue(-1)  # its grid lies below the curves
        self.line = library.InfiniteLine(angle=90, movable=True)
        self.line.setZValue(10)
        self.line.setVisible(False)
        self.box.addItem(self.line, ignoreBounds=True)
        self._items: dict[str, tuple[Style, Any]] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)

    def set_labels(self, x: str, y: str) -> None:
        """Write what the axes are."""
        self.axes["bottom"].setLabel(x)
        self.axes["left"].setLabel(y)

    def set_log(self, x: bool, y: bool) -> None:
        """Take the powers of ten on an axis as its steps."""
        self.axes["bottom"].setLogMode(y=x, x=x)
        self.axes["left"].setLogMode(x=y, y=y)

    def set_ranges(self, x: Range, y: Range) -> None:
        """Show these parts of the axes and a little more, so that no line or number is cut.

        Where an axis is logarithmic, these are exponents.
        """
        self.box.setRange(xRange=x, yRange=y, padding=_MARGIN)

    def set_curves(self, curves: Mapping[str, Curve], colours: Colours) -> None:
        """Draw these curves and no others; what is there already is only changed."""
        for name in [name for name in self._items if name not in curves]:
            self._remove(name)
        for name, curve in curves.items():
            if name in self._items and self._items[name][0] != curve.style:
                self._remove(name)
            if name not in self._items:
                item = self._new_item(curve.style)
                self._items[name] = (curve.style, item)
                self.box.addItem(item)
            self._draw(self._items[name][1], curve, colours.curve(curve.colour))

    def set_colours(self, colours: Colours, font: QFont) -> None:
        """Take over a theme; the curves have theirs with :meth:`set_curves`."""
        self.view.setBackground(colours.surface)
        for axis in self.axes.values():
            axis.setPen(colours.faint)
            axis.setTextPen(colours.text)
            axis.setTickFont(font)
            axis.label.setFont(font)
            axis.setGrid(50)
        self.line.setPen(_pen(colours.text, 2.0))
        self.line.setHoverPen(_pen(colours.curve(1), 3.0))

    def _new_item(self, style: Style) -> Any:
        if style == "bars":
            return self._library.BarGraphItem(x=[], height=[], width=1.0)
        return self._library.PlotDataItem(antialias=True, connect="finite")

    def _draw(self, item: Any, curve: Curve, colour: QColor) -> None:
        if curve.style == "bars":
            steps = np.diff(np.unique(curve.x))
            soft = QColor(colour)
            soft.setAlphaF(0.45)
            item.setOpts(
                x=curve.x,
                height=np.nan_to_num(curve.y),
                width=0.92 * float(steps.min()) if steps.size else 1.0,
                brush=soft,
                pen=_pen(colour, 1.0),
            )
        elif curve.style == "dots":
            item.setData(
                curve.x,
                curve.y,
                pen=None,
                symbol="o",
                symbolSize=6,
                symbolBrush=colour,
                symbolPen=None,
            )
        else:
            if curve.style == "faint":
                colour = QColor(colour)
                colour.setAlphaF(0.4)
            width = _WIDTHS.get(curve.style, 1.5)
            item.setData(curve.x, curve.y, pen=_pen(colour, width, _LINES[curve.style]))

    def _remove(self, name: str) -> None:
        self.box.removeItem(self._items.pop(name)[1])


def _pen(colour: QColor, width: float, style: Qt.PenStyle = Qt.PenStyle.SolidLine) -> QPen:
    pen = QPen(colour, width, style)
    pen.setCosmetic(True)
    return pen
