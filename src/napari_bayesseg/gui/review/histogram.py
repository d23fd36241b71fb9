"""The distribution of a measure, painted over its range slider."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen, QPolygonF, QResizeEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

__all__ = ["Histogram"]

_HEIGHT = 70
_BETWEEN, _ABOVE = QColor("#e69f00"), QColor("#d55e00")


class Histogram(QWidget):
    """Counts on a logarithmic scale, cut by two thresholds into three colours.

    Grey: accepted without a look; amber: regions form; red: must be looked at. The slider below
    tells where its end points lie, so that both share one axis.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._heights: NDArray[np.float64] = np.zeros(0)
        self._shares = (0.0, 1.0)
        self._span = (0.0, 0.0)
        self._shape = QPolygonF()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumHeight(_HEIGHT)

    def sizeHint(self) -> QSize:
        """Return a height that leaves room for the table."""
        return QSize(200, _HEIGHT)

    @property
    def span(self) -> tuple[float, float]:
        """Pixels at which the first and the last value are drawn."""
        return self._span

    @property
    def thresholds(self) -> tuple[float, float]:
        """Where the thresholds stand, as shares of the axis from 0 to 1."""
        return self._shares

    @property
    def heights(self) -> NDArray[np.float64]:
        """Height of every bin, 0 to 1, on the logarithmic scale."""
        return self._heights

    def set_counts(self, counts: NDArray[np.int64]) -> None:
        """Draw voxels per bin; the bins divide the slider's range evenly."""
        heights = np.log1p(np.asarray(counts, np.float64))
        top = heights.max(initial=0.0)
        self._heights = heights / top if top > 0 else heights
        self._redraw()

    def set_span(self, left: float, right: float) -> None:
        """Take over where the slider's handle stands at either end, in pixels."""
        if (left, right) != self._span:
            self._span = (left, right)
            self._redraw()

    def set_thresholds(self, lower: float, upper: float) -> None:
        """Move the two lines; shares of the axis from 0 to 1."""
        self._shares = (lower, upper)
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the shape to the new height."""
        super().resizeEvent(event)
        self._redraw()

    def _redraw(self) -> None:
        """Make the outline once; moving a handle only fills it again."""
        left, right = self._span
        columns = int(right - left)
        self._shape = QPolygonF()
        if columns > 1 and self._heights.size:
            starts = np.arange(columns) * self._heights.size // columns
            tops = np.maximum.reduceat(self._heights, starts)
            base, room = float(self.height()), self.height() - 4.0
            points = [QPointF(left, base)]
            for column, top in enumerate(tops):
                level = base - room * float(top)
                points += [QPointF(left + column, level), QPointF(left + column + 1, level)]
            self._shape = QPolygonF([*points, QPointF(left + columns, base)])
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Fill the outline in three colours and draw the thresholds."""
        painter = QPainter(self)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        grey = QColor(text)
        grey.setAlphaF(0.45)
        left, right = self._span
        places = [left + share * (right - left) for share in self._shares]
        edges = [left, *places, right]
        painter.setPen(Qt.PenStyle.NoPen)
        zones = zip(edges[:-1], edges[1:], (grey, _BETWEEN, _ABOVE), strict=True)
        for start, stop, colour in zones:
            painter.setClipRect(QRectF(start, 0, max(stop - start, 0.0), self.height()))
            painter.setBrush(colour)
            painter.drawPolygon(self._shape)
        painter.setClipping(False)
        painter.setPen(QPen(text, 1.5))
        for place in places:
            painter.drawLine(QPointF(place, 0), QPointF(place, self.height()))
        painter.end()
