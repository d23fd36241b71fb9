"""Strokes and tools on the reviewed labels, kept away from what is accepted."""

from __future__ import annotations

from numpy.typing import ArrayLike

from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.journal.operations import Tool
from napari_bayesseg.review.labels.edits import BrushReach, take_labels
from napari_bayesseg.review.labels.voxels import VoxelChange
from napari_bayesseg.review.status import Status
from napari_bayesseg.session.desk_decisions import DecisionDesk
from napari_bayesseg.session.desk_draws import DrawsDesk
from napari_bayesseg.session.desk_editing import RegionEditor
from napari_bayesseg.session.desk_strokes import Indices, SplitStroke, split_stroke

__all__ = ["EditDesk"]

_NOWHERE = Roi((0, 0, 0), (0, 0, 0))


class EditDesk(DecisionDesk):
    """The part of a :class:`~napari_bayesseg.session.desk.ReviewDesk` that edits labels.

    Attributes
    ----------
    editor : RegionEditor
        Where the brush may go, and the tools.
    draws : DrawsDesk
        What the draws say about the current region.
    """

    editor: RegionEditor
    draws: DrawsDesk
    _reopening: Region | None = None

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
            What must be reverted, perhaps nothing: voxels that the brush may not reach while
            editing, those in accepted regions, and all where nothing may or can be saved.
        """
        if not self._may_step():
            return self._split(indices, old, new, _NOWHERE).refused
        stroke = self._split(indices, old, new)
        if stroke.hit_at is not None:
            self._tell_protected(stroke.hit_at)
        elif stroke.refused.count and self.editing and stroke.kept.count == 0:
            self.notice.emit(
                "the brush stays inside the white line: choose another reach to paint further away"
            )
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
        self._saved(operation, self.table)
        return stroke.refused

    def apply_edit(self, change: VoxelChange, tool: Tool, note: str) -> bool:
        """Write what a tool made of the current region's labels, as one step.

        Returns
        -------
        bool
            Whether it is saved.
        """
        region = self.current
        if region is None or not self._may_step():
            return False
        try:
            operation = self.review.edit(
                change, region, self.table.region_labels, self.settings, tool, note
            )
        except BayesSegError as error:
            self.failed.emit(str(error))
            return False
        self._saved(operation, self.table)
        self._tell_mask(operation)
        return True

    def take_draw(self) -> None:
        """Give the current region the labels of the draw that is looked at; go on as after J."""
        region, draws, index = self.current, self.draws.draws, self.draws.index
        if region is None or draws is None or index == 0:
            self.notice.emit("show a draw of this region first, see the page Draws")
            return
        if self.queue.status(region.id) is Status.ACCEPTED:
            self.notice.emit(f"region {region.id} is accepted and so protected: reopen it first")
            return
        chosen = draws.inside & draws.processed & ~self.review.protected(draws.box)
        wanted = draws.draws[index - 1].labels
        change = take_labels(draws.box, chosen, wanted, self.review.mask.labels)
        if change is None:
            self.notice.emit(f"the labels of this region are those of draw {index} already")
        elif self.apply_edit(change, "draw", f"draw {index}"):
            following = self.queue.next() if self.preferences.goes_on else None
            if following is not None:
                self._go(following)

    def _may_edit(self) -> bool:
        region, asked = self.current, self._reopening
        self._reopening = None
        if region is None or not self._may_step():
            return False
        if self.queue.status(region.id) is not Status.ACCEPTED:
            return True
        if region is asked:
            self.reopen()
            return self.queue.status(region.id) is not Status.ACCEPTED
        self._reopening = region
        self.notice.emit(
            f"region {region.id} is accepted and so protected: edit it again to reopen it"
        )
        return False

    def _tell_protected(self, place: Index3) -> None:
        """Say which region keeps a stroke out, and what to do about it."""
        found = int(self.table.region_labels[place])
        if found and self.queue.status(found) is Status.ACCEPTED:
            self.protection_hit.emit(found)
            self.notice.emit(
                f"region {found} is accepted and so protected: click it in the list and press "
                "Reopen to paint there"
            )
        else:  # accepted at another threshold
            self.notice.emit(
                "what was accepted is protected: reopen the region, at the thresholds at which "
                "it was accepted, to paint there"
            )

    def _split(
        self, indices: Indices, old: ArrayLike, new: ArrayLike, box: Roi | None = None
    ) -> SplitStroke:
        """Split a stroke at a box, by default at what the brush may reach."""
        place = self.editor.place
        if place is None or box is not None or self.editor.options.reach is BrushReach.ANYWHERE:
            box, may_change = box or Roi.whole(self.result.spec.shape), None
        else:
            box, may_change = place.box, place.may_change
        return split_stroke(
            indices,
            old,
            new,
            box=box,
            may_change=may_change,
            protected=self.review.protected,
            dtype=self.review.mask.labels.dtype,
        )
