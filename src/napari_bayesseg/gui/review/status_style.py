"""How the statuses of regions look: a word, a shape and a colour each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap, QPolygonF

from napari_bayesseg.review.status import Status
from napari_bayesseg.session.preferences import PaletteName

__all__ = ["PALETTES", "Palette", "status_icon"]


@dataclass(frozen=True)
class Palette:
    """Colours of the review.

    Attributes
    ----------
    statuses : mapping of Status to str
        As ``"#rrggbb"``.
    current : str
        Of the region that is looked at.
    paintable : str
        Of the rim of what may be painted.
    contour : str
        Of a contour that isn't taken over yet.
    draw : str
        Of the draw that is shown.
    faint : float
        Opacity of the outlines of the other regions, from 0 to 1.
    """

    statuses: Mapping[Status, str]
    current: str = "#ffff00"
    paintable: str = "#ffffff"
    contour: str = "#f0027f"
    draw: str = "#ff5d00"
    faint: float = 0.45


def _of(
    pending: str, accepted: str, rejected: str, edited: str, deferred: str
) -> dict[Status, str]:
    return dict(zip(Status, (pending, accepted, rejected, edited, deferred), strict=True))


PALETTES: Mapping[PaletteName, Palette] = {
    # Okabe & Ito, "Color universal design", 2008.
    PaletteName.OKABE_ITO: Palette(_of("#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7")),
    # Tol, "Colour schemes", 2021, figure 1.
    PaletteName.TOL_BRIGHT: Palette(
        _of("#ccbb44", "#228833", "#ee6677", "#66ccee", "#bbbbbb"),
        contour="#8080ff",
        draw="#00ffaa",
    ),
    # Ours: bright on a dark scan, each lighter or darker than the others; drawn in full.
    PaletteName.HIGH_CONTRAST: Palette(
        _of("#ffb000", "#00b894", "#ff2d55", "#7fd4ff", "#b57bff"),
        current="#ffff66",
        contour="#cc66aa",
        draw="#80ffbf",
        faint=0.9,
    ),
}

_SIDE = 32


def status_icon(status: Status, palette: Palette) -> QIcon:
    """Return the shape of a status: ring, tick, cross, diamond or two bars.

    It is drawn, not a letter: fonts miss such signs on many machines.
    """
    picture = QPixmap(_SIDE, _SIDE)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    colour = QColor(palette.statuses[status])
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
