"""The draw that is looked at and the runner-up classes, outlined in the box of the region."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.layers import Labels, Layer
from napari.utils.colormaps import DirectLabelColormap
from psygnal import SignalInstance
from qtpy.QtCore import QObject, Qt, Signal

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.gui.layers import RESULT_KEY, placement
from napari_bayesseg.gui.review.draws.fine_outlines import FineOutlines, fine_colours, fine_geometry
from napari_bayesseg.gui.review.status_style import PALETTES, Palette
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.preferences import PaletteName

if TYPE_CHECKING:
    import napari
    from napari.utils.events import Event

__all__ = ["DrawLayers"]

DRAW, RUNNER_UP = "draw", "runner-up"
FINENESS = 4
"""Parts of a voxel's side in which lines are drawn."""


class DrawLayers(QObject):
    """Layers ``draw`` and ``runner-up``, added when they are first wanted, hidden when they aren't.

    A layer that the person deletes comes back when it is wanted again.

    Parameters
    ----------
    viewer : napari.Viewer
    desk : ReviewDesk
    """

    _became_stale = Signal()

    def __init__(
        self, viewer: napari.Viewer, desk: ReviewDesk, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._desk = desk
        self._layers: dict[str, Labels] = {}
        self._shown: dict[str, tuple[Roi, object]] = {}
        self._factors = self._wanted_factors()
        self._palette = PALETTES[PaletteName.OKABE_ITO]
        self._is_held = self._is_closed = False
        self._became_stale.connect(self._draw, Qt.ConnectionType.QueuedConnection)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.dims.events.order.connect(self._fit_axes)
        viewer.dims.events.ndisplay.connect(self._fit_axes)
        signals: tuple[SignalInstance, ...] = (
            desk.draws.draws_changed,
            desk.draws.index_changed,
            desk.draws.runner_up_changed,
        )
        self._signals = signals
        for signal in signals:
            signal.connect(self.update)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Those that are there, shown or not."""
        return tuple(self._layers.values())

    def set_palette(self, palette: Palette) -> None:
        """Outline the draw in another colour."""
        if palette is not self._palette:
            self._palette = palette
            for layer in self._layers.values():
                layer.colormap = self._colours()

    def hold(self, is_held: bool) -> None:
        """Show nothing, as long as overlays are hidden."""
        self._is_held = is_held
        if not is_held:
            self.update()

    def update(self) -> None:
        """Show what the desk is at, once for all that a key changes, before the window paints."""
        if not self._is_held:
            for name in self._layers:
                if name not in self._wanted():
                    self._layers[name].visible = False
            self._became_stale.emit()

    def _wanted(self) -> tuple[str, ...]:
        desk, draws = self._desk.draws, self._desk.draws.draws
        if draws is None:
            return ()
        wanted = {DRAW: 0 < desk.index <= len(draws.draws), RUNNER_UP: desk.runner_up_shown}
        return tuple(name for name, is_wanted in wanted.items() if is_wanted)

    def _draw(self) -> None:
        draws, wanted = self._desk.draws.draws, self._wanted()
        if self._is_held or self._is_closed or draws is None:
            return
        if DRAW in wanted:
            draw = draws.draws[self._desk.draws.index - 1]
            self._show(DRAW, draws.box, draw, lambda o: o.set_draw(draw.labels, draws.predicted))
        if RUNNER_UP in wanted:
            inside = draws.inside & draws.processed
            self._show(
                RUNNER_UP, draws.box, draws.region, lambda o: o.set_classes(draws.runner_up, inside)
            )

    def close(self) -> None:
        """Take the layers out of the viewer and follow it no more."""
        self._is_closed = True
        for signal in self._signals:
            signal.disconnect(self.update)
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self._viewer.dims.events.order.disconnect(self._fit_axes)
        self._viewer.dims.events.ndisplay.disconnect(self._fit_axes)
        self._remove()

    def _show(
        self, name: str, box: Roi, content: object, fill: Callable[[FineOutlines], None]
    ) -> None:
        """Show a layer; `content` tells whether it is another than before."""
        layer, shown = self._layers.get(name), self._shown.get(name)
        self._shown[name] = (box, content)
        if layer is None:
            self._add(name, box, fill)
        elif shown is None or shown[0] != box:
            layer.visible = False  # drawn once, when all is in place
            layer.data = self._outlines(box, fill)
            for attribute, value in self._place(box).items():
                if attribute in ("translate", "affine"):
                    setattr(layer, attribute, value)
            layer.visible = True
        else:
            if shown[1] is not content:
                fill(layer.data)
                if layer.visible:
                    layer.refresh(thumbnail=False, highlight=False, extent=False)
            layer.visible = True

    def _add(self, name: str, box: Roi, fill: Callable[[FineOutlines], None]) -> None:
        active = self._viewer.layers.selection.active
        layer = Labels(
            self._outlines(box, fill),
            multiscale=False,
            name=f"{self._desk.result.spec.name}: {name}",
            colormap=self._colours(),
            opacity=1.0,
            metadata={RESULT_KEY: str(self._desk.result.path)},
            **self._place(box),
        )
        layer.editable = False
        self._layers[name] = layer
        self._viewer.add_layer(layer)
        if active is not None and active in self._viewer.layers:
            self._viewer.layers.selection.active = active

    def _colours(self) -> DirectLabelColormap:
        return fine_colours(len(self._desk.result.class_names), self._palette)

    def _outlines(self, box: Roi, fill: Callable[[FineOutlines], None]) -> FineOutlines:
        outlines = FineOutlines(box.shape, self._factors, len(self._desk.result.class_names))
        fill(outlines)
        return outlines

    def _place(self, box: Roi) -> dict[str, Any]:
        return placement(fine_geometry(self._desk.result.spec.geometry, box, self._factors))

    def _fit_axes(self) -> None:
        """Make the layers anew where other axes are drawn: along the slider, voxels stay whole."""
        factors = self._wanted_factors()
        if factors == self._factors:
            return
        self._factors = factors
        self._remove()
        self.update()

    def _wanted_factors(self) -> Index3:
        dims = self._viewer.dims
        drawn = set(dims.displayed) if dims.ndisplay == 2 else set()
        z, y, x = (FINENESS if axis in drawn else 1 for axis in range(dims.ndim - 3, dims.ndim))
        return z, y, x

    def _remove(self) -> None:
        layers, self._layers, self._shown = self.layers, {}, {}
        for layer in layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)

    def _on_removed(self, event: Event) -> None:
        gone = [name for name, layer in self._layers.items() if layer is event.value]
        for name in gone:
            del self._layers[name], self._shown[name]
