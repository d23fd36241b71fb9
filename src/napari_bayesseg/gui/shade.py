"""The shade over what isn't processed yet: there as long as there is something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Layer

from napari_bayesseg.gui.layers import shade_layer
from napari_bayesseg.gui.unprocessed import Unprocessed
from napari_bayesseg.inference.result import Result

if TYPE_CHECKING:
    import napari

__all__ = ["Shade"]


class Shade:
    """Keeps the layer ``not processed yet`` of one result in one viewer.

    Attributes
    ----------
    layer : Image or None
        None where everything is processed, or the person deleted it.
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = viewer
        self._result: Result | None = None
        self._unprocessed: Unprocessed | None = None
        self.layer: Image | None = None

    def show(self, result: Result) -> None:
        """Lay the shade over a result."""
        self._result = result
        self._unprocessed = Unprocessed(result.plan, np.asarray(result.block_mask))
        if not self._unprocessed.is_empty:
            self.layer = Layer.create(*shade_layer(result, self._unprocessed))
            self._viewer.layers.append(self.layer)

    def update(self) -> None:
        """Lift it from what was finished since; take the layer away where that is all."""
        result, unprocessed = self._result, self._unprocessed
        if result is None or unprocessed is None:
            return
        unprocessed.update(np.asarray(result.block_mask))
        if self.layer is None:
            return
        if unprocessed.is_empty:
            shade, self.layer = self.layer, None
            self._viewer.layers.remove(shade)
        elif unprocessed.num_finished >= len(result.plan.blocks()):
            # Of a run over a part of the scan: outside it nothing will come.
            self.layer.name = f"{result.spec.name}: not processed"

    def forget(self, layer: Layer) -> None:
        """Note that a layer was deleted."""
        if layer is self.layer:
            self.layer = None

    def clear(self) -> None:
        """Follow the result no more; its layer is gone already."""
        self._result = self._unprocessed = self.layer = None
