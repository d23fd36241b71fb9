"""The list of regions and the note follow the review that is open, and tell it what is chosen."""

from __future__ import annotations

from qtpy.QtCore import QObject

from napari_bayesseg.gui.connections import Connections
from napari_bayesseg.gui.review.control import ReviewControl
from napari_bayesseg.gui.review.note_line import NoteLine
from napari_bayesseg.gui.review.region_view import RegionView
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.numerics.uncertainty import get_measure, split_excess
from napari_bayesseg.review.regions.queue import Order
from napari_bayesseg.review.regions.region_filter import RegionFilter
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.desk_line import cubic_symbol, unit_symbol

__all__ = ["RegionBinding"]


class RegionBinding(QObject):
    """Binds list and note to a desk.

    Parameters
    ----------
    view : RegionView
    note : NoteLine
    control : ReviewControl
        Has the canvas that flies to what is clicked.
    """

    def __init__(
        self, view: RegionView, note: NoteLine, control: ReviewControl, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._view = view
        self._note = note
        self._control = control
        self._desk: ReviewDesk | None = None
        self._connections = Connections()
        view.chosen.connect(self._on_region_chosen)
        view.order_chosen.connect(self._on_order_chosen)
        view.filter_chosen.connect(self._on_filter_chosen)
        view.filter.min_volume_chosen.connect(self._on_min_volume_chosen)
        view.filter.merge_distance_chosen.connect(self._on_merge_distance_chosen)
        note.written.connect(self._on_note_written)

    def set_desk(self, desk: ReviewDesk | None) -> None:
        """Show the regions of another review, or none; what was typed is saved in the former."""
        self._note.show_note(None, "")
        self._connections.drop()
        self._desk = desk
        if desk is None:
            self._view.model.clear()
            return
        self._connections.follow(
            (desk.thresholds_changed, self._on_thresholds),
            (desk.regions_changed, self._on_regions),
            (desk.queue_changed, self._on_queue),
            (desk.statuses_changed, self._on_statuses),
            (desk.current_changed, self._on_current),
            (desk.notes.changed, self._on_notes),
        )
        self._view.filter.set_classes(desk.result.class_names)
        self._view.filter.set_filter(desk.queue.filter)
        self._view.set_order(desk.queue.order)
        self._on_regions()

    # What the desk says

    def _on_thresholds(self, lower: float, upper: float) -> None:
        self._view.model.set_upper(upper)

    def _on_regions(self) -> None:
        desk = self._desk
        if desk is None:
            return
        unit = get_measure(split_excess(desk.settings.measure)[0]).unit
        self._view.model.set_upper(desk.settings.upper)
        self._view.model.set_table(
            desk.table, desk.queue.ids, desk.statuses, unit, desk.notes.texts
        )
        self._view.filter.set_merge_distance(
            desk.settings.merge_distance or 0.0,
            min(desk.result.geometry.spacing),
            unit_symbol(desk.table.unit),
        )
        self._view.filter.set_min_volume(
            desk.settings.min_volume or 0.0,
            desk.result.geometry.voxel_volume,
            cubic_symbol(desk.table.unit),
        )
        self._view.set_total(len(desk.table.regions))
        self._on_current(desk.current)

    def _on_queue(self) -> None:
        desk = self._desk
        if desk is not None:
            self._view.set_order(desk.queue.order)
            self._view.model.set_ids(desk.queue.ids)
            self._on_current(desk.current)

    def _on_statuses(self, changed: tuple[int, ...]) -> None:
        desk = self._desk
        if desk is not None:
            self._view.model.set_statuses(desk.statuses, changed)
            # A decided region may leave a list that is filtered by status.
            self._view.model.set_ids(desk.queue.ids)
            self._on_current(desk.current)

    def _on_current(self, region: Region | None) -> None:
        self._view.show_current(None if region is None else region.id)
        self._show_note()

    def _on_notes(self, changed: tuple[int, ...]) -> None:
        if self._desk is not None:
            self._view.model.set_notes(self._desk.notes.texts, changed)
            self._show_note()

    def _show_note(self) -> None:
        desk = self._desk
        if desk is not None:
            self._note.show_note(desk.current, desk.notes.text(desk.queue.current_id))

    # What the person does

    def _on_region_chosen(self, region_id: int) -> None:
        desk, canvas = self._desk, self._control.canvas
        if desk is None or canvas is None:
            return
        if desk.current is not None and desk.current.id == region_id:
            canvas.fly()  # back to where the person has scrolled away from
        else:
            desk.go_to(region_id)

    def _on_order_chosen(self, order: Order) -> None:
        if self._desk is not None:
            self._desk.set_order(order)

    def _on_filter_chosen(self, wanted: RegionFilter) -> None:
        if self._desk is not None:
            self._desk.set_filter(wanted.statuses, wanted.classes, wanted.marks)

    def _on_merge_distance_chosen(self, distance: float) -> None:
        if self._desk is not None:
            self._desk.set_merge_distance(distance or None)

    def _on_min_volume_chosen(self, volume: float) -> None:
        if self._desk is not None:
            self._desk.set_min_volume(volume or None)

    def _on_note_written(self, region: Region, text: str) -> None:
        if self._desk is not None:
            self._desk.notes.write(text, region)
