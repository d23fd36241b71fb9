"""The draws on the canvas: outlines, playing, and what is said of the voxel under the cursor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_bayesseg.gui.connections import Connections
from napari_bayesseg.gui.review.draws.draw_layers import DrawLayers
from napari_bayesseg.gui.review.draws.readout import Readout
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.desk_line import volume_text

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer

__all__ = ["Disagreement", "DrawPlayer"]

_FRAME_MS = 250


class DrawPlayer(QObject):
    """Shows one draw after the other, until the person does something else.

    Parameters
    ----------
    desk : ReviewDesk
    """

    changed = Signal(bool)
    """Whether it plays."""

    def __init__(self, desk: ReviewDesk, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._timer = QTimer(self)
        self._timer.setInterval(_FRAME_MS)
        self._timer.timeout.connect(self._step)
        desk.current_changed.connect(self.stop)
        desk.statuses_changed.connect(self.stop)

    @property
    def is_playing(self) -> bool:
        """Whether it plays."""
        return self._timer.isActive()

    def toggle(self) -> None:
        """Play, or stop."""
        if self.is_playing:
            self.stop()
        else:
            self._timer.start()
            self._step()
            self.changed.emit(self.is_playing)

    def stop(self) -> None:
        """Stop at the draw that is shown."""
        was_playing = self.is_playing
        self._timer.stop()
        if was_playing:
            self.changed.emit(False)

    def close(self) -> None:
        """Stop, and hear nothing of the desk any more."""
        self.stop()
        self._desk.current_changed.disconnect(self.stop)
        self._desk.statuses_changed.disconnect(self.stop)

    def _step(self) -> None:
        if self._desk.draws.message:
            self.stop()
        else:
            self._desk.draws.flip(1)


class Disagreement(QObject):
    """What a review shows of its draws, from :meth:`__init__` to :meth:`close`.

    Parameters
    ----------
    viewer : napari.Viewer
    desk : ReviewDesk
    place : callable
        Returns a layer that lies where the result does, or None.
    """

    text_changed = Signal()
    """:attr:`text` is another."""
    said = Signal(str)
    """One line for the person."""

    def __init__(
        self,
        viewer: napari.Viewer,
        desk: ReviewDesk,
        place: Callable[[], Layer | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._desk = desk
        self.layers = DrawLayers(viewer, desk, self)
        self.player = DrawPlayer(desk, self)
        self.readout = Readout(viewer, desk.voxels, desk.result.class_names, place, self)
        self._connections = Connections(
            (desk.draws.index_changed, self._on_index),
            (desk.draws.message_changed, self._on_message),
        )

    @property
    def text(self) -> str:
        """Which draw is looked at, and its volume of the main class; empty for the label."""
        draws, index = self._desk.draws.draws, self._desk.draws.index
        if draws is None or not 0 < index <= len(draws.draws):
            return ""
        main = draws.classes[0]
        volume = volume_text(float(draws.volumes[index - 1, main]), draws.unit)
        return f"draw {index} of {draws.num_draws} \u00b7 {draws.class_names[main]} {volume}"

    def close(self) -> None:
        """Take everything away."""
        self._connections.drop()
        self.player.close()
        self.readout.close()
        self.layers.close()

    def _on_index(self) -> None:
        self.text_changed.emit()

    def _on_message(self, message: str) -> None:
        if message and not self._desk.draws.follows:  # else the page says so
            self.said.emit(message)
