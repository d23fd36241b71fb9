"""Decisions, strokes and their history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.operations import Operation
from napari_bayesseg.review.status import Status
from napari_bayesseg.review.voxels import VoxelChange
from napari_bayesseg.session.desk_line import BulkPreview
from napari_bayesseg.session.desk_state import DeskState
from napari_bayesseg.session.desk_strokes import Indices, SplitStroke, split_stroke

__all__ = ["BulkKind", "DecisionDesk"]

BulkKind = Literal["accept-below", "reject-above"]

_NOWHERE = Roi((0, 0, 0), (0, 0, 0))


class DecisionDesk(DeskState):
    """The part of a :class:`~napari_bayesseg.session.desk.ReviewDesk` that decides.

    All of it is at once, on the owner's thread; ``saved`` follows when the journal holds it.
    """

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

        Below: those whose maximum doesn't reach it, which need no look.
        """
        regions = self._bulk_regions(kind)
        if not regions:
            self.notice.emit("no undecided region is there")
        else:
            self._decide(regions, Status.ACCEPTED if kind == "accept-below" else Status.REJECTED)

    def _bulk_regions(self, kind: BulkKind) -> tuple[Region, ...]:
        upper = self.settings.upper
        return self.queue.below(upper) if kind == "accept-below" else self.queue.above(upper)

    def _decide_current(self, status: Status) -> None:
        if self.current is None:
            self.notice.emit("there is no region to decide about")
        else:
            self._decide((self.current,), status)

    def _decide(self, regions: Sequence[Region], status: Status) -> None:
        if self.read_only:
            self._refuse()
            return
        decided = {**self.statuses, **{region.id: status for region in regions}}
        queue = self.queue.with_statuses(decided)
        leaves = (
            self.preferences.goes_on
            and status is not Status.PENDING
            and self.queue.current_id in {r.id for r in regions}
        )
        current = (queue.next() if leaves else None) or self.current
        try:
            operation = self.review.decide(
                regions,
                self.table.region_labels,
                status,
                settings=self.settings,
                replacement=self.replacement,
                next_position=None if current is None else current.position,
            )
        except BayesSegError as error:
            self.failed.emit(str(error))
            return
        self._saved(operation)
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
        if self.read_only:
            self._refuse()
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
        self._set_statuses(self.review.statuses(self.table))
        self._tell_mask(operation)
        region = None if operation.position is None else self.queue.at(operation.position)
        if region is not None:
            self._go(region)

    def paint(self, indices: Indices, old: ArrayLike, new: ArrayLike) -> VoxelChange:
        """Keep a stroke that has been painted on the reviewed mask.

        Parameters
        ----------
        indices : three (n,) int
            Along z, y and x; those of one stroke in the order of painting.
        old, new : (n,) int, or one value for all
            Labels before and after.

        Returns
        -------
        VoxelChange
            What must be reverted, perhaps nothing: voxels outside `edit_box` while editing, those
            in accepted regions, and all where nothing may or can be saved.
        """
        if self.read_only:
            self._refuse()
            return self._split(indices, old, new, _NOWHERE).refused
        whole = Roi.whole(self.result.spec.shape)
        stroke = self._split(indices, old, new, self.edit_box or whole)
        if stroke.hit_protected:
            self.notice.emit("what is accepted is protected: reopen the region to paint there")
        if stroke.kept.count == 0:
            return stroke.refused
        try:
            operation = self.review.paint(
                stroke.kept,
                region=self.current if self.editing else None,
                region_labels=self.table.region_labels,
                settings=self.settings,
            )
        except BayesSegError as error:
            self.failed.emit(str(error))
            return self._split(indices, old, new, _NOWHERE).refused
        self._saved(operation)
        return stroke.refused

    def _split(self, indices: Indices, old: ArrayLike, new: ArrayLike, box: Roi) -> SplitStroke:
        return split_stroke(
            indices,
            old,
            new,
            box=box,
            protected=self.review.protected,
            dtype=self.review.mask.labels.dtype,
        )

    def _saved(self, operation: Operation) -> None:
        """Tell what an operation on these regions has changed."""
        self.saved.emit(operation.sequence)
        after = {decision.region_id: decision.after for decision in operation.decisions}
        self._set_statuses({**self.statuses, **after})
