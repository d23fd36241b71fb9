"""What a review can show beside the canvas: the two other planes, and another result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.gui.planes.orthogonal import OrthogonalViews
from napari_bayesseg.gui.review.canvas import ReviewCanvas
from napari_bayesseg.session.desk import ReviewDesk

if TYPE_CHECKING:
    import napari

__all__ = ["SideViews"]

_FLAT = "This scan is a single slice: there are no other planes through it."


class SideViews(QObject):
    """Opens and closes docks beside the canvas; they follow the review that is open.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    said = Signal(str)
    """One line for the person."""

    def __init__(self, viewer: napari.Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._desk: ReviewDesk | None = None
        self._canvas: ReviewCanvas | None = None
        self.orthogonal: OrthogonalViews | None = None

    def set_review(self, desk: ReviewDesk | None, canvas: ReviewCanvas | None) -> None:
        """Follow another review, with the orthogonal views where they were open."""
        was_open = self.orthogonal is not None
        self.close()
        self._desk, self._canvas = desk, canvas
        if was_open and desk is not None and desk.result.spec.shape[0] > 1:
            self.toggle_orthogonal()

    def close(self) -> None:
        """Take all docks away; before the canvas of their review is closed."""
        if self.orthogonal is not None:
            self.orthogonal.close()

    def toggle_orthogonal(self) -> None:
        """Show the two other planes, or close them.

        Raises
        ------
        SettingsError
            If there is but one slice.
        """
        if self.orthogonal is not None:
            self.orthogonal.close()
            return
        desk, canvas = self._desk, self._canvas
        if desk is None or canvas is None:
            return
        if desk.result.spec.shape[0] == 1:
            raise SettingsError(_FLAT)
        views = OrthogonalViews(
            self._viewer,
            desk.background,
            lambda: canvas.place,
            desk.result.spec.shape,
            desk.result.geometry,
            self,
        )
        views.closed.connect(self._on_orthogonal_closed)
        views.failed.connect(self.said)
        self.orthogonal = views

    def _on_orthogonal_closed(self) -> None:
        views, self.orthogonal = self.orthogonal, None
        if views is not None:
            views.deleteLater()
