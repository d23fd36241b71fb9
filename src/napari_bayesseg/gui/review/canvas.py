"""What a review shows on the canvas: layers, camera, keys, the brush and the line of text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Layer
from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtGui import QKeySequence

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.gui.connections import Connections
from napari_bayesseg.gui.result_layers import ResultLayers
from napari_bayesseg.gui.review.audit.audit_view import AuditView
from napari_bayesseg.gui.review.canvas_text import (
    HIDDEN,
    CanvasText,
    protected_text,
    review_text,
)
from napari_bayesseg.gui.review.draws.disagreement import Disagreement
from napari_bayesseg.gui.review.editing.edit_canvas import EditCanvas
from napari_bayesseg.gui.review.hiding import Hiding
from napari_bayesseg.gui.review.keys.actions import Action, get_action
from napari_bayesseg.gui.review.keys.shortcuts import ModeKeys
from napari_bayesseg.gui.review.layers import ReviewLayers
from napari_bayesseg.gui.review.navigation import Navigator
from napari_bayesseg.gui.review.status_style import PALETTES
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.numerics.uncertainty import get_measure, split_excess
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.preferences import Preferences

if TYPE_CHECKING:
    import napari

__all__ = ["ReviewCanvas"]


class ReviewCanvas(QObject):
    """One desk on one viewer, from :meth:`__init__` to :meth:`close`.

    Parameters
    ----------
    viewer : napari.Viewer
    desk : ReviewDesk
    results : ResultLayers
        Keeps the heat maps.
    begin, end : callable
        Receive an action when its key goes down, and up where it is one to hold.
    """

    said = Signal(str)
    """One line for the person."""
    layers_missing = Signal(bool)
    """Whether the person has deleted layers of the review."""

    def __init__(
        self,
        viewer: napari.Viewer,
        desk: ReviewDesk,
        results: ResultLayers,
        begin: Callable[[Action], None],
        end: Callable[[Action], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._desk = desk
        self._results = results
        self._flown: Index3 | None = None
        self.guests: list[Layer] = []
        """Layers of others that are hidden with the review's."""
        self._text = CanvasText(viewer)
        self._navigator = Navigator(viewer)
        self._hiding = Hiding(Qt.Key.Key_Q, self)
        self._hiding.changed.connect(self._show_mode)
        self._show_results()
        self.layers = ReviewLayers(
            viewer,
            desk.review.mask.array,
            desk.result.spec,
            desk.result.class_names,
            read_only=desk.read_only,
            parent=self,
        )
        self.layers.removed.connect(self._on_removed)
        results.removed.connect(self._on_removed)
        self.keys = ModeKeys(viewer, begin, end)
        self._editing = EditCanvas(viewer, desk, self.layers, self.keys, self)
        self._editing.changed.connect(self._show_mode)
        self.disagreement = Disagreement(viewer, desk, self._find_place, self)
        self.disagreement.text_changed.connect(self._show_mode)
        self.disagreement.said.connect(self.said)
        self._hiding.changed.connect(self.disagreement.layers.hold)
        self.audit = AuditView(viewer, desk, self._navigator, self._find_place, self.keys, self)
        self.audit.changed.connect(self._show_mode)
        self.audit.over.connect(self.fly)
        self._connections = Connections(
            (desk.measure_changed, self._on_measure),
            (desk.thresholds_changed, self._set_contrast),
            (desk.regions_changed, self._on_regions),
            (desk.statuses_changed, self._on_statuses),
            (desk.current_changed, self._on_current),
            (desk.mask_changed, self.layers.refresh_mask),
            (desk.notes.changed, self._show_mode),
            (desk.protection_hit, self._on_protection_hit),
        )
        self._on_measure(desk.settings.measure)
        self._on_regions()
        self._on_current(desk.current)
        self.audit.resume()

    def close(self) -> None:
        """Take away what was shown, and give keys and text back."""
        self._connections.drop()
        self._results.removed.disconnect(self._on_removed)
        self._hiding.end()
        self.audit.close()
        self._editing.close()
        self.keys.close()
        self.disagreement.close()
        self.layers.close()
        self._text.close()

    @property
    def is_hiding(self) -> bool:
        """Whether overlays are hidden at present."""
        return self._hiding.is_active

    def set_actions(self, actions: tuple[Action, ...]) -> None:
        """Bind other keys."""
        if actions != self.keys.actions:
            self.keys.set_actions(actions)
            self._hiding.set_key(_qt_key(get_action("hide_overlays", actions).key))
            self._show_mode()

    def set_preferences(self, preferences: Preferences) -> None:
        """Draw and write as the person likes it."""
        self._results.set_colours(preferences.heat_colours)
        palette = PALETTES[preferences.palette]
        self.layers.set_palette(palette)
        self.disagreement.layers.set_palette(palette)
        self._text.set_size(preferences.text_size)

    # What actions do

    def fly(self) -> None:
        """Go to the current region; the person's zoom is kept."""
        region, place = self._desk.current, self.place
        if region is not None and place is not None:
            self._navigator.fly(place, region.position, region.box)
            self._flown = region.position

    def centre(self) -> None:
        """Bring the current region, or the audited place, back to the middle, zoomed to fit."""
        if self._desk.audit.is_on:
            self.audit.centre()
            return
        region, place = self._desk.current, self.place
        if region is not None and place is not None:
            self._navigator.centre(place, region.position, region.box)

    def show_place(self, position: Index3, box: Roi) -> None:
        """Go to a place that is no region; the person's zoom is kept."""
        if self.place is not None:
            self._navigator.fly(self.place, position, box)

    def hide_overlays(self) -> None:
        """Show the scan alone."""
        self._hiding.begin(self._overlays())

    def end_hide_overlays(self) -> None:
        """Show maps, labels and outlines as before."""
        self._hiding.end()

    def restore_layers(self) -> None:
        """Bring deleted layers back."""
        self._show_results()
        self.layers.restore()
        self._on_measure(self._desk.settings.measure)
        self.layers_missing.emit(False)

    # What the desk says

    def _on_measure(self, measure: str) -> None:
        """Show the heat map that the regions come from, and no other."""
        layer = self._results.heat_map(measure)
        if layer is None:
            layer = self._results.add_measure(measure, self._desk.source.values)
            self._put_below(layer)
        self._results.show_measure(measure)
        self._set_contrast(self._desk.settings.lower, self._desk.settings.upper)

    def _set_contrast(self, lower: float, upper: float) -> None:
        """Let the map begin at the lower threshold and end at the upper: no array is touched."""
        layer = self._results.heat_map(self._desk.settings.measure)
        if layer is not None:
            layer.contrast_limits = (lower, max(upper, np.nextafter(np.float32(lower), np.inf)))

    def _on_regions(self) -> None:
        current = self._desk.current
        self.layers.set_table(
            self._desk.table, self._desk.statuses, None if current is None else current.id
        )
        self._show_mode()

    def _on_statuses(self, changed: tuple[int, ...]) -> None:
        self.layers.set_statuses(self._desk.statuses, changed)
        self._show_mode()

    def _on_current(self, region: Region | None) -> None:
        self.layers.set_current(None if region is None else region.id)
        # Other thresholds mostly leave the person at the same place: whoever looks about in other
        # slices while a handle moves is not called back; nor is who looks at an audit's place.
        if region is not None and region.position != self._flown and not self._desk.audit.is_on:
            self.fly()
        self._show_mode()

    def _on_protection_hit(self, region_id: int) -> None:
        self._text.show(protected_text(region_id))

    def _on_removed(self, name: str) -> None:
        self.said.emit(f"Layer {name!r} was deleted; 'Restore layers' brings it back.")
        self.layers_missing.emit(True)

    # Parts

    def _show_results(self) -> None:
        shown = self._results.result
        if shown is None or shown.path != self._desk.result.path:
            self._results.show(self._desk.result)
        if self._results.labels is not None:
            # Below the reviewed labels they would shine through wherever these are background.
            self._results.labels.visible = False

    def _put_below(self, layer: Layer) -> None:
        """Move a new heat map under the review's layers, as the others are."""
        own = [self._viewer.layers.index(other) for other in self.layers.layers]
        index = self._viewer.layers.index(layer)
        if own and index > min(own):
            self._viewer.layers.move(index, min(own))

    def _overlays(self) -> list[Layer]:
        own = (*self.layers.layers, *self.disagreement.layers.layers)
        return [*self._results_layers(), *own, *self.guests]

    def _results_layers(self) -> list[Layer]:
        maps = [self._results.heat_map(name) for name in self._results.measures]
        others = (self._results.labels, self._results.shade)
        return [layer for layer in (*maps, *others) if layer is not None]

    @property
    def place(self) -> Layer | None:
        """Any layer that lies where the result does."""
        return next(iter((*self.layers.layers, *self._results_layers())), None)

    def _find_place(self) -> Layer | None:
        return self.place

    def _show_mode(self) -> None:
        desk = self._desk
        if self._hiding.is_active:
            self._text.show(HIDDEN)
        elif self.audit.text:
            self._text.show(self.audit.text)
        elif desk.editing:
            self._text.show(self._editing.text)
        else:
            region = desk.current
            unit = get_measure(split_excess(desk.settings.measure)[0]).unit
            count, names = len(desk.table.regions), desk.result.class_names
            status = desk.queue.status(region.id) if region is not None else None
            note = desk.notes.text(None if region is None else region.id)
            text = review_text(region, desk.queue.place, count, status, names, unit, note)
            self._text.show("\n".join(filter(None, (text, self.disagreement.text))))


def _qt_key(key: str) -> int:
    """Return Qt's code of a key; 0, which no key has, for none."""
    return int(QKeySequence(key)[0].key()) if key else 0  # type: ignore[index]
