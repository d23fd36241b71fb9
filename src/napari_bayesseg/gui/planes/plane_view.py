"""A widget that shows a picture of a plane, a cross-hair, and a line of text."""

from __future__ import annotations

from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_bayesseg.gui.planes.pictures import Picture

__all__ = ["PlaneView"]

CROSS_COLOUR = "#ffff00"
_GAP = 7  # pixels around the middle of the cross-hair: what is looked at stays free
_CLICK = 3  # pixels that a click may move
_ZOOM_PER_NOTCH = 1.1
_ARROWS = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}
_PAGES = {Qt.Key.Key_PageUp: -1, Qt.Key.Key_PageDown: 1}


class PlaneView(QWidget):
    """Shows a plane in its true proportions; everything is painted here, without OpenGL.

    Parameters
    ----------
    drags_cross : bool
        Whether dragging moves the cross-hair; else it moves the picture, and a click the
        cross-hair.
    """

    picked = Signal(float, float)
    """Row and column, in voxels, where the person wants the cross-hair."""
    panned = Signal(float, float)
    """Rows and columns by which the person pulls the picture."""
    stepped = Signal(int)
    """Slices to go along the hidden axis."""
    zoomed = Signal(float)
    """Factor by which the person zooms."""
    resized = Signal()

    def __init__(self, drags_cross: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._drags_cross = drags_cross
        self._picture: Picture | None = None
        self._image = QImage()
        self._caption = ""
        self._centre = (0.0, 0.0)
        self._scale = (1.0, 1.0)
        self._cross: tuple[float, float] | None = None
        self._pressed: QPointF | None = None
        self._last = QPointF()
        self.setMinimumSize(90, 90)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        # The canvas keeps the keyboard when a view is clicked.
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.CrossCursor)

    @property
    def is_held(self) -> bool:
        """Whether the person is dragging in it."""
        return self._pressed is not None

    @property
    def picture(self) -> Picture | None:
        """What is shown."""
        return self._picture

    @property
    def caption(self) -> str:
        """The line of text."""
        return self._caption

    @property
    def cross(self) -> tuple[float, float] | None:
        """Row and column of the cross-hair, in voxels."""
        return self._cross

    def sizeHint(self) -> QSize:
        """Ask for the room that a small plane needs."""
        return QSize(260, 220)

    def set_caption(self, text: str) -> None:
        """Write a line at the upper edge."""
        if text != self._caption:
            self._caption = text
            self.setAccessibleName(text)
            self.update()

    def set_frame(self, centre: tuple[float, float], scale: tuple[float, float]) -> None:
        """Choose what is seen.

        Parameters
        ----------
        centre : (row, column)
            Voxel, counted from the middle of the first, in the middle of the widget.
        scale : (float, float)
            Pixels a voxel is high and wide.
        """
        if (centre, scale) != (self._centre, self._scale):
            self._centre, self._scale = centre, scale
            self.update()

    def set_cross(self, row: float, column: float) -> None:
        """Move the cross-hair to a voxel."""
        if (row, column) != self._cross:
            self._cross = (row, column)
            self.update()

    def set_picture(self, picture: Picture | None) -> None:
        """Show a picture, or nothing."""
        self._picture = picture
        if picture is None:
            self._image = QImage()
        else:
            height, width = picture.plane.size
            kind = QImage.Format.Format_RGBA8888
            # The picture is kept for as long as the image looks into its memory.
            self._image = QImage(picture.pixels.data, width, height, 4 * width, kind)
        self.update()

    def voxel_at(self, point: QPointF) -> tuple[float, float]:
        """Return row and column under a point of the widget."""
        row = self._centre[0] + (point.y() - self.height() / 2) / self._scale[0]
        column = self._centre[1] + (point.x() - self.width() / 2) / self._scale[1]
        return row, column

    def point_of(self, row: float, column: float) -> QPointF:
        """Return where on the widget a voxel's middle is."""
        y = self.height() / 2 + (row - self._centre[0]) * self._scale[0]
        x = self.width() / 2 + (column - self._centre[1]) * self._scale[1]
        return QPointF(x, y)

    # Qt's events.

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint picture, cross-hair and text."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        if self._picture is not None:
            plane = self._picture.plane
            # A voxel reaches half its length to both sides of its middle.
            corner = self.point_of(plane.top - 0.5, plane.left - 0.5)
            height, width = (plane.step * n for n in plane.size)
            wanted = QRectF(corner.x(), corner.y(), width * self._scale[1], height * self._scale[0])
            shrinks = min(self._scale) * plane.step < 1
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, shrinks)
            painter.drawImage(wanted, self._image)
        if self._cross is not None:
            self._paint_cross(painter, self.point_of(*self._cross))
        self._paint_caption(painter)
        if self.hasFocus():
            painter.setPen(QPen(self.palette().highlight().color(), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()

    def _paint_cross(self, painter: QPainter, middle: QPointF) -> None:
        painter.setPen(QPen(QColor(CROSS_COLOUR), 1))
        x, y = middle.x(), middle.y()
        painter.drawLine(QPointF(0, y), QPointF(x - _GAP, y))
        painter.drawLine(QPointF(x + _GAP, y), QPointF(self.width(), y))
        painter.drawLine(QPointF(x, 0), QPointF(x, y - _GAP))
        painter.drawLine(QPointF(x, y + _GAP), QPointF(x, self.height()))

    def _paint_caption(self, painter: QPainter) -> None:
        if not self._caption:
            return
        metrics = painter.fontMetrics()
        text = metrics.elidedText(
            self._caption, Qt.TextElideMode.ElideRight, max(self.width() - 12, 10)
        )
        box = QRectF(0, 0, metrics.horizontalAdvance(text) + 12, metrics.height() + 4)
        painter.fillRect(box, QColor(0, 0, 0, 190))
        painter.setPen(QColor("#ffffff"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of cross-hair or picture."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = self._last = event.position()
            if self._drags_cross:
                self.picked.emit(*self.voxel_at(event.position()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move cross-hair or picture."""
        if self._pressed is None:
            return
        if self._drags_cross:
            self.picked.emit(*self.voxel_at(event.position()))
        else:
            by = event.position() - self._last
            self.panned.emit(by.y() / self._scale[0], by.x() / self._scale[1])
        self._last = event.position()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go; a click moves the cross-hair."""
        pressed, self._pressed = self._pressed, None
        if pressed is not None and not self._drags_cross:
            moved = event.position() - pressed
            if max(abs(moved.x()), abs(moved.y())) <= _CLICK:
                self.picked.emit(*self.voxel_at(event.position()))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom; with Ctrl go through the slices, as on the canvas."""
        notches = event.angleDelta().y() / 120
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.stepped.emit(1 if notches > 0 else -1)
        else:
            self.zoomed.emit(_ZOOM_PER_NOTCH**notches)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the cross-hair by the arrow keys, through the slices by Page Up and Page Down."""
        key = Qt.Key(event.key())
        if key in _ARROWS and self._cross is not None:
            down, right = _ARROWS[key]
            self.picked.emit(self._cross[0] + down, self._cross[1] + right)
        elif key in _PAGES:
            self.stepped.emit(_PAGES[key])
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Ask for another picture."""
        super().resizeEvent(event)
        self.resized.emit()
