"""A small plot in the colours of the viewer's theme: curves, axes, a legend, a line to drag."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qtpy.QtCore import QEvent, QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent, QPalette, QShowEvent
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

from napari_bayesseg.gui.plot_canvas import Colours, Curve, PlotCanvas, Style
from napari_bayesseg.gui.rows import in_column

__all__ = ["Plot"]

Range = tuple[float, float]

_HEIGHT = 220
_SMALLER = 0.9  # its numbers, beside the text of the dock
_STEPS = 100
_SWATCHES: dict[Style, str] = {
    "line": "\u2501",
    "faint": "\u2500",
    "dashed": "\u254d",
    "dotted": "\u2505",
    "dots": "\u25cf",
    "bars": "\u25ae",
}
_KEYS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}


class Plot(QWidget):
    """Curves by name. What it draws with is loaded when it is first shown.

    Emits `line_dragged` for every step of the upright line, by mouse or arrow key, and
    `line_released` when it is let go; setting it by :meth:`set_line` emits nothing.
    """

    line_dragged = Signal(float)
    line_released = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curves: dict[str, Curve] = {}
        self._labels = ("", "")
        self._ranges: tuple[Range | None, Range | None] = (None, None)
        self._logs = (False, False)
        self._line: float | None = None
        self._line_bounds: Range = (0.0, 1.0)
        self._canvas: PlotCanvas | None = None
        self.legend = QLabel()
        self.legend.setWordWrap(True)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setVisible(False)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._column = in_column(self, spacing=2)
        self._column.addWidget(self.legend)

    @property
    def curves(self) -> dict[str, Curve]:
        """The curves by name, in the order in which they came."""
        return dict(self._curves)

    @property
    def line(self) -> float | None:
        """Where the upright line stands; None where there is none."""
        return self._line

    @property
    def canvas(self) -> PlotCanvas | None:
        """What it draws on; None until it was shown."""
        return self._canvas

    def sizeHint(self) -> QSize:
        """Return a size that leaves room for what is above and below in a dock."""
        return QSize(300, _HEIGHT + self.legend.sizeHint().height())

    def set_labels(self, x: str, y: str) -> None:
        """Say what the axes are, with their units."""
        self._labels = (x, y)
        self._redraw()

    def set_ranges(self, x: Range | None = None, y: Range | None = None) -> None:
        """Show these parts of the axes; None: all that the curves need."""
        self._ranges = (x, y)
        self._redraw()

    def set_log(self, *, x: bool = False, y: bool = False) -> None:
        """Make axes logarithmic; values that are not positive are then left out."""
        self._logs = (x, y)
        self._redraw()

    def set_curve(
        self,
        name: str,
        x: ArrayLike,
        y: ArrayLike,
        *,
        colour: int | None = None,
        style: Style = "line",
    ) -> None:
        """Draw a curve, in place of the one with the same name.

        Parameters
        ----------
        name : str
            As in the legend; one that begins with an underscore is not in it.
        x, y : (n,) float
            NaN leaves a gap.
        colour : int, optional
            Number in the palette; default the one it had, else the first that is free.
        style : {"line", "faint", "dashed", "dotted", "dots", "bars"}
        """
        former = self._curves.get(name)
        if colour is None:
            colour = self._free_colour() if former is None else former.colour
        self._curves[name] = Curve(
            np.asarray(x, np.float64), np.asarray(y, np.float64), colour, style
        )
        self._redraw()

    def remove_curve(self, name: str) -> None:
        """Draw a curve no more; nothing happens where there is none."""
        if self._curves.pop(name, None) is not None:
            self._redraw()

    def clear(self) -> None:
        """Draw no curve and no line."""
        self._curves.clear()
        self._line = None
        self._redraw()

    def set_line(self, place: float | None, bounds: Range | None = None) -> None:
        """Put the upright line somewhere; one that is being dragged is left alone.

        Parameters
        ----------
        place : float or None
            In the units of `x`; None takes it away.
        bounds : (float, float), optional
            Between which it can be dragged; default as before.
        """
        if self._canvas is not None and self._canvas.line.moving:
            return
        if bounds is not None:
            self._line_bounds = bounds
        self._line = None if place is None else float(np.clip(place, *self._line_bounds))
        self._show_line()

    def event(self, event: QEvent) -> bool:
        """Take over another theme."""
        handled = super().event(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange):
            self._redraw()
        return handled

    def showEvent(self, event: QShowEvent) -> None:
        """Load what it draws with."""
        super().showEvent(event)
        if self._canvas is None:
            self._canvas = PlotCanvas(self)
            self._canvas.setMinimumHeight(_HEIGHT)
            self._canvas.line.sigDragged.connect(self._on_dragged)
            self._canvas.line.sigPositionChangeFinished.connect(self._on_released)
            self._column.addWidget(self._canvas)
        self._redraw()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the line by a hundredth of its range with the arrow keys."""
        step = _KEYS.get(Qt.Key(event.key()))
        if step is None or self._line is None:
            super().keyPressEvent(event)
            return
        low, high = self._line_bounds
        self.set_line(self._line + step * (high - low) / _STEPS)
        self.line_dragged.emit(self._line)
        self.line_released.emit(self._line)

    def _free_colour(self) -> int:
        taken = {curve.colour for curve in self._curves.values()}
        return next(number for number in range(len(taken) + 1) if number not in taken)

    def _colours(self) -> Colours:
        palette = self.palette()
        roles = QPalette.ColorRole
        return Colours(palette.color(roles.WindowText), palette.color(roles.Window))

    def _redraw(self) -> None:
        colours = self._colours()
        self._show_legend(colours)
        canvas = self._canvas
        if canvas is None:
            return
        font = self.font()
        font.setPointSizeF(_SMALLER * max(font.pointSizeF(), 7.0))
        canvas.set_log(*self._logs)
        canvas.set_labels(*self._labels)
        canvas.set_colours(colours, font)
        drawn = {name: self._on_axes(curve) for name, curve in self._curves.items()}
        canvas.set_curves(drawn, colours)
        canvas.set_ranges(
            self._range(0, [curve.x for curve in drawn.values()]),
            self._range(1, [curve.y for curve in drawn.values()]),
        )
        self._show_line()

    def _on_axes(self, curve: Curve) -> Curve:
        x, y = (
            _log10(values) if is_log else values
            for values, is_log in zip((curve.x, curve.y), self._logs, strict=True)
        )
        return Curve(x, y, curve.colour, curve.style)

    def _range(self, axis: int, drawn: list[NDArray[np.float64]]) -> Range:
        """Return the part of an axis that is shown."""
        wanted = self._ranges[axis]
        if wanted is not None and self._logs[axis]:
            low, high = _log10(np.array(wanted)).tolist()
            wanted = (low, high) if np.isfinite(low) else None
        if wanted is not None:
            return wanted
        values = np.concatenate([np.zeros(0), *drawn])
        values = values[np.isfinite(values)]
        if not values.size:
            return 0.0, 1.0
        low, high = float(values.min()), float(values.max())
        margin = 0.04 * (high - low) if axis else 0.0
        if not high > low:
            margin = 0.5 * abs(low) or 0.5
        return low - margin, high + margin

    def _show_line(self) -> None:
        canvas = self._canvas
        if canvas is None:
            return
        canvas.line.setVisible(self._line is not None)
        if self._line is not None:
            to_axis: Callable[[float], float] = np.log10 if self._logs[0] else float
            canvas.line.setBounds([to_axis(bound) for bound in self._line_bounds])
            canvas.line.setValue(to_axis(self._line))

    def _on_dragged(self) -> None:
        self._take_line()
        self.line_dragged.emit(self._line)

    def _on_released(self) -> None:
        self._take_line()
        self.line_released.emit(self._line)

    def _take_line(self) -> None:
        if self._canvas is not None:
            value = float(self._canvas.line.value())
            self._line = 10.0**value if self._logs[0] else value

    def _show_legend(self, colours: Colours) -> None:
        entries = [
            f"<span style='color: {colours.curve(curve.colour).name()}'>"
            f"{_SWATCHES[curve.style]}</span>&nbsp;{escape(name).replace(' ', '&nbsp;')}"
            for name, curve in self._curves.items()
            if not name.startswith("_")
        ]
        self.legend.setText("&nbsp; ".join(entries))
        self.legend.setVisible(len(entries) > 0)


def _log10(values: NDArray[np.float64]) -> NDArray[np.float64]:
    positive = np.where(values > 0, values, np.nan)
    return np.log10(positive)
