"""Editing the current region: where the brush may go, and tools that change labels in one step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.journal.operations import Tool
from napari_bayesseg.review.labels.edits import (
    BrushReach,
    Contour,
    EditPlace,
    edit_place,
    fill_region,
    find_contour,
    read_probability,
    smooth_region,
    surroundings,
)
from napari_bayesseg.review.labels.voxels import VoxelChange
from napari_bayesseg.review.status import Status
from napari_bayesseg.session.background import Background
from napari_bayesseg.session.job import JobSlot, explain

if TYPE_CHECKING:
    from napari_bayesseg.session.desk_edits import EditDesk

__all__ = ["LEVEL_STEP", "EditOptions", "RegionEditor"]

LEVEL_STEP = 0.05
"""Between the levels of a contour, which go from one step to one less a step."""
_NOT_EDITING = "begin to edit this region first"


@dataclass(frozen=True)
class EditOptions:
    """What the person has in hand.

    Attributes
    ----------
    label : int
        Class that brush, fill and contour are about.
    brush_size : int
        Diameter in voxels.
    is_3d : bool
        Whether the brush is a ball instead of a disc in the slice.
    reach : BrushReach
    level : float
        Mean probability at the contour.
    """

    label: int = 0
    brush_size: int = 3
    is_3d: bool = False
    reach: BrushReach = BrushReach.REGION
    level: float = 0.5


class RegionEditor:
    """Edits the current region of a desk; `editing` of the desk switches it on and off.

    Signals:

    - ``options_changed(EditOptions)``
    - ``place_changed(EditPlace | None)``: where the brush may paint; None while nothing is edited.
    - ``contour_changed(Contour | None)``: shown, but not taken over yet.

    Parameters
    ----------
    desk : EditDesk
    background : Background
        Where probabilities are read.
    """

    options_changed = Signal(EditOptions)
    place_changed = Signal(object)
    contour_changed = Signal(object)

    def __init__(self, desk: EditDesk, background: Background) -> None:
        self.options = EditOptions()
        self.place: EditPlace | None = None
        self.contour: Contour | None = None
        self._desk = desk
        self._reading = JobSlot(background, "contour")
        self._probability: NDArray[np.floating[Any]] | None = None
        desk.editing_changed.connect(self._on_editing)
        desk.statuses_changed.connect(self._on_statuses)
        desk.saved.connect(self._find_contour_again)

    def close(self) -> None:
        """Drop what is being read."""
        self._reading.close()

    @property
    def class_name(self) -> str:
        """Name of the class in hand."""
        names = self._desk.result.class_names
        return names[self.options.label] if self.options.label < len(names) else "no class"

    def choose(self, options: EditOptions) -> None:
        """Take something else in hand; a contour that is shown follows."""
        before, self.options = self.options, options
        if options == before:
            return
        self.options_changed.emit(options)
        if options.reach is not before.reach:
            self._find_place()
        elif (options.label, options.level) != (before.label, before.level):
            self._find_contour_again()

    def take_margin(self) -> None:
        """Let the brush go as far around the region's box as the person prefers now."""
        if self.place is not None:
            self._probability = None
            self.drop_contour()
            self._find_place()

    def next_reach(self) -> None:
        """Let the brush go further, or after `anywhere` stay in the region again."""
        reaches = tuple(BrushReach)
        following = reaches[(reaches.index(self.options.reach) + 1) % len(reaches)]
        self.choose(replace(self.options, reach=following))

    def fill(self) -> None:
        """Give the current region the class in hand."""
        place = self._place()
        if place is None:
            return
        change = fill_region(place, self._desk.review.mask.labels, self.options.label)
        if change is None:
            self._desk.notice.emit(f"all of this region is {self.class_name} already")
        else:
            self._apply(change, "fill", self.class_name)

    def smooth(self) -> None:
        """Smooth the boundaries at the current region; again for more."""
        place = self._place()
        if place is None:
            return
        change = smooth_region(place, self._desk.review.mask.labels)
        if change is None:
            self._desk.notice.emit("the boundaries here are smooth already")
        else:
            self._apply(change, "smooth", "")

    # Contour

    def show_contour(self) -> None:
        """Show where the class in hand ends at the level; its probabilities are read first."""
        place = self._place()
        if place is None:
            return
        if self._probability is not None:
            self._find_contour()
        elif not self._reading.is_running:
            result, box = self._desk.result, place.box
            self._reading.start(
                lambda _: read_probability(result, box),
                self._take_probability,
                lambda error: self._desk.failed.emit(explain(error)),
            )

    def step_level(self, steps: int) -> None:
        """Show the contour, or that of a higher or lower level where one is shown."""
        if self.contour is None:
            self.show_contour()
            return
        level = round(self.options.level / LEVEL_STEP + steps) * LEVEL_STEP
        self.set_level(min(max(level, LEVEL_STEP), 1 - LEVEL_STEP))

    def set_level(self, level: float) -> None:
        """Show the contour at a level."""
        self.choose(replace(self.options, level=round(level, 4)))
        if self.contour is None:
            self.show_contour()

    def apply_contour(self) -> None:
        """Take over the contour that is shown: the class then ends there."""
        contour = self.contour
        if contour is None:
            if self._place() is not None:
                self._desk.notice.emit("choose a level of the contour first")
            return
        self.drop_contour()
        if contour.change is None:
            self._desk.notice.emit(f"{self.class_name} ends at this contour already")
        else:
            note = f"{self.class_name} at {100 * contour.level:.0f} %"
            self._apply(contour.change, "grow", note)

    def drop_contour(self) -> None:
        """Show no contour."""
        self._reading.cancel()
        self._show(None)

    def _take_probability(self, probability: NDArray[np.floating[Any]]) -> None:
        self._probability = probability
        self._find_contour()

    def _find_contour_again(self) -> None:
        if self.contour is not None:
            self._find_contour()

    def _find_contour(self) -> None:
        place, probability, options = self.place, self._probability, self.options
        if place is None or probability is None:
            return
        if options.label >= len(probability):
            self.drop_contour()
            self._desk.notice.emit("this label is no class of the model: it has no contour")
            return
        labels = self._desk.review.mask.labels
        self._show(find_contour(place, labels, probability, options.label, options.level))

    def _show(self, contour: Contour | None) -> None:
        if contour is not None or self.contour is not None:
            self.contour = contour
            self.contour_changed.emit(contour)

    # Place

    def _place(self) -> EditPlace | None:
        if self.place is None:
            self._desk.notice.emit(_NOT_EDITING)
        return self.place

    def _apply(self, change: VoxelChange, tool: Tool, note: str) -> None:
        self._desk.apply_edit(change, tool, note)

    def _on_editing(self, is_editing: bool) -> None:
        self._probability = None
        self.drop_contour()
        self._find_place()

    def _on_statuses(self) -> None:
        region = self._desk.current
        if self.place is None or region is None:
            return
        if self._desk.queue.status(region.id) is Status.ACCEPTED:
            self._desk.editing = False  # undone: it is protected again
        else:
            self._find_place()

    def _find_place(self) -> None:
        """Find again what may be painted."""
        region = self._desk.current if self._desk.editing else None
        if region is None and self.place is None:
            return
        self.place = None if region is None else self._place_of(region)
        self.place_changed.emit(self.place)
        self._find_contour_again()

    def _place_of(self, region: Region) -> EditPlace:
        review, result = self._desk.review, self._desk.result
        margin = self._desk.preferences.edit_margin
        box = surroundings(region, result.spec.shape, margin)
        return edit_place(
            region,
            self._desk.table.region_labels,
            review.protected(box),
            self.options.reach,
            result.geometry.spacing,
            margin,
        )
