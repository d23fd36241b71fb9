"""The viewer in a window of its own, for the command line."""

from __future__ import annotations

from pathlib import Path

import napari
from napari.layers import Layer
from qtpy.QtWidgets import QApplication

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.gui.main_widget import MainWidget
from napari_bayesseg.gui.reader import read_layers
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.io.result_store import ResultStore, is_result_store

__all__ = ["DOCK_NAME", "show"]

_SIZE = (1400, 900)

DOCK_NAME = "Segment and review (BayesSeg)"
"""As the menu calls the dock widget, so that the menu finds this one."""


def show(path: Path, *, start: Path | None = None) -> None:
    """Open a result with its review, or a scan to predict on, and wait until the window is closed.

    Parameters
    ----------
    path : Path
        Of a result store or a scan.
    start : Path, optional
        Mask to begin a review from; for a result only.

    Raises
    ------
    BayesSegError
        If something can't be read; no window was opened then.
    """
    is_result = is_result_store(path)
    if is_result:
        ResultStore.open(path)
    elif start is not None:
        raise SettingsError(f"{path.name}: is no result, and only a result has a review to start")
    mask = None if start is None else read_volume(start)
    layers = [] if is_result else [Layer.create(*layer) for layer in read_layers(path)]
    viewer = napari.Viewer(title=f"{path.name} - BayesSeg")
    _enlarge(viewer)
    for layer in layers:
        viewer.add_layer(layer)
    widget = MainWidget(viewer)
    viewer.window.add_dock_widget(widget, name=DOCK_NAME, area="right")
    if is_result:
        widget.show_result(path, start=mask)
    napari.run()


def _enlarge(viewer: napari.Viewer) -> None:
    """Make room for canvas and dock, as far as the screen has it; never smaller than it was."""
    _, _, width, height = viewer.window.geometry()
    screen = QApplication.primaryScreen().availableSize()
    wanted = (min(_SIZE[0], screen.width()), min(_SIZE[1], screen.height()))
    viewer.window.resize(max(width, wanted[0]), max(height, wanted[1]))
