"""A stored array whose chunks stay decoded for a while: the next slice lies in the same ones."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import LazyArray
from napari_bayesseg.io.lazy import BlockArray

__all__ = ["ChunkCache"]

_LIMIT_BYTES = 256 * 2**20

Index = tuple[int, ...]


class _Chunked(LazyArray, Protocol):
    @property
    def chunks(self) -> tuple[int, ...]: ...


class ChunkCache(BlockArray):
    """Reads a three-dimensional stored array chunk by chunk and keeps those used last.

    A viewer reads one slice after the other, and each would decode the same chunks again.

    Parameters
    ----------
    array : ResultArray
        ``(Z, Y, X)``; any array that names its chunks.
    limit_bytes : int
        Of decoded chunks. A box whose chunks need more is read past the cache.
    """

    def __init__(self, array: _Chunked, limit_bytes: int = _LIMIT_BYTES) -> None:
        super().__init__(array.shape, array.dtype)
        self._array = array
        self._limit = limit_bytes
        self._chunks: OrderedDict[Index, NDArray[Any]] = OrderedDict()
        self._generation = 0
        self._lock = threading.Lock()

    def forget(self, roi: Roi | None = None) -> None:
        """Read what meets a box (default everything) from the disk next time: it was written."""
        with self._lock:
            self._generation += 1
            if roi is None:
                self._chunks.clear()
                return
            for index in [i for i in self._chunks if not self._box(i).intersection(roi).is_empty]:
                del self._chunks[index]

    def _box(self, index: Index) -> Roi:
        starts = [i * n for i, n in zip(index, self._array.chunks, strict=True)]
        stops = [
            min(s + n, length)
            for s, n, length in zip(starts, self._array.chunks, self._shape, strict=True)
        ]
        return Roi((starts[0], starts[1], starts[2]), (stops[0], stops[1], stops[2]))

    def _read_box(self, start: Index, stop: Index) -> NDArray[Any]:
        spans = [
            range(a // n, -(-b // n))
            for a, b, n in zip(start, stop, self._array.chunks, strict=True)
        ]
        wanted = Roi((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
        count = len(spans[0]) * len(spans[1]) * len(spans[2])
        chunk_bytes = int(np.prod(self._array.chunks)) * self._dtype.itemsize
        if count * chunk_bytes > self._limit:
            return np.asarray(self._array[wanted.slices])
        values = np.empty(wanted.shape, self._dtype)
        for index in itertools.product(*spans):
            box = self._box(index)
            part = box.intersection(wanted)
            piece = self._chunk(index, box, self._limit // max(chunk_bytes, 1))
            values[part.relative_to(wanted.start).slices] = piece[
                part.relative_to(box.start).slices
            ]
        return values

    def _chunk(self, index: Index, box: Roi, capacity: int) -> NDArray[Any]:
        with self._lock:
            found = self._chunks.get(index)
            if found is not None:
                self._chunks.move_to_end(index)
                return found
            generation = self._generation
        read = np.asarray(self._array[box.slices])
        with self._lock:
            if generation == self._generation:  # nothing was written meanwhile
                self._chunks[index] = read
                while len(self._chunks) > max(capacity, 1):
                    self._chunks.popitem(last=False)
        return read
