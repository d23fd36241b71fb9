"""A drop-down list of a viewer's layers that follows them as they come, go and change names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QWidget

from napari_bayesseg.gui.rows import let_shrink
from napari_bayesseg.gui.scan_source import unwrapped

if TYPE_CHECKING:
    import napari

__all__ = ["LayerChoice"]

_NONE = "(none)"


class LayerChoice(QComboBox):
    """Chooses one of the layers that `accepts` says yes to.

    Parameters
    ----------
    viewer : napari.Viewer
    accepts : callable
        Whether a layer is offered.
    parent : QWidget, optional
    """

    chosen = Signal()
    """Another layer, or none any more, is chosen."""

    def __init__(
        self,
        viewer: napari.Viewer,
        accepts: Callable[[Layer], bool],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._accepts = accepts
        self._layers: list[Layer] = []
        self._chosen: Layer | None = None
        self._is_optional = False
        let_shrink(self)
        self.setToolTip("The image layer that is segmented")
        events = viewer.layers.events
        for emitter in (events.inserted, events.removed, events.reordered, events.renamed):
            emitter.connect(self._on_layers_changed)
        self.currentIndexChanged.connect(self._on_index_changed)
        self.reload()

    @property
    def layer(self) -> Layer | None:
        """The chosen layer."""
        return self._chosen

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that are offered, those on top first."""
        return tuple(self._layers)

    def choose(self, layer: Layer) -> None:
        """Choose a layer, if it is offered."""
        for index, offered in enumerate(self._layers):
            if offered is unwrapped(layer):
                self.setCurrentIndex(index)

    def set_optional(self, is_optional: bool) -> None:
        """Offer to choose none of the layers, behind them, or no longer."""
        if is_optional != self._is_optional:
            self._is_optional = is_optional
            self.reload()

    def reload(self) -> None:
        """Look at the viewer again; keeps the choice where its layer is still there."""
        layers = [unwrapped(layer) for layer in self._viewer.layers]
        self._layers = [layer for layer in reversed(layers) if self._accepts(layer)]
        before = self._chosen
        is_none = self.currentText() == _NONE and before is None
        self.blockSignals(True)
        self.clear()
        self.addItems([*(layer.name for layer in self._layers), *[_NONE] * self._is_optional])
        kept = next((i for i, layer in enumerate(self._layers) if layer is before), None)
        if is_none and self._is_optional:
            kept = len(self._layers)
        self.setCurrentIndex(self._preferred() if kept is None else kept)
        self.blockSignals(False)
        self._take_over(before)

    def disconnect_viewer(self) -> None:
        """Follow the viewer no more."""
        events = self._viewer.layers.events
        for emitter in (events.inserted, events.removed, events.reordered, events.renamed):
            emitter.disconnect(self._on_layers_changed)

    def _preferred(self) -> int:
        """Return the active layer's index, else that of the lowest: scans lie below maps."""
        active = unwrapped(self._viewer.layers.selection.active)
        for index, layer in enumerate(self._layers):
            if layer is active:
                return index
        return len(self._layers) - 1

    def _take_over(self, before: Layer | None) -> None:
        index = self.currentIndex()
        self._chosen = self._layers[index] if 0 <= index < len(self._layers) else None
        if self._chosen is not before:
            self.chosen.emit()

    def _on_index_changed(self, _: int) -> None:
        self._take_over(self._chosen)

    def _on_layers_changed(self, _: object = None) -> None:
        self.reload()
