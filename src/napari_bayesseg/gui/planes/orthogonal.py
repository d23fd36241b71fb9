"""The two other planes through the place that the canvas shows, in a dock beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from napari.layers import Layer
from qtpy.QtCore import QObject, QSize, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QBoxLayout

from napari_bayesseg.core.geometry import Geometry, Index3
from napari_bayesseg.gui.docks import DockedPanel
from napari_bayesseg.gui.planes.cross_hair import CrossHair
from napari_bayesseg.gui.planes.linked_views import Axes, Linked, LinkedViews
from napari_bayesseg.gui.planes.looks import Look, has_voxels, look_of
from napari_bayesseg.gui.planes.plane_view import PlaneView
from napari_bayesseg.gui.slices import same_place
from napari_bayesseg.session.background import Background

if TYPE_CHECKING:
    import napari

__all__ = ["OrthogonalViews", "other_planes", "viewer_looks"]

DOCK_NAME = "Orthogonal views"
_TIP = (
    "Drag: move the cross-hair, here and on the canvas\nWheel: zoom, Ctrl+wheel: next slice\n"
    "Arrow keys, Page Up and Page Down: by one voxel"
)


class OrthogonalViews(QObject):
    """Two linked views in a dock, and a cross-hair on the canvas, until they are closed.

    Parameters
    ----------
    viewer : napari.Viewer
    background : Background
    place : callable
        A layer that lies where the result does; None where there is none.
    shape : (Z, Y, X)
    geometry : Geometry
        Of the result.
    """

    closed = Signal()
    """The dock is gone: by :meth:`close`, or because the person closed it."""
    failed = Signal(str)

    def __init__(
        self,
        viewer: napari.Viewer,
        background: Background,
        place: Callable[[], Layer | None],
        shape: Index3,
        geometry: Geometry,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.views = (PlaneView(), PlaneView())
        self._panel = _Panel(self.views)
        self._cross = CrossHair(viewer, shape, geometry, self)
        linked = [
            Linked(view, _axes(number), self._looks, _caption)
            for number, view in enumerate(self.views)
        ]
        self.link = LinkedViews(viewer, background, place, linked, self)
        self.link.failed.connect(self.failed)
        self.link.moved.connect(self._cross.move)
        self._is_open = True
        viewer.window.add_dock_widget(self._panel, name=DOCK_NAME, area="bottom")
        self._panel.left.connect(self._let_go)

    def close(self) -> None:
        """Take dock and cross-hair away."""
        if self._is_open:
            self._panel.left.disconnect(self._let_go)
            self._viewer.window.remove_dock_widget(self._panel)
            self._let_go()

    def _let_go(self) -> None:
        if self._is_open:
            self._is_open = False
            self.link.close()
            self._cross.close()
            self._panel.deleteLater()
            self.closed.emit()

    def _looks(self, place: Layer) -> tuple[Look, ...]:
        return viewer_looks(self._viewer, place)


def viewer_looks(viewer: napari.Viewer, place: Layer) -> tuple[Look, ...]:
    """Return the looks of the visible layers that lie where `place` does, from below."""
    layers = [layer for layer in viewer.layers if layer.visible and has_voxels(layer)]
    looks = [look_of(layer) for layer in layers if same_place(viewer, layer, place)]
    return tuple(look for look in looks if look is not None)


def other_planes(displayed: Sequence[int]) -> tuple[Axes, Axes]:
    """Return the planes across the one that a canvas displays.

    The canvas' hidden axis runs downwards in both; the canvas' horizontal axis, then its vertical
    one, to the right. In 3D they are those across the last two axes.
    """
    if len(displayed) != 2:
        displayed = (1, 2)
    vertical, horizontal = displayed
    (hidden,) = {0, 1, 2} - set(displayed)
    return (vertical, hidden, horizontal), (horizontal, hidden, vertical)


def _axes(number: int) -> Callable[[Sequence[int]], Axes]:
    return lambda displayed: other_planes(displayed)[number]


def _caption(axes: Axes, index: int) -> str:
    hidden, rows, columns = ("zyx"[axis] for axis in axes)
    return f"{rows}{columns} plane \u00b7 {hidden} {index}"


class _Panel(DockedPanel):
    """The views side by side, or one above the other where the dock is high."""

    def __init__(self, views: Sequence[PlaneView]) -> None:
        super().__init__()
        self._layout = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._layout.setContentsMargins(2, 2, 2, 2)
        self._layout.setSpacing(3)
        for view in views:
            view.setToolTip(_TIP)
            self._layout.addWidget(view, 1)

    def sizeHint(self) -> QSize:
        """Leave most of the window to the canvas."""
        return QSize(560, 230)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Turn with the dock."""
        super().resizeEvent(event)
        directions = QBoxLayout.Direction
        is_wide = event.size().width() >= event.size().height()
        wanted = directions.LeftToRight if is_wide else directions.TopToBottom
        if self._layout.direction() != wanted:
            self._layout.setDirection(wanted)
