"""The layers of one result in one viewer: they fill up while it is made and survive deletion."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QObject, Signal

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import LazyArray
from napari_bayesseg.gui.gradually import Gradually
from napari_bayesseg.gui.heat import HeatContrast, recolour, sampled_blocks
from napari_bayesseg.gui.layers import first_measure, measure_layer, prediction_layer
from napari_bayesseg.gui.shade import Shade
from napari_bayesseg.gui.throttle import Throttle
from napari_bayesseg.inference.result import Result
from napari_bayesseg.io.chunk_cache import ChunkCache
from napari_bayesseg.io.result_arrays import ResultArray
from napari_bayesseg.session.preferences import HeatColours

if TYPE_CHECKING:
    import napari
    from napari.types import FullLayerData
    from napari.utils.events import Event

__all__ = ["ResultLayers"]

_REFRESH_MS = 200
_HIDDEN_MS = 700


class ResultLayers(QObject):
    """Heat maps, predicted labels and the shade over what isn't processed yet.

    Any of the layers may be deleted by the person at any time; its property is None from then on.
    """

    removed = Signal(str)
    """Name of a layer that the person deleted."""

    def __init__(self, viewer: napari.Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._result: Result | None = None
        self._heat_maps: dict[str, Image] = {}
        self._contrasts: dict[str, HeatContrast] = {}
        self._written: Roi | None = None
        self._colours = HeatColours.INFERNO
        self._labels: Labels | None = None
        self._shade = Shade(viewer)
        self._caches: list[ChunkCache] = []
        self._is_clearing = False
        # A layer takes napari a tenth of a second; what isn't seen yet can wait for the blocks.
        self._steps = Gradually(_HIDDEN_MS, self)
        self._redrawing = Throttle(_REFRESH_MS, self)
        self._redrawing.fired.connect(self._refresh_now)
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def result(self) -> Result | None:
        """What is shown."""
        return self._result

    @property
    def labels(self) -> Labels | None:
        """The predicted labels, read-only."""
        return self._labels

    @property
    def shade(self) -> Image | None:
        """The shade over what isn't processed; None where everything is."""
        return self._shade.layer

    @property
    def measures(self) -> tuple[str, ...]:
        """Measures that have a layer."""
        return tuple(self._heat_maps)

    @property
    def is_adding(self) -> bool:
        """Whether layers are still to be added."""
        return self._steps.is_active

    def heat_map(self, measure: str) -> Image | None:
        """Return the layer of a measure, or of an excess that was added."""
        return self._heat_maps.get(measure)

    def show(
        self, result: Result, scan_layer: Layer | None = None, *, gradually: bool = False
    ) -> None:
        """Show a result in place of the one before; the same one again is only refreshed.

        Parameters
        ----------
        result : Result
            Finished or not.
        scan_layer : Layer, optional
            What it was made from; stays, or becomes, the active layer.
        gradually : bool
            Let the window live between two layers, from the first block on.
        """
        if self._shows(result):
            self._result = result
            self._steps.hurry()
            self.refresh()
            return
        active = self._viewer.layers.selection.active if scan_layer is None else scan_layer
        self.clear()
        self._result = result
        shown = first_measure(result)
        soon: list[Callable[[], object]] = [
            self._add_labels,
            partial(self._add_heat_map, result, shown, visible=True),
            partial(self._shade.show, result),
            partial(self._select, active),
        ]
        hidden = reversed([name for name in result.measures if name != shown])
        self._steps.start(soon, [partial(self._add_hidden, name) for name in hidden])
        if not gradually:
            self._steps.hurry()
        # Where there is nothing to be seen yet, the first block needs the processor more.
        if not gradually or np.asarray(result.block_mask).any():
            self._steps.go()

    def add_measure(self, name: str, values: LazyArray, *, visible: bool = False) -> Image:
        """Add a heat map whose values were computed after the run, such as an excess.

        Parameters
        ----------
        name : str
            Of the measure; one that is shown already gets the new values.
        values : (Z, Y, X) float32
        visible : bool

        Raises
        ------
        RuntimeError
            If no result is shown.
        """
        if self._result is None:
            raise RuntimeError("show a result before adding a measure to it")
        layer = self._heat_maps.get(name)
        if layer is None:
            return self._add_heat_map(self._result, name, visible=visible, values=values)
        layer.data = [values] if layer.multiscale else values
        return layer

    def set_colours(self, colours: HeatColours) -> None:
        """Draw all heat maps, those that are still to come too, in other colours."""
        self._colours = colours
        recolour(self._heat_maps.values(), colours)

    def show_measure(self, name: str) -> None:
        """Make one heat map visible and hide the others."""
        for other, layer in self._heat_maps.items():
            layer.visible = other == name

    def refresh(self, roi: Roi | None = None) -> None:
        """Draw what was written since, soon: calls in quick succession are taken together.

        Parameters
        ----------
        roi : Roi, optional
            Box that was written; default all of it.
        """
        self._written = roi
        self._steps.go()
        for cache in self._caches:
            cache.forget(roi)
        if self._result is not None:
            self._redrawing.ask()

    def clear(self) -> None:
        """Take all of these layers out of the viewer."""
        self.stop()
        if self._result is None:
            return
        self._is_clearing = True
        try:
            # In one batch: napari collects garbage after each layer that goes by itself.
            with self._viewer.layers.batched_update():
                for layer in self._layers():
                    if layer in self._viewer.layers:
                        self._viewer.layers.remove(layer)
            self._shade.clear()
        finally:
            self._is_clearing = False
        self._heat_maps, self._contrasts, self._caches = {}, {}, []
        self._labels = self._result = None

    def stop(self) -> None:
        """Draw and add nothing more; the layers stay as they are."""
        self._redrawing.stop()
        self._steps.stop()

    def disconnect_viewer(self) -> None:
        """Follow the viewer no more."""
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def _shows(self, result: Result) -> bool:
        shown = self._result
        return (
            shown is not None
            and bool(self._layers())
            and shown.path == result.path
            and shown.record["run_id"] == result.record["run_id"]
        )

    def _layers(self) -> list[Layer]:
        single = [layer for layer in (self._labels, self.shade) if layer is not None]
        return [*self._heat_maps.values(), *single]

    def _add(self, layer_data: FullLayerData, index: int | None = None) -> Layer:
        layer = Layer.create(*layer_data)
        self._viewer.layers.insert(len(self._viewer.layers) if index is None else index, layer)
        return layer

    def _cached(self, arrays: Iterable[ResultArray]) -> list[ChunkCache]:
        caches = [ChunkCache(array) for array in arrays]
        self._caches += caches
        return caches

    def _add_labels(self) -> None:
        if self._result is not None:
            (data,) = self._cached([self._result.labels])
            self._labels = self._add(prediction_layer(self._result, data))
            self._labels.editable = False

    def _add_heat_map(
        self,
        result: Result,
        name: str,
        *,
        visible: bool,
        values: LazyArray | None = None,
        index: int | None = None,
    ) -> Image:
        data = self._cached(result.levels(name)) if values is None else values
        made = measure_layer(result, name, visible=visible, values=data, colours=self._colours)
        layer = self._add(made, index)
        added = {name: layer}
        # In the order of the layers, from below.
        self._heat_maps = self._heat_maps | added if index is None else added | self._heat_maps
        if values is None:
            self._contrasts[name] = HeatContrast(layer)
        layer.events.visible.connect(lambda _: self._dress(name))
        self._dress(name)
        return layer

    def _add_hidden(self, name: str) -> None:
        """Add a map that isn't seen yet, below the others."""
        if self._result is None or name in self._heat_maps:  # asked for meanwhile
            return
        active = self._viewer.layers.selection.active
        below = [self._viewer.layers.index(layer) for layer in self._heat_maps.values()]
        index = min(below, default=None)
        self._add_heat_map(self._result, name, visible=False, index=index)
        self._select(active)

    def _select(self, layer: Layer | None) -> None:
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.selection.active = layer

    def _dress(self, name: str) -> None:
        """Give a map that is seen its colour bar (slow to make) and its contrast."""
        layer = self._heat_maps.get(name)
        if layer is not None and layer.visible:
            layer.colorbar.position = "bottom_left"  # the line of text is above
            layer.colorbar.visible = True  # goes and comes with the layer from now on
            self._stretch(name)

    def _refresh_now(self) -> None:
        if self._result is None:
            return
        self._shade.update()
        for name, layer in self._heat_maps.items():
            if layer.visible:
                self._stretch(name, self._written)
        for layer in self._layers():
            if layer.visible:
                layer.refresh(extent=False)

    def _stretch(self, name: str, box: Roi | None = None) -> None:
        """Fit a map's contrast to a box that was written, else to a few of them."""
        result, contrast = self._result, self._contrasts.get(name)
        if result is not None and contrast is not None:
            contrast.follow([box] if box is not None else sampled_blocks(result))

    def _on_removed(self, event: Event) -> None:
        layer = event.value
        if self._is_clearing or not any(layer is ours for ours in self._layers()):
            return
        self._heat_maps = {n: other for n, other in self._heat_maps.items() if other is not layer}
        self._labels = None if layer is self._labels else self._labels
        self._shade.forget(layer)
        self.removed.emit(layer.name)
