"""What the network says about the voxel under the cursor, in the status bar and for a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.gui.slices import voxel_at
from napari_bayesseg.review.regions.voxel_reading import VoxelReading
from napari_bayesseg.session.voxel_reader import VoxelReader

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer

__all__ = ["Readout"]

_INTERVAL_MS = 33


class Readout(QObject):
    """Follows the cursor, thirty times a second at most.

    napari writes the status bar itself, whenever the cursor has moved; the reading is put behind
    what it says.

    Parameters
    ----------
    viewer : napari.Viewer
    reader : VoxelReader
    class_names : tuple of str
    place : callable
        Returns a layer that lies where the result does, or None.
    """

    changed = Signal(str)
    """What is known of the voxel; empty outside the scan."""

    def __init__(
        self,
        viewer: napari.Viewer,
        reader: VoxelReader,
        class_names: tuple[str, ...],
        place: Callable[[], Layer | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._reader = reader
        self._class_names = class_names
        self._place = place
        self._text = ""
        self._status: Any = None
        self._written: Any = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.timeout.connect(self._ask)
        viewer.cursor.events.position.connect(self._on_moved)
        viewer.events.status.connect(self._on_status, position="last")  # after the window
        reader.read.connect(self._on_read)

    @property
    def text(self) -> str:
        """What is known of the voxel under the cursor."""
        return self._text

    def close(self) -> None:
        """Follow the cursor no more."""
        self._timer.stop()
        self._viewer.cursor.events.position.disconnect(self._on_moved)
        self._viewer.events.status.disconnect(self._on_status)
        self._reader.read.disconnect(self._on_read)

    def _on_moved(self, event: object = None) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _ask(self) -> None:
        self._reader.ask(self._voxel())

    def _voxel(self) -> Index3 | None:
        layer = self._place()
        # In 3D the cursor is a line through the scan, not a voxel.
        if layer is None or self._viewer.dims.ndisplay != 2:
            return None
        return voxel_at(self._viewer, layer, np.asarray(self._viewer.cursor.position, float))

    def _on_read(self, reading: VoxelReading | None) -> None:
        text = "" if reading is None else reading.text(self._class_names)
        if text != self._text:
            self._text = text
            self.changed.emit(text)
            self._write()

    def _on_status(self, event: object = None) -> None:
        # napari may tell of what was written here only after it was written.
        if self._viewer.status != self._written:
            self._status = self._viewer.status
            self._write()

    def _write(self) -> None:
        """Put the reading behind what napari wrote last."""
        if self._status is not None:
            self._written = _with_reading(self._status, self._text)
            if self._viewer.status != self._written:
                self._viewer.status = self._written


def _with_reading(status: Any, text: str) -> Any:
    """Return a status of napari's (a line, or its parts by name) with the reading behind it."""
    if not text:
        return status
    if isinstance(status, dict):
        if not status.get("coordinates"):
            return status
        return {**status, "coordinates": f"{status['coordinates']}  \u00b7  {text}"}
    return status if status in ("", "Ready") else f"{status}  \u00b7  {text}"
