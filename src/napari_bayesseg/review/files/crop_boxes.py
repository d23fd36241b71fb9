"""Which parts of a reviewed scan are worth being learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.review.journal.history import History
from napari_bayesseg.review.journal.operations import Operation, RegionDecision
from napari_bayesseg.review.labels.voxels import VoxelSet
from napari_bayesseg.review.status import Status

__all__ = ["CropChoice", "CropSettings", "crop_boxes", "decided_boxes"]

_HEAVY = 0.5  # of the smaller crop: two that share so much become one
_LARGEST = 8  # times the least crop: what is united grows no further


class CropChoice(StrEnum):
    """Which decided places are cut out."""

    CORRECTED = "corrected"
    DECIDED = "all decided"

    @property
    def statuses(self) -> tuple[Status, ...]:
        """Those of the places."""
        corrected = (Status.REJECTED, Status.EDITED)
        return corrected if self is CropChoice.CORRECTED else (*corrected, Status.ACCEPTED)


@dataclass(frozen=True)
class CropSettings:
    """How crops are cut.

    Attributes
    ----------
    choice : CropChoice
        Rejected and edited places alone, or the accepted ones, too.
    margin : int
        Voxels around a place.
    least_shape : (z, y, x)
        Crops are no smaller, as long as the scan is not: the patch that a training cuts out of
        them, by default that of ``train``.
    """

    choice: CropChoice = CropChoice.CORRECTED
    margin: int = 8
    least_shape: Index3 = (32, 64, 64)

    def checked(self) -> CropSettings:
        """Return the settings if they can be used; SettingsError if not."""
        if self.margin < 0:
            raise SettingsError(f"the margin of a crop must be 0 or more; got {self.margin}")
        if min(self.least_shape) < 1:
            raise SettingsError(
                f"the least shape of a crop must be at least 1; got {self.least_shape}"
            )
        return self


def decided_boxes(history: History, choice: CropChoice) -> list[Roi]:
    """Return the boxes of the places that were decided so and still are, without repetition.

    A stroke outside every region is an edited place.
    """
    found: dict[VoxelSet, Roi] = {}
    for operation in history.applied:
        for decision in operation.decisions:
            if decision.voxels not in found and _stands(history, decision, choice.statuses):
                found[decision.voxels] = decision.box
        if operation.kind == "edit" and not operation.decisions:
            found |= _stroke(history, operation)
    return list(dict.fromkeys(found.values()))


def _stands(history: History, decision: RegionDecision, statuses: Sequence[Status]) -> bool:
    """Whether more than half of a region's voxels have one of these statuses now."""
    mask = decision.voxels.mask()
    matching = sum(
        int(np.count_nonzero(history.have_status(decision.box, status) & mask))
        for status in statuses
    )
    return 2 * matching > int(np.count_nonzero(mask))


def _stroke(history: History, operation: Operation) -> dict[VoxelSet, Roi]:
    change = operation.change
    if change is None or not (history.painted(change.box) & change.voxels.mask()).any():
        return {}
    return {change.voxels: change.box}


def crop_boxes(boxes: Sequence[Roi], within: Roi, settings: CropSettings) -> list[Roi]:
    """Return the crops around places, all inside a box; those that overlap heavily are united.

    Each place lies in one crop with its margin, except where the box ends. Two crops are united
    where they share half of the smaller one, as long as the union is not larger than eight of the
    least crops: so crops follow the places and don't grow into the whole scan.

    Parameters
    ----------
    boxes : sequence of Roi
    within : Roi
        What may be cut out: the processed part of the scan.
    settings : CropSettings

    Returns
    -------
    list of Roi
        Sorted by position.
    """
    inside = [box for box in boxes if not box.intersection(within).is_empty]
    grown = sorted((_around(box, within, settings) for box in inside), key=lambda box: box.start)
    least = [min(n, m) for n, m in zip(settings.least_shape, within.shape, strict=True)]
    most = _LARGEST * int(np.prod(least))
    kept = _Boxes(len(grown))
    for box in grown:
        partner = kept.partner(box, most)
        while partner is not None:
            box = box.union(kept.take(partner))
            partner = kept.partner(box, most)
        kept.add(box)
    return kept.sorted()


def _around(box: Roi, within: Roi, settings: CropSettings) -> Roi:
    """Return a box with its margin, made large enough and moved inside."""
    sides = []
    grown = box.grown((settings.margin,) * 3)
    for low, high, least, first, last in zip(
        grown.start, grown.stop, settings.least_shape, within.start, within.stop, strict=True
    ):
        low, high = max(low, first), min(high, last)
        length = min(max(high - low, least), last - first)
        # As much is added on both sides; what would lie outside is added on the other one.
        start = low - (length - (high - low)) // 2
        start = min(max(start, first), last - length)
        sides.append((start, start + length))
    (z, z1), (y, y1), (x, x1) = sides
    return Roi((z, y, x), (z1, y1, x1))


class _Boxes:
    """Boxes that are compared with another one at once."""

    def __init__(self, capacity: int) -> None:
        self._low = np.zeros((capacity, 3), np.int64)
        self._high = np.zeros((capacity, 3), np.int64)  # an empty box meets nothing
        self._boxes: list[Roi | None] = []

    def add(self, box: Roi) -> None:
        place = len(self._boxes)
        self._low[place], self._high[place] = box.start, box.stop
        self._boxes.append(box)

    def take(self, place: int) -> Roi:
        box = self._boxes[place]
        assert box is not None
        self._boxes[place] = None
        self._high[place] = self._low[place]
        return box

    def partner(self, box: Roi, most: int) -> int | None:
        """Return the box to unite another one with, the one that shares most; None for none."""
        low, high = self._low[: len(self._boxes)], self._high[: len(self._boxes)]
        shared = np.clip(np.minimum(high, box.stop) - np.maximum(low, box.start), 0, None)
        common = shared.prod(axis=1)
        union = (np.maximum(high, box.stop) - np.minimum(low, box.start)).prod(axis=1)
        smaller = np.minimum((high - low).prod(axis=1), box.size)
        is_inside = (common == smaller) & (common > 0)
        fits = (common > 0) & (common >= _HEAVY * smaller) & ((union <= most) | is_inside)
        if not fits.any():
            return None
        return int(np.where(fits, common, -1).argmax())

    def sorted(self) -> list[Roi]:
        left = [box for box in self._boxes if box is not None]
        return sorted(left, key=lambda box: box.start)
