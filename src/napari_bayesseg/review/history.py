"""The operations of a review that are in force, and those that were undone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.events import EVENTS
from napari_bayesseg.review.journal_rows import Row
from napari_bayesseg.review.operation_rows import operation_of
from napari_bayesseg.review.operations import KINDS, Operation
from napari_bayesseg.review.status import Status
from napari_bayesseg.review.voxel_statuses import VoxelStatuses

__all__ = ["OTHER_ACTIONS", "History"]

# Rows that change no label: the beginning, another run of the result, other thresholds, events.
OTHER_ACTIONS = ("begin", "run", "settings", "start", *EVENTS)
_LONGEST_PAUSE = 60.0  # seconds; longer gaps are breaks, not decisions


class History:
    """What was done, in order, and what redo would do again.

    Attributes
    ----------
    applied : list of Operation
        In force, the oldest first.
    undone : list of Operation
        The next to be redone last; a new operation forgets them.
    shape : (Z, Y, X)
        Of the scan.
    """

    def __init__(self, shape: Index3) -> None:
        self.applied: list[Operation] = []
        self.undone: list[Operation] = []
        self.shape = shape
        self._voxels = VoxelStatuses(shape)
        self._whole = Roi.whole(shape)
        self._extents: list[Roi] = []

    @classmethod
    def replay(cls, rows: Iterable[Row], shape: Index3) -> History:
        """Return the history that the rows of a journal tell.

        Raises
        ------
        StoreError
            If a row can't be understood, or doesn't follow from those before.
        """
        history = cls(shape)
        for row in rows:
            if row.action in KINDS:
                history.push(operation_of(row))
            elif row.action == "undo" and history._is_next(history.applied, row):
                history.undo()
            elif row.action == "redo" and history._is_next(history.undone, row):
                history.redo()
            elif row.action not in OTHER_ACTIONS:
                raise StoreError(
                    f"row {row.sequence} of the journal ({row.action}) can't be understood: update "
                    "napari-bayesseg"
                )
        return history

    @staticmethod
    def _is_next(stack: list[Operation], row: Row) -> bool:
        return bool(stack) and row.content.get("operation") == stack[-1].sequence

    def push(self, operation: Operation) -> None:
        """Add an operation; what was undone can't be redone any more.

        Raises
        ------
        StoreError
            If it leaves the scan.
        """
        if not all(self._whole.contains(box) for box in operation.boxes):
            raise StoreError(
                f"row {operation.sequence} of the journal leaves the scan of {self._whole.stop} "
                "voxels: the review is of another scan, name another folder"
            )
        self.undone.clear()
        self._apply(operation)

    def _apply(self, operation: Operation) -> None:
        self.applied.append(operation)
        self._extents.append(_extent(operation.boxes))
        self._voxels.apply(operation)

    def undo(self) -> Operation | None:
        """Take the last operation back; None where there is none."""
        if not self.applied:
            return None
        operation = self.applied.pop()
        extent = self._extents.pop()
        self.undone.append(operation)
        self._voxels.take_back(operation, extent, self.within(extent))
        return operation

    def redo(self) -> Operation | None:
        """Do again what was undone last; None where there is nothing."""
        if not self.undone:
            return None
        operation = self.undone.pop()
        self._apply(operation)
        return operation

    def within(self, roi: Roi) -> list[Operation]:
        """Return the operations in force that may concern a box, the oldest first."""
        return [
            operation
            for operation, extent in zip(self.applied, self._extents, strict=True)
            if _meet(extent, roi)
        ]

    def statuses(self, region_labels: RegionMap, regions: Sequence[Region]) -> dict[int, Status]:
        """Return what was decided about regions, however they were found.

        The latest decision wins for every voxel, and a region has the status that more than half
        of its voxels have; where there is none it is pending. So decisions stay when a threshold
        moves and other regions take the place of those that were decided.

        Parameters
        ----------
        region_labels : RegionMap
            Ids of the regions.
        regions : sequence of Region
        """
        return self._voxels.of_regions(region_labels, regions)

    def prepare(self) -> None:
        """Load the compiled code, so that no decision waits for it."""
        self._voxels.prepare()

    def painted(self, box: Roi) -> NDArray[np.bool_]:
        """Return which voxels of a box were last written by a brush."""
        return self._voxels.painted(box)

    def have_status(self, box: Roi, status: Status) -> NDArray[np.bool_]:
        """Return which voxels of a box have a status."""
        return self._voxels.have(box, status)

    @property
    def seconds_per_decision(self) -> float | None:
        """Median of the pauses between decisions, breaks of over a minute left out.

        The second stroke in a region is no decision more. None before there is a pause.
        """
        times = [
            datetime.fromisoformat(operation.time_utc)
            for operation in self.applied
            if any(decision.before is not decision.after for decision in operation.decisions)
        ]
        gaps = [(after - before).total_seconds() for before, after in pairwise(times)]
        # Clocks may be set back: such a gap tells nothing.
        kept = [gap for gap in gaps if 0 <= gap <= _LONGEST_PAUSE]
        return median(kept) if kept else None


def _extent(boxes: tuple[Roi, ...]) -> Roi:
    """Return the smallest box around several; an empty one around none."""
    filled = [box for box in boxes if not box.is_empty]
    if not filled:
        return Roi((0, 0, 0), (0, 0, 0))
    start = np.min([box.start for box in filled], axis=0).tolist()
    stop = np.max([box.stop for box in filled], axis=0).tolist()
    return Roi(tuple(start), tuple(stop))


def _meet(first: Roi, second: Roi) -> bool:
    """Whether two boxes have a voxel in common; on the path of every undo, so without objects."""
    (a, b, c), (d, e, f) = first.start, first.stop
    (g, h, i), (j, k, m) = second.start, second.stop
    return a < j and g < d and b < k and h < e and c < m and i < f
