"""Where and when operations took place, in a few dozen bytes each; the rest is on the disk."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.review.journal.operations import Operation

__all__ = ["OperationIndex"]

_CELL = 16  # voxels along a side of a cell; many boxes at once are looked up by cells
_FEW = 8  # boxes that are compared one by one
_EPOCH = datetime(1970, 1, 1).astimezone()
_MICROSECOND = timedelta(microseconds=1)
_Numbers = NDArray[np.integer[Any]]


class OperationIndex:
    """A stack of operations without their content.

    Attributes
    ----------
    sequences : array of int64
        Numbers of their rows in the journal, the oldest first.
    """

    def __init__(self, shape: Index3) -> None:
        self.sequences = array("q")
        self._shape = shape
        self._times = array("q")  # microseconds
        self._decides = array("b")  # whether a status changed
        self._firsts = array("q")  # place of the first box
        self._owners = array("q")  # of every box, the place of its operation
        self._bounds = array("i")  # of every box, start and stop

    def __len__(self) -> int:
        return len(self.sequences)

    def push(self, operation: Operation) -> None:
        """Add an operation."""
        place = len(self.sequences)
        self.sequences.append(operation.sequence)
        self._times.append(_microseconds(operation.time_utc))
        self._decides.append(any(d.before is not d.after for d in operation.decisions))
        self._firsts.append(len(self._owners))
        for box in operation.boxes_of_voxels:
            self._owners.append(place)
            self._bounds.extend((*box.start, *box.stop))

    def pop(self) -> int:
        """Remove the newest operation; return the number of its row."""
        first = self._firsts.pop()
        del self._owners[first:]
        del self._bounds[6 * first :]
        self._times.pop()
        self._decides.pop()
        return self.sequences.pop()

    def meeting(self, boxes: Sequence[Roi]) -> list[int]:
        """Return the places of the operations that may concern some boxes, the oldest first.

        Exact for a few boxes; for many, some that pass close by come too.
        """
        bounds = _view(self._bounds, np.int32).reshape(-1, 6)
        starts, stops = bounds[:, :3], bounds[:, 3:]
        if len(boxes) <= _FEW:
            found = np.zeros(len(bounds), np.bool_)
            for box in boxes:
                found |= ((starts < box.stop) & (stops > box.start)).all(axis=1)
        else:
            found = _meeting_cells(boxes, starts, stops, self._shape)
        owners = np.unique(_view(self._owners, np.int64)[found])
        places: list[int] = owners.tolist()
        return places

    def bounds(self, place: int) -> NDArray[np.int32]:
        """Return the boxes of an operation ``(n, 6)``: start and stop of each."""
        firsts = self._firsts
        last = firsts[place + 1] if place + 1 < len(firsts) else len(self._owners)
        return np.array(self._bounds[6 * firsts[place] : 6 * last], np.int32).reshape(-1, 6)

    def pauses(self) -> NDArray[np.float64]:
        """Return the times between one decision and the next, in seconds; clocks may go back."""
        decides = _view(self._decides, np.int8) != 0
        return np.asarray(np.diff(_view(self._times, np.int64)[decides]) / 1e6)

    def as_arrays(self) -> dict[str, _Numbers]:
        """Return everything that :meth:`from_arrays` needs, as copies."""
        return {name: np.array(values) for name, values in self._named()}

    @classmethod
    def from_arrays(cls, shape: Index3, arrays: Mapping[str, _Numbers]) -> OperationIndex:
        """Return the index that gave these arrays.

        Raises
        ------
        StoreError
            If they contradict one another.
        """
        made = cls(shape)
        for name, values in made._named():
            values.frombytes(np.ascontiguousarray(arrays[name], values.typecode).tobytes())
        count, boxes = len(made.sequences), len(made._owners)
        fits = len(made._times) == len(made._decides) == len(made._firsts) == count
        if not fits or len(made._bounds) != 6 * boxes or (count and made._firsts[-1] > boxes):
            raise StoreError("an index of operations contradicts itself")
        return made

    def _named(self) -> Iterator[tuple[str, array[int]]]:
        yield "sequences", self.sequences
        for name in ("times", "decides", "firsts", "owners", "bounds"):
            yield name, getattr(self, f"_{name}")


def _view(values: array[int], kind: type[np.integer[Any]]) -> _Numbers:
    """Return numbers without a copy; the array can't grow as long as it lives."""
    return np.frombuffer(values, kind) if len(values) else np.zeros(0, kind)


def _meeting_cells(
    boxes: Sequence[Roi], starts: _Numbers, stops: _Numbers, shape: Index3
) -> NDArray[np.bool_]:
    """Return which boxes touch a cell that one of `boxes` touches, by sums over the cells."""
    cells = [-(-length // _CELL) for length in shape]
    marks = np.zeros(cells, np.int64)
    for box in boxes:
        sides = zip(box.start, box.stop, strict=True)
        marks[tuple(slice(low // _CELL, -(-high // _CELL)) for low, high in sides)] = 1
    sums = np.pad(marks, ((1, 0),) * 3).cumsum(0).cumsum(1).cumsum(2)
    low, high = starts // _CELL, -(-stops // _CELL)
    ends = (high, low)
    total = np.zeros(len(starts), np.int64)
    for a in (0, 1):
        for b in (0, 1):
            for c in (0, 1):
                corner = sums[ends[a][:, 0], ends[b][:, 1], ends[c][:, 2]]
                total += -corner if (a + b + c) % 2 else corner
    return total > 0


def _microseconds(time_utc: str) -> int:
    try:
        return (datetime.fromisoformat(time_utc) - _EPOCH) // _MICROSECOND
    except (TypeError, ValueError):
        raise StoreError(
            f"a time of the journal is {time_utc!r} and must be as ISO 8601 writes it, with its "
            "zone: restore the folder from a copy"
        ) from None
