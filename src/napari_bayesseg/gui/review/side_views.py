"""What a review can show beside the canvas: the two other planes, and another result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.gui.docks import dock_of
from napari_bayesseg.gui.planes.comparison_view import ComparisonView
from napari_bayesseg.gui.planes.orthogonal import OrthogonalViews
from napari_bayesseg.gui.result_layers import ResultLayers
from napari_bayesseg.gui.review.canvas import ReviewCanvas
from napari_bayesseg.session.comparison import Compared
from napari_bayesseg.session.desk import ReviewDesk

if TYPE_CHECKING:
    import napari

__all__ = ["SideViews"]

_ASK = "Compare with a result of the same scan (a folder *.zarr)"
_FLAT = "This scan is a single slice: there are no other planes through it."


class SideViews(QObject):
    """Opens and closes docks beside the canvas; they follow the review that is open.

    Parameters
    ----------
    viewer : napari.Viewer
    results : ResultLayers
        Keeps the heat maps.
    window : QWidget
        Its dock stays on the right of all others.
    """

    said = Signal(str)
    """One line for the person."""

    def __init__(self, viewer: napari.Viewer, results: ResultLayers, window: QWidget) -> None:
        super().__init__(window)
        self._viewer = viewer
        self._results = results
        self._window = window
        self._desk: ReviewDesk | None = None
        self._canvas: ReviewCanvas | None = None
        self.orthogonal: OrthogonalViews | None = None
        self.comparison: ComparisonView | None = None

    def set_review(self, desk: ReviewDesk | None, canvas: ReviewCanvas | None) -> None:
        """Follow another review, with the orthogonal views where they were open."""
        was_open = self.orthogonal is not None
        self.close()
        if self._desk is not None:
            self._desk.comparison.changed.disconnect(self._on_compared)
            self._desk.comparison.failed.disconnect(self.said.emit)
            self._desk.measure_changed.disconnect(self._on_measure)
        self._desk, self._canvas = desk, canvas
        if desk is not None:
            desk.comparison.changed.connect(self._on_compared)
            desk.comparison.failed.connect(self.said.emit)
            desk.measure_changed.connect(self._on_measure)
        if was_open and desk is not None and desk.result.spec.shape[0] > 1:
            self.toggle_orthogonal()

    def close(self) -> None:
        """Take all docks away; before the canvas of their review is closed."""
        if self.orthogonal is not None:
            self.orthogonal.close()
        if self.comparison is not None:
            self.comparison.close()

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

    def choose_other(self) -> None:
        """Ask for another result of the scan, and compare with it."""
        if self._desk is not None:
            folder = str(self._desk.result.path.parent)
            name = QFileDialog.getExistingDirectory(self._window, _ASK, folder)
            if name:
                self.compare(Path(name))

    def compare(self, path: Path) -> None:
        """Compare with the result at `path`, in the background; it is shown when that is done."""
        if self._desk is not None:
            self.said.emit(f"Comparing with {path.name}\u2026")
            self._desk.comparison.open(path, self._desk.settings.measure)

    def _on_measure(self, measure: str) -> None:
        if self.comparison is not None and self._desk is not None:
            self._desk.comparison.open(self.comparison.compared.second.path, measure)

    def _on_compared(self, compared: Compared | None) -> None:
        desk, canvas = self._desk, self._canvas
        shown = self.comparison
        if compared is None or desk is None or canvas is None:
            if shown is not None:
                shown.close()
            return
        self.said.emit(f"Compared with {compared.second.path.name}: {compared.lines[0]}")
        if shown is not None and shown.compared.second.path == compared.second.path:
            shown.show_compared(compared)
            return
        if shown is not None:
            shown.close()
        view = ComparisonView(
            self._viewer,
            desk.background,
            self._results,
            canvas,
            compared,
            dock_of(self._window),
            self,
        )
        view.closed.connect(self._on_comparison_closed)
        view.failed.connect(self.said)
        self.comparison = view

    def _on_comparison_closed(self) -> None:
        view, self.comparison = self.comparison, None
        if view is not None:
            view.deleteLater()
        if self._desk is not None:
            self._desk.comparison.clear()
