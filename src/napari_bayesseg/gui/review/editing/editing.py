"""Painting: strokes on the reviewed labels go to the desk; edit mode says where."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

from napari_bayesseg.gui.review.editing.strokes import Stroke, read_stroke
from napari_bayesseg.gui.review.layers import ReviewLayers
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.desk_editing import EditOptions

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels, Layer
    from napari.utils.events import Event, EventEmitter

__all__ = ["FILL_OPACITY", "Editing"]

FILL_OPACITY = 0.4
"""Of the reviewed labels while there is a brush."""


class Editing(QObject):
    """Connects the brush with the desk, in edit mode and out of it.

    Parameters
    ----------
    viewer : napari.Viewer
    desk : ReviewDesk
    layers : ReviewLayers
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        desk: ReviewDesk,
        layers: ReviewLayers,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._desk = desk
        self._layers = layers
        self._followed: Labels | None = None
        self._former: Layer | None = None
        self._former_look: tuple[int, float] | None = None
        self._late: list[Stroke] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._take_late)
        self._is_taking = False
        layers.restored.connect(self._follow)
        self._follow()

    def begin(self) -> None:
        """Take up the brush that the editor of the desk has in hand."""
        layer = self._layers.reviewed
        if layer is None:
            return
        self._former = self._viewer.layers.selection.active
        self._viewer.layers.selection.active = layer
        layer.visible = True
        # A stroke is seen as an area; only what surrounds it is seen as lines.
        self._former_look = (layer.contour, layer.opacity)
        layer.contour, layer.opacity = 0, FILL_OPACITY
        self.take(self._desk.editor.options)
        layer.mode = "paint"

    def take(self, options: EditOptions) -> None:
        """Take another brush in hand."""
        layer = self._layers.reviewed
        if layer is None or not self._desk.editing:
            return
        self._is_taking = True
        layer.n_edit_dimensions = 3 if options.is_3d else 2
        layer.selected_label = options.label
        layer.brush_size = options.brush_size
        self._is_taking = False

    def _on_hand(self) -> None:
        """Tell the editor what the person has taken in hand by napari's own keys and controls."""
        layer = self._followed
        if layer is None or self._is_taking or not self._desk.editing:
            return
        editor = self._desk.editor
        editor.choose(
            replace(
                editor.options,
                label=int(layer.selected_label),
                brush_size=round(layer.brush_size),
                is_3d=layer.n_edit_dimensions == 3,
            )
        )

    def end(self) -> None:
        """Put the brush down; the layer that was active before is active again."""
        layer = self._layers.reviewed
        if layer is not None:
            layer.mode = "pan_zoom"
            if self._former_look is not None:
                layer.contour, layer.opacity = self._former_look
        self._former_look = None
        former, self._former = self._former, None
        if former is not None and former in self._viewer.layers:
            self._viewer.layers.selection.active = former

    def close(self) -> None:
        """Follow the brush no more; what was painted just now is still taken."""
        if self._timer.isActive():
            self._timer.stop()
            self._take_late()
        self._unfollow()

    def _follow(self) -> None:
        layer = self._layers.reviewed
        if layer is not self._followed and layer is not None:
            self._unfollow()
            # The last to hear, because it clears what it was told.
            layer.events.paint.connect(self._on_paint, position="last")
            for event in self._hand_events(layer):
                event.connect(self._on_hand)
            self._followed = layer

    def _unfollow(self) -> None:
        if self._followed is not None:
            self._followed.events.paint.disconnect(self._on_paint)
            for event in self._hand_events(self._followed):
                event.disconnect(self._on_hand)
            self._followed = None

    @staticmethod
    def _hand_events(layer: Labels) -> tuple[EventEmitter, ...]:
        events = layer.events
        return events.selected_label, events.brush_size, events.n_edit_dimensions

    def _on_paint(self, event: Event) -> None:
        layer = self._followed
        if layer is None:
            return
        stroke = read_stroke(event.value, layer.dtype)
        # The same list is napari's own undo step: up to a hundred of them would stay in memory,
        # and undo one layer behind the journal's back.
        event.value.clear()
        if stroke.count == 0:
            return
        place = tuple(int(axis[-1]) for axis in stroke.indices)
        if int(layer.data[place]) == int(stroke.new[-1]):
            self._take(stroke)
        else:  # polygons are told of before they are written
            self._late.append(stroke)
            self._timer.start(0)

    def _take_late(self) -> None:
        late, self._late = self._late, []
        for stroke in late:
            self._take(stroke)

    def _take(self, stroke: Stroke) -> None:
        refused = self._desk.paint(stroke.indices, stroke.old, stroke.new)
        if refused.count:
            self._desk.review.mask.restore(refused.box)
            self._layers.refresh_mask(refused.box)
