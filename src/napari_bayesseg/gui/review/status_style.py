"""How the statuses of regions look: a word, a shape and a colour each."""

from __future__ import annotations

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap, QPolygonF

from napari_bayesseg.review.status import Status

__all__ = ["BOX_COLOUR", "CONTOUR_COLOUR", "CURRENT_COLOUR", "STATUS_COLOURS", "status_icon"]

# Okabe and Ito's colours, which colour-blind people can tell apart.
STATUS_COLOURS = {
    Status.PENDING: "#e69f00",
    Status.ACCEPTED: "#009e73",
    Status.REJECTED: "#d55e00",
    Status.EDITED: "#56b4e9",
    Status.DEFERRED: "#cc79a7",
}
CURRENT_COLOUR = "#ffff00"
BOX_COLOUR = "#ffffff"
CONTOUR_COLOUR = "#f0027f"

_SIDE = 32


def status_icon(status: Status) -> QIcon:
    """Return the shape of a status: ring, tick, cross, diamond or two bars.

    It is drawn, not a letter: fonts miss such signs on many machines.
    """
    picture = QPixmap(_SIDE, _SIDE)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    colour = QColor(STATUS_COLOURS[status])
    painter.setPen(QPen(colour, 5, c=Qt.PenCapStyle.RoundCap, j=Qt.PenJoinStyle.RoundJoin))
    if status is Status.PENDING:
        painter.drawEllipse(QRectF(6, 6, 20, 20))
    elif status is Status.ACCEPTED:
        painter.drawPolyline(_points((5, 17), (13, 25), (27, 7)))
    elif status is Status.REJECTED:
        painter.drawPolyline(_points((7, 7), (25, 25)))
        painter.drawPolyline(_points((25, 7), (7, 25)))
    elif status is Status.EDITED:
        painter.setBrush(colour)
        painter.drawPolygon(_points((16, 6), (26, 16), (16, 26), (6, 16)))
    else:
        painter.drawPolyline(_points((11, 7), (11, 25)))
        painter.drawPolyline(_points((21, 7), (21, 25)))
    painter.end()
    return QIcon(picture)


def _points(*corners: tuple[float, float]) -> QPolygonF:
    return QPolygonF([QPointF(x, y) for x, y in corners])
