"""Operations by the numbers of their rows: read from the journal, the latest kept at hand."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import overload

from napari_bayesseg.review.journal.operations import Operation

__all__ = ["OperationStore", "Operations"]

_ROOM = 16 * 2**20  # bytes of operations that are kept in memory

Load = Callable[[int], Operation]


class OperationStore:
    """Reads operations when they are asked for.

    Parameters
    ----------
    load : callable, optional
        Gives an operation by its number. Without it all stay in memory.
    """

    def __init__(self, load: Load | None = None) -> None:
        self._load = load
        self._kept: OrderedDict[int, Operation] = OrderedDict()
        self._size = 0

    def keep(self, operation: Operation) -> None:
        """Have an operation at hand, for the next ones will ask for it."""
        self._forget(operation.sequence)
        self._kept[operation.sequence] = operation
        self._size += _size(operation)
        # The newest stays whatever it takes: it is the next to be undone.
        while self._load is not None and self._size > _ROOM and len(self._kept) > 1:
            self._forget(next(iter(self._kept)))

    def _forget(self, sequence: int) -> None:
        former = self._kept.pop(sequence, None)
        if former is not None:
            self._size -= _size(former)

    def get(self, sequence: int) -> Operation:
        """Return an operation.

        Raises
        ------
        StoreError
            If it can't be read any more.
        KeyError
            If it was never kept, and there is nothing to load from.
        """
        found = self._kept.get(sequence)
        if found is None:
            if self._load is None:
                raise KeyError(sequence)
            return self._load(sequence)
        self._kept.move_to_end(sequence)
        return found


class Operations(Sequence[Operation]):
    """A row of operations that are read one by one as they are asked for."""

    def __init__(self, sequences: Sequence[int], store: OperationStore) -> None:
        self._sequences = sequences
        self._store = store

    def copy(self) -> Operations:
        """Return the same row, which stays as it is whatever is done or undone."""
        return Operations(tuple(self._sequences), self._store)

    def __len__(self) -> int:
        return len(self._sequences)

    @overload
    def __getitem__(self, place: int) -> Operation: ...
    @overload
    def __getitem__(self, place: slice) -> list[Operation]: ...
    def __getitem__(self, place: int | slice) -> Operation | list[Operation]:
        if isinstance(place, slice):
            return [self._store.get(number) for number in self._sequences[place]]
        return self._store.get(self._sequences[place])

    def __iter__(self) -> Iterator[Operation]:
        return map(self._store.get, self._sequences)

    def __reversed__(self) -> Iterator[Operation]:
        return map(self._store.get, reversed(self._sequences))


def _size(operation: Operation) -> int:
    """Return about how many bytes an operation takes in memory."""
    size = 2000 + sum(1000 + len(decision.voxels.bits) for decision in operation.decisions)
    if operation.change is not None:
        size += len(operation.change.voxels.bits)
        for labels in (operation.change.old, operation.change.new):
            size += labels.nbytes if labels.strides != (0,) else 0
    return size
