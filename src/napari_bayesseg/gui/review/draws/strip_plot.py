"""One dot a draw along a scale of volumes, with the spread and the predicted label behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_bayesseg.gui.review.status_style import PALETTES, Palette
from napari_bayesseg.session.preferences import PaletteName

__all__ = ["StripPlot"]

_HEIGHT = 52
_MARGIN = 12.0
_AXIS = 16.0  # for the numbers below
_RADIUS = 4.0
_REACH = 8.0  # pixels from a dot at which a click still means it
_DOT = QColor("#56b4e9")


def _plain(value: float) -> str:
    return f"{value:.3g}"


class StripPlot(QWidget):
    """Volumes over the draws; a click on a dot chooses its draw.

    Blue dots: draws; another colour: the one that is looked at, as on the canvas; band and ticks:
    percentiles 5 to 95 and the median; line: the predicted label.
    """

    chosen = Signal(int)
    """Number of a draw, from 1."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._volumes: NDArray[np.float64] = np.zeros(0)
        self._predicted = 0.0
        self._interval = (np.nan, np.nan, np.nan)
        self._shown = 0
        self._text_of: Callable[[float], str] = _plain
        self.set_palette(PALETTES[PaletteName.OKABE_ITO])
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumHeight(_HEIGHT)
        self.setMouseTracking(True)
        self.setAccessibleName("Volume over the draws")

    def sizeHint(self) -> QSize:
        """Return a height that leaves room for the list."""
        return QSize(200, _HEIGHT)

    def set_palette(self, palette: Palette) -> None:
        """Mark the draw that is looked at in the colour that it has on the canvas."""
        self._shown_colour = QColor(palette.draw)
        self.update()

    def set_volumes(
        self,
        volumes: Sequence[float] | NDArray[np.float64],
        predicted: float,
        interval: tuple[float, float, float],
        text_of: Callable[[float], str] = _plain,
    ) -> None:
        """Show other draws.

        Parameters
        ----------
        volumes : (n,) float
            Of draws 1 to n.
        predicted : float
            Of the predicted label.
        interval : tuple of float
            Low end, median and high end; NaN where there are none.
        text_of : callable
            Gives a volume as text, with its unit.
        """
        self._volumes = np.asarray(volumes, np.float64)
        self._predicted, self._interval, self._text_of = predicted, interval, text_of
        self.update()

    def clear(self) -> None:
        """Show nothing."""
        self.set_volumes((), 0.0, (np.nan,) * 3)

    def set_shown(self, index: int) -> None:
        """Highlight a draw, from 1; 0 the predicted label."""
        self._shown = index
        self.update()

    def range(self) -> tuple[float, float]:
        """Return the volumes at the left and the right end."""
        values = np.append(self._volumes, self._predicted)
        low, high = float(values.min()), float(values.max())
        if high <= low:
            half = 0.5 * abs(low) or 1.0
            return max(0.0, low - half), low + half
        return low, high

    def place(self, volume: float) -> QPointF:
        """Return where a volume is drawn, in pixels."""
        low, high = self.range()
        room = max(self.width() - 2 * _MARGIN, 1.0)
        return QPointF(_MARGIN + room * (volume - low) / (high - low), (self.height() - _AXIS) / 2)

    def draw_at(self, point: QPointF) -> int:
        """Return the draw under a point, from 1; 0 where there is none.

        Where several draws lie on each other, the one after that which is looked at.
        """
        near = [
            index
            for index, volume in enumerate(self._volumes.tolist(), 1)
            if abs(self.place(volume).x() - point.x()) <= _REACH
        ]
        if not near or point.y() > self.height() - _AXIS:
            return 0
        distances = [abs(self.place(self._volumes[i - 1]).x() - point.x()) for i in near]
        closest = [i for i, d in zip(near, distances, strict=True) if d <= min(distances) + 0.5]
        return next((index for index in closest if index > self._shown), closest[0])

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the draw under the mouse."""
        index = self.draw_at(event.position())
        if index:
            self.chosen.emit(index)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show by the cursor what can be clicked."""
        can_click = self.draw_at(event.position()) > 0
        shape = Qt.CursorShape.PointingHandCursor if can_click else Qt.CursorShape.ArrowCursor
        self.setCursor(shape)

    def event(self, event: QEvent) -> bool:
        """Say in a tooltip which draw is under the mouse."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            index = self.draw_at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), self._tooltip(index), self)
            return True
        return super().event(event)

    def _tooltip(self, index: int) -> str:
        if index:
            return f"draw {index}: {self._text_of(self._volumes[index - 1])}"
        return (
            "One dot a draw; click to see it. Band: 5 to 95 % of the draws, ticks: their median. "
            f"Line: the predicted label ({self._text_of(self._predicted)})."
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint band, axis, label's line and dots."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        faint = QColor(text)
        faint.setAlphaF(0.18)
        base = self.height() - _AXIS
        painter.setPen(QPen(faint, 1))
        painter.drawLine(QPointF(_MARGIN, base), QPointF(self.width() - _MARGIN, base))
        if self._volumes.size:
            self._paint_spread(painter, faint, text, base)
            self._paint_axis(painter, text, base)
            self._paint_dots(painter, text)
        painter.end()

    def _paint_spread(self, painter: QPainter, faint: QColor, text: QColor, base: float) -> None:
        low, median, high = (self.place(value).x() for value in self._interval)
        painter.fillRect(QRectF(low - 1, 4, high - low + 2, base - 4), faint)
        painter.setPen(QPen(text, 1.5))
        painter.drawLine(QPointF(median, 4), QPointF(median, 9))
        painter.drawLine(QPointF(median, base - 5), QPointF(median, base))
        label = self.place(self._predicted).x()
        painter.setPen(QPen(text, 2))
        painter.drawLine(QPointF(label, 2), QPointF(label, base))

    def _paint_axis(self, painter: QPainter, text: QColor, base: float) -> None:
        painter.setPen(text)
        low, high = self.range()
        area = QRectF(2, base + 1, self.width() - 4, _AXIS - 1)
        painter.drawText(area, Qt.AlignmentFlag.AlignLeft, self._text_of(low))
        painter.drawText(area, Qt.AlignmentFlag.AlignRight, self._text_of(high))

    def _paint_dots(self, painter: QPainter, text: QColor) -> None:
        fill = QColor(_DOT)
        fill.setAlphaF(0.75)
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Window), 0.8))
        painter.setBrush(fill)
        for volume in self._volumes.tolist():
            painter.drawEllipse(self.place(volume), _RADIUS, _RADIUS)
        if 0 < self._shown <= self._volumes.size:
            painter.setPen(QPen(text, 1.5))
            painter.setBrush(self._shown_colour)
            place = self.place(float(self._volumes[self._shown - 1]))
            painter.drawEllipse(place, _RADIUS + 2, _RADIUS + 2)
