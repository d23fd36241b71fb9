"""Where a reviewer is: regions, statuses, the current region, and moving between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from psygnal import Signal

from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.inference.result import Result
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.notes import regions_of
from napari_bayesseg.review.regions.queue import Order, RegionQueue
from napari_bayesseg.review.regions.region_filter import Mark, Marks
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.regions.region_source import RegionSource
from napari_bayesseg.review.regions.region_table import RegionTable
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Replacement, Status
from napari_bayesseg.session.desk_notes import DeskNotes
from napari_bayesseg.session.desk_regions import Found, Opened
from napari_bayesseg.session.preferences import Preferences

__all__ = ["DeskState"]


class DeskState:
    """The state of a :class:`~napari_bayesseg.session.desk.ReviewDesk`, and its signals."""

    measure_changed = Signal(str)
    thresholds_changed = Signal(float, float)
    regions_changed = Signal(RegionTable)
    queue_changed = Signal(RegionQueue)
    current_changed = Signal(object)
    statuses_changed = Signal(tuple)
    mask_changed = Signal(Roi)
    editing_changed = Signal(bool)
    busy_changed = Signal(bool)
    failed = Signal(str)
    saved = Signal(int)
    notice = Signal(str)
    protection_hit = Signal(int)

    def __init__(self, opened: Opened, preferences: Preferences) -> None:
        self.result: Result = opened.result
        self.review: Review = opened.review
        self.preferences = preferences
        self.replacement = _possible(preferences.replacement, opened.review)
        self._found = opened.found
        self._editing = False
        self.notes = DeskNotes(self)
        table = opened.found.table
        self.notes.match(table)
        queue = RegionQueue(
            table,
            self.review.statuses(table),
            preferences.order,
            spacing=self.result.geometry.spacing,
            marks=self._marks(regions_of(self.review.conflicts, table)),
        )
        self._queue = queue.at_region(_id(self._place(queue, self.review.position)))
        if preferences.order is Order.PATH:  # which begins where the person is
            self._queue = self._queue.with_order(Order.PATH)

    @property
    def source(self) -> RegionSource:
        """Maps of the measure."""
        return self._found.source

    @property
    def settings(self) -> RegionSettings:
        """What made the regions."""
        return self._found.settings

    @property
    def table(self) -> RegionTable:
        """The regions."""
        return self._queue.table

    @property
    def queue(self) -> RegionQueue:
        """The regions in order, with what was decided."""
        return self._queue

    @property
    def statuses(self) -> Mapping[int, Status]:
        """What was decided, by region id."""
        return self._queue.statuses

    @property
    def current(self) -> Region | None:
        """The region that the person is at."""
        return self._queue.current

    @property
    def read_only(self) -> bool:
        """Whether nothing can be decided, because another process has the review open."""
        return self.review.read_only

    @property
    def editing(self) -> bool:
        """Whether the current region is being painted; ends when another one becomes current."""
        return self._editing

    @editing.setter
    def editing(self, wanted: bool) -> None:
        if wanted and self.read_only:
            self.refuse()
        elif wanted and self.current is None:
            self.notice.emit("there is no region to edit")
        elif wanted != self._editing and (not wanted or self._may_edit()):
            self._editing = wanted
            self.editing_changed.emit(wanted)

    def _may_edit(self) -> bool:
        """Whether the current region may be edited now."""
        return True

    def next(self) -> Region | None:
        """Go to the next undecided region, going round at the end."""
        return self._step(self._queue.next(), "no other region is undecided")

    def previous(self) -> Region | None:
        """Go to the region before this one, decided or not."""
        return self._step(self._queue.previous(), "there is no other region")

    def go_to(self, region_id: int) -> None:
        """Go to a region.

        Raises
        ------
        SettingsError
            If there is none with this id.
        """
        self._go(self._queue.region(region_id))

    def set_order(self, order: Order) -> None:
        """Look at the regions in an order; the current one stays.

        It stays until another one is set. Setting a path again plans it from here.
        """
        self._queue = self._queue.with_order(order)
        self.queue_changed.emit(self._queue)

    def set_filter(
        self,
        statuses: Iterable[Status] | None = None,
        classes: Iterable[int] | None = None,
        marks: Iterable[Mark] = (),
    ) -> None:
        """Leave out regions with other statuses or classes, or without a mark; None shows all."""
        self._queue = self._queue.with_filter(statuses, classes, marks)
        self.queue_changed.emit(self._queue)

    def _step(self, region: Region | None, if_none: str) -> Region | None:
        if region is None:
            self.notice.emit(if_none)
        else:
            self._go(region)
        return region

    def _go(self, region: Region) -> None:
        """Make a region the current one, and remember it."""
        if region.id == self._queue.current_id:
            return
        self._remember(region)
        self._show_current(region)

    def _remember(self, region: Region) -> None:
        """Save that the person is at a region."""
        if not self.read_only:
            try:
                self.review.set_position(region.position)
            except BayesSegError as error:
                self.failed.emit(str(error))

    def _show_current(self, region: Region | None) -> None:
        self._queue = self._queue.at_region(_id(region))
        self.editing = False
        self.current_changed.emit(region)

    def refresh_marks(self) -> None:
        """Take over which regions must be looked at, have a note or are in conflict."""
        shown = self._queue.ids
        self._queue = self._queue.with_marks(self._marks(self._queue.marks.conflicting))
        if self._queue.ids != shown:
            self.queue_changed.emit(self._queue)

    def _marks(self, conflicting: frozenset[int]) -> Marks:
        return Marks(self.settings.upper, frozenset(self.notes.texts), conflicting)

    def _change_statuses(self, changes: Mapping[int, Status]) -> None:
        """Take over what was decided about some regions."""
        old, self._queue = self._queue, self._queue.with_changes(changes)
        changed = self._queue.changed_since(old)
        if changed:
            self.statuses_changed.emit(changed)

    def _settle(self, found: Found) -> None:
        """Take new regions, at the place where the person is."""
        former, self._found = self._found, found
        position = self.current.position if self.current else self.review.position
        self.notes.match(found.table)
        queue = RegionQueue(
            found.table,
            self.review.statuses(found.table),
            filter=self._queue.filter,
            spacing=self._queue.spacing,
            marks=self._marks(regions_of(self.review.conflicts, found.table)),
        )
        region = self._place(queue, position)
        # In its order only now: a path begins where the person is.
        self._queue = queue.at_region(_id(region)).with_order(self._queue.order)
        self.editing = False
        if found.source is not former.source:
            self.measure_changed.emit(found.settings.measure)
        self.thresholds_changed.emit(found.settings.lower, found.settings.upper)
        self.regions_changed.emit(found.table)
        self.statuses_changed.emit(tuple(queue.columns.ids.tolist()))
        self.current_changed.emit(region)

    def _place(self, queue: RegionQueue, position: tuple[int, int, int] | None) -> Region | None:
        """Return the region at a place, or the first one to look at."""
        region = None if position is None else queue.at(position)
        return region or queue.next() or queue.next(undecided_only=False)

    def refuse(self) -> None:
        """Say why nothing can be saved here."""
        self.notice.emit(self.review.notice or "this review is open for reading only")


def _id(region: Region | None) -> int | None:
    return None if region is None else region.id


def _possible(replacement: Replacement, review: Review) -> Replacement:
    """Return what takes the place of rejected labels: the previous mask only where there is one."""
    is_there = replacement is not Replacement.PREVIOUS or review.has_start
    return replacement if is_there else Replacement.RUNNER_UP
