"""Decisions and their history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.decisions import read_labels_to_be
from napari_bayesseg.review.journal.operations import IN_BULK, Operation
from napari_bayesseg.review.regions.region_table import RegionTable
from napari_bayesseg.review.status import Status
from napari_bayesseg.session.desk_line import BulkPreview
from napari_bayesseg.session.desk_state import DeskState
from napari_bayesseg.session.job import Job, JobSlot, explain

__all__ = ["BulkKind", "DecisionDesk"]

BulkKind = Literal["accept-below", "reject-above"]


class DecisionDesk(DeskState):
    """The part of a :class:`~napari_bayesseg.session.desk.ReviewDesk` that decides.

    All but :meth:`bulk` is at once, on the owner's thread; ``saved`` follows when the journal holds
    it.
    """

    _deciding: JobSlot

    def accept(self) -> None:
        """Let the model's labels stand in the current region, and go to the next undecided one."""
        self._decide_current(Status.ACCEPTED)

    def reject(self) -> None:
        """Put `replacement` for the current region's labels; go to the next undecided one."""
        self._decide_current(Status.REJECTED)

    def defer(self) -> None:
        """Leave the current region for later, and go to the next undecided one."""
        self._decide_current(Status.DEFERRED)

    def reopen(self) -> None:
        """Take back what was decided about the current region, and stay there."""
        self._decide_current(Status.PENDING)

    def bulk_preview(self, kind: BulkKind) -> BulkPreview:
        """Say what :meth:`bulk` would decide."""
        regions = self._bulk_regions(kind)
        return BulkPreview(
            len(regions),
            sum(region.volume for region in regions),
            sum(region.expected_error_volume for region in regions),
            self.table.unit,
        )

    def bulk(self, kind: BulkKind) -> None:
        """Accept all pending regions below the upper threshold, or reject all above, in one step.

        Below: those whose maximum doesn't reach it, which need no look. It is done in the
        background, because thousands of regions are read, saved and written; until then no other
        step is taken. Voxels accepted as part of regions at other thresholds are left alone.
        """
        if not self._may_step():
            return
        regions = self._bulk_regions(kind)
        if not regions:
            self.notice.emit("no undecided region is there")
            return
        status = Status.ACCEPTED if kind == "accept-below" else Status.REJECTED
        review, table, settings, replacement = (
            self.review, self.table, self.settings, self.replacement
        )  # fmt: skip

        def work(_: Job) -> Operation:
            labels = table.region_labels
            known = read_labels_to_be(review.result, regions, labels, status, replacement)
            return review.decide(
                regions,
                labels,
                status,
                settings=settings,
                replacement=replacement,
                note=IN_BULK,
                labels_to_be=known,
                spare_accepted=True,
            )

        self.notice.emit(f"deciding about {len(regions):,} regions\u2026")
        self._deciding.start(
            work,
            lambda operation: self._take_bulk(operation, table),
            lambda error: self.failed.emit(explain(error)),
        )

    def _take_bulk(self, operation: Operation, table: RegionTable) -> None:
        """Tell what was decided about many regions, and leave the current one if it was."""
        self._saved(operation, table)
        self._tell_mask(operation)
        if self.current is not None and self.queue.status(self.current.id).is_decided:
            following = self.queue.next()
            if following is not None:
                self._show_current(following)
        if self.current is not None:
            self._remember(self.current)

    def _remember(self, region: Region) -> None:
        if not self._deciding.is_running:  # else the window would wait for the journal
            super()._remember(region)

    def _may_step(self) -> bool:
        """Whether a step can be taken now; else the person is told why not."""
        if self.read_only:
            self.refuse()
        elif self._deciding.is_running:
            self.notice.emit("many regions are being decided about: a moment, please")
        return not (self.read_only or self._deciding.is_running)

    def _bulk_regions(self, kind: BulkKind) -> tuple[Region, ...]:
        upper = self.settings.upper
        return self.queue.below(upper) if kind == "accept-below" else self.queue.above(upper)

    def _decide_current(self, status: Status) -> None:
        if self.current is None:
            self.notice.emit("there is no region to decide about")
        else:
            self._decide(self.current, status)

    def _decide(self, region: Region, status: Status) -> None:
        if not self._may_step():
            return
        queue = self.queue.with_changes({region.id: status})
        goes_on = self.preferences.goes_on and status is not Status.PENDING
        current = (queue.next() if goes_on else None) or region
        try:
            operation = self.review.decide(
                (region,),
                self.table.region_labels,
                status,
                settings=self.settings,
                replacement=self.replacement,
                note=self.notes.text(region.id),
                next_position=current.position,
            )
        except BayesSegError as error:
            self.failed.emit(str(error))
            return
        self._saved(operation, self.table)
        self._tell_mask(operation)
        if current is not self.current:
            self._show_current(current)

    def _tell_mask(self, operation: Operation) -> None:
        change = operation.change
        if change is not None and not np.array_equal(change.old, change.new):
            self.mask_changed.emit(change.box)

    def undo(self) -> None:
        """Take the last decision or stroke back, and go where it was."""
        self._go_back(self.review.undo, "there is nothing to undo")

    def redo(self) -> None:
        """Do again what was undone last, and go where it was."""
        self._go_back(self.review.redo, "there is nothing to redo")

    def _go_back(self, step: Callable[[], Operation | None], if_none: str) -> None:
        if not self._may_step():
            return
        try:
            operation = step()
        except BayesSegError as error:
            self.failed.emit(str(error))
            return
        if operation is None:
            self.notice.emit(if_none)
            return
        self.saved.emit(self.review.sequence)
        concerned = self.queue.columns.meeting(operation.boxes)
        self._change_statuses(self.review.statuses(self.table, concerned))
        self._tell_mask(operation)
        region = None if operation.position is None else self.queue.at(operation.position)
        if region is not None:
            self._go(region)

    def _saved(self, operation: Operation, table: RegionTable) -> None:
        """Tell what an operation on the regions of a table has changed."""
        self.saved.emit(operation.sequence)
        if table is not self.table:  # the thresholds have moved meanwhile
            self._change_statuses(self.review.statuses(self.table))
            return
        self._change_statuses({made.region_id: made.after for made in operation.decisions})
