"""The viewer in a window of its own, for the command line."""

from __future__ import annotations

from pathlib import Path

import napari
from napari.layers import Layer

from napari_bayesseg.gui.reader import read_layers

__all__ = ["show_result"]


def show_result(path: Path) -> None:
    """Open a result, or a scan, in a window and wait until it is closed.

    Raises
    ------
    BayesSegError
        If it can't be read; no window was opened then.
    """
    layers = [Layer.create(*layer) for layer in read_layers(path)]
    viewer = napari.Viewer(title=f"{path.name} - BayesSeg")
    for layer in layers:
        viewer.add_layer(layer)
    napari.run()
