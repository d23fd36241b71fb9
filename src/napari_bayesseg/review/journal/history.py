"""The operations of a review that are in force, and those that were undone.

Only where and when they took place is in memory, with what they left of every voxel: their content
is read from the journal when undo, an export or a search asks for it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.journal.events import EVENTS
from napari_bayesseg.review.journal.journal_rows import Row
from napari_bayesseg.review.journal.operation_index import OperationIndex
from napari_bayesseg.review.journal.operation_rows import operation_of
from napari_bayesseg.review.journal.operation_store import Load, Operations, OperationStore
from napari_bayesseg.review.journal.operations import KINDS, Operation
from napari_bayesseg.review.journal.taking_back import Beneath
from napari_bayesseg.review.labels.voxel_statuses import VoxelStatuses
from napari_bayesseg.review.status import Status

__all__ = ["OTHER_ACTIONS", "STEPS", "FollowingLabels", "History"]

# Rows that change no label: the beginning, another run of the result, other thresholds, events.
OTHER_ACTIONS = ("begin", "run", "settings", "start", *EVENTS)
STEPS = (*KINDS, "undo", "redo")
"""Actions of the rows that make a history."""
_LONGEST_PAUSE = 60.0  # seconds; longer gaps are breaks, not decisions


class FollowingLabels(Protocol):
    """Labels that are changed as a history goes on."""

    def follow(self, operation: Operation) -> None:
        """Write what an operation changes."""

    def take_back(self, operation: Operation, former: Sequence[Operation]) -> None:
        """Give the voxels of an operation what `former`, those beneath it, tell."""


class History:
    """What was done, in order, and what redo would do again.

    Parameters
    ----------
    shape : (Z, Y, X)
        Of the scan.
    load : callable, optional
        Gives the operation of a row of the journal; without it all stay in memory.

    Attributes
    ----------
    shape : (Z, Y, X)
    voxels : VoxelStatuses
        What was last decided about every voxel.
    """

    def __init__(self, shape: Index3, load: Load | None = None) -> None:
        self.shape = shape
        self.voxels = VoxelStatuses(shape)
        self._whole = Roi.whole(shape)
        self._store = OperationStore(load)
        self._index = OperationIndex(shape)
        self._undone = array("q")
        self._watch: Callable[[Roi], None] | None = None
        self._pace: tuple[float | None] | None = None

    @property
    def applied(self) -> Operations:
        """Operations in force, the oldest first; read from the journal as they are asked for."""
        return Operations(self._index.sequences, self._store)

    @property
    def undone(self) -> Operations:
        """What was undone, the next to be redone last; a new operation forgets it."""
        return Operations(self._undone, self._store)

    def replay(self, rows: Iterable[Row], labels: FollowingLabels | None = None) -> History:
        """Go on as the following rows of a journal tell.

        Parameters
        ----------
        rows : iterable of Row
        labels : FollowingLabels, optional
            Labels that go the same way.

        Returns
        -------
        History
            This one.

        Raises
        ------
        StoreError
            If a row can't be understood, or doesn't follow from those before.
        """
        for row in rows:
            if row.action in KINDS:
                made = operation_of(row)
                self.push(made)
                if labels is not None:
                    labels.follow(made)
            elif row.action == "undo" and _is_next(self._index.sequences, row):
                former = self.beneath(self.applied[-1])
                undone = self.undo(former)
                if labels is not None and undone is not None:
                    labels.take_back(undone, former)
            elif row.action == "redo" and _is_next(self._undone, row):
                redone = self.redo()
                if labels is not None and redone is not None:
                    labels.follow(redone)
            elif row.action not in OTHER_ACTIONS:
                raise StoreError(
                    f"row {row.sequence} of the journal ({row.action}) can't be understood: update "
                    "napari-bayesseg"
                )
        return self

    def push(self, operation: Operation) -> None:
        """Take a new operation in; what was undone can't be redone any more.

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
        del self._undone[:]
        self._apply(operation)

    def _apply(self, operation: Operation) -> None:
        self._store.keep(operation)
        self._index.push(operation)
        self.voxels.apply(operation)
        self._tell(operation)

    def _tell(self, operation: Operation) -> None:
        self._pace = None
        if self._watch is not None:
            self._watch(operation.extent)

    def undo(self, former: Sequence[Operation] | None = None) -> Operation | None:
        """Take the last operation back; None where there is none.

        Parameters
        ----------
        former : sequence of Operation, optional
            What :meth:`beneath` gave of it, where that is known.
        """
        if not self._index.sequences:
            return None
        operation = self.applied[-1]
        if former is None:
            former = self.beneath(operation)
        self._store.keep(operation)
        self._undone.append(self._index.pop())
        self.voxels.take_back(operation, former)
        self._tell(operation)
        return operation

    def redo(self) -> Operation | None:
        """Do again what was undone last; None where there is nothing."""
        if not self._undone:
            return None
        operation = self.undone[-1]
        del self._undone[-1]
        self._apply(operation)
        return operation

    def within(self, roi: Roi) -> list[Operation]:
        """Return the operations in force that may concern a box, the oldest first."""
        numbers = self._index.sequences
        return [self._store.get(numbers[place]) for place in self._index.meeting([roi])]

    def beneath(self, last: Operation) -> list[Operation]:
        """Return those before the last one that say what its voxels were, the oldest first.

        Raises
        ------
        StoreError
            If the journal can't be read any more.
        """
        index = self._index
        former = (
            (index.sequences[place], index.bounds(place))
            for place in reversed(index.meeting(last.boxes_of_voxels))
            if index.sequences[place] != last.sequence
        )
        return Beneath(last).among(former, self._store.get)

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
        return self.voxels.of_regions(region_labels, regions)

    def prepare(self) -> None:
        """Load the compiled code, so that no decision waits for it."""
        self.voxels.prepare()

    def painted(self, box: Roi) -> NDArray[np.bool_]:
        """Return which voxels of a box were last written by a brush."""
        return self.voxels.painted(box)

    def have_status(self, box: Roi, status: Status) -> NDArray[np.bool_]:
        """Return which voxels of a box have a status."""
        return self.voxels.have(box, status)

    @property
    def seconds_per_decision(self) -> float | None:
        """Median of the pauses between decisions, breaks of over a minute left out.

        The second stroke in a region is no decision more. None before there is a pause.
        """
        if self._pace is None:
            gaps = self._index.pauses()
            # Clocks may be set back: such a gap tells nothing.
            kept = gaps[(gaps >= 0) & (gaps <= _LONGEST_PAUSE)]
            self._pace = (float(np.median(kept)) if kept.size else None,)
        return self._pace[0]

    def as_arrays(self) -> dict[str, NDArray[np.integer[Any]]]:
        """Return what :meth:`restore` needs besides the voxels, as copies."""
        return {**self._index.as_arrays(), "undone": np.array(self._undone)}

    def restore(self, arrays: Mapping[str, NDArray[np.integer[Any]]]) -> None:
        """Become what :meth:`as_arrays` was taken of; the voxels are restored by themselves.

        Raises
        ------
        StoreError
            If the arrays contradict one another.
        """
        self._index = OperationIndex.from_arrays(self.shape, arrays)
        self._undone = array("q", arrays["undone"].tolist())
        self._pace = None

    @contextmanager
    def watched_by(self, watch: Callable[[Roi], None]) -> Iterator[None]:
        """Tell the boxes in which something changes, as long as it lasts; one watches at a time."""
        self._watch = watch
        try:
            yield
        finally:
            self._watch = None


def _is_next(stack: Sequence[int], row: Row) -> bool:
    return len(stack) > 0 and row.content.get("operation") == stack[-1]
