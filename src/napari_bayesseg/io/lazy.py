"""Arrays that stay on disk until they are indexed.

They answer ``shape``, ``dtype`` and indexing with slices, integers and an ellipsis, read only what
is asked for, may be read from several threads at once, and pickle as the recipe to open the file
again rather than as their voxels.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.volume import LazyArray

__all__ = ["AxesView", "BlockArray", "MappedArray", "ScaledArray"]


class BlockArray(ABC):
    """Base of the lazy arrays: turns an index expression into one box to read.

    Parameters
    ----------
    shape : tuple of int
        Length of each axis.
    dtype : numpy.dtype
        Type of the stored values; blocks are handed out in native byte order.
    """

    def __init__(self, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
        self._shape = tuple(int(length) for length in shape)
        self._dtype = np.dtype(dtype).newbyteorder("=")

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values, in native byte order."""
        return self._dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self._shape)

    @property
    def nbytes(self) -> int:
        """Size of all the values in memory."""
        return self.size * self._dtype.itemsize

    @abstractmethod
    def _read_box(self, start: tuple[int, ...], stop: tuple[int, ...]) -> NDArray[Any]:
        """Return the values of a box that lies inside the array and is not empty."""

    def __getitem__(self, key: Any) -> Any:
        start, stop, finish = _normalise(key, self._shape)
        lengths = tuple(high - low for low, high in zip(start, stop, strict=True))
        if 0 in lengths:
            return np.empty(lengths, self._dtype)[finish]
        box = self._read_box(start, stop)
        return np.asarray(box).astype(self._dtype, copy=False)[finish]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        values = np.asarray(self[...])
        return values if dtype is None else values.astype(dtype, copy=False)

    def __len__(self) -> int:
        return self._shape[0]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shape={self._shape}, dtype={self._dtype})"


def _normalise(
    key: Any, shape: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[Any, ...]]:
    """Split an index expression into a box (start, stop) and what is left to do in memory."""
    parts = list(key) if isinstance(key, tuple) else [key]
    ellipses = [number for number, part in enumerate(parts) if part is Ellipsis]
    if len(ellipses) > 1:
        raise IndexError("an index expression may hold one ellipsis")
    missing = len(shape) - len(parts) + len(ellipses)
    if missing < 0:
        raise IndexError(f"{len(parts)} indices for an array of {len(shape)} axes")
    at = ellipses[0] if ellipses else len(parts)
    parts[at : at + len(ellipses)] = [slice(None)] * missing
    start: list[int] = []
    stop: list[int] = []
    finish: list[slice | int] = []
    for part, length in zip(parts, shape, strict=True):
        if isinstance(part, slice):
            indices = range(*part.indices(length))
            low = min(indices, default=0)
            start.append(low)
            stop.append(max(indices, default=-1) + 1 if indices else low)
            finish.append(slice(None, None, indices.step))
            continue
        position = part.__index__()
        if not -length <= position < length:
            raise IndexError(f"index {position} is outside an axis of length {length}")
        start.append(position % length)
        stop.append(position % length + 1)
        finish.append(0)
    return tuple(start), tuple(stop), tuple(finish)


class MappedArray(BlockArray):
    """Uncompressed values of a file, mapped into memory read-only.

    Parameters
    ----------
    path : Path
        The file; it must hold all the values (the caller has checked its size).
    dtype : numpy.dtype
        Stored type, with its byte order.
    offset : int
        Byte at which the first value starts.
    shape : tuple of int
        Length of each axis, the last one varying fastest (C order).
    keep_alive : object, optional
        Held as long as the array lives, for example the owner of a temporary file. Not pickled:
        a copy in another process is valid while this one lives.
    """

    def __init__(
        self,
        path: Path,
        dtype: np.dtype[Any],
        offset: int,
        shape: Sequence[int],
        keep_alive: object = None,
    ) -> None:
        super().__init__(shape, dtype)
        self._recipe = (path, np.dtype(dtype), offset)
        self._keep_alive = keep_alive
        self._mapped: NDArray[Any] | None = None

    def _read_box(self, start: tuple[int, ...], stop: tuple[int, ...]) -> NDArray[Any]:
        if self._mapped is None:  # two threads may both map: harmless
            path, dtype, offset = self._recipe
            mode: Literal["r"] = "r"  # NumPy's default "r+" would lengthen a truncated source
            self._mapped = np.memmap(path, dtype, mode, offset, self._shape)
        box = self._mapped[tuple(map(slice, start, stop))]
        return np.array(box, dtype=self._dtype)  # a copy: the caller may write to it

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_mapped": None, "_keep_alive": None}


class AxesView(BlockArray):
    """Another array with its axes reordered, some fixed at one index, some added.

    Parameters
    ----------
    base : LazyArray
        The array looked at.
    order : sequence of int or None
        For each axis of the view the axis of `base`, or None for a new axis of length one.
    picks : dict of int to int
        For every axis of `base` that is not in `order`, the index taken.
    """

    def __init__(
        self, base: LazyArray, order: Sequence[int | None], picks: dict[int, int] | None = None
    ) -> None:
        shape = [1 if axis is None else base.shape[axis] for axis in order]
        super().__init__(shape, np.dtype(base.dtype))
        self._base = base
        self._order = tuple(order)
        self._picks = dict(picks or {})

    def _read_box(self, start: tuple[int, ...], stop: tuple[int, ...]) -> NDArray[Any]:
        key: list[Any] = [self._picks.get(axis) for axis in range(len(self._base.shape))]
        added = []
        for number, axis in enumerate(self._order):
            if axis is None:
                added.append(number)
            else:
                key[axis] = slice(start[number], stop[number])
        box = np.asarray(self._base[tuple(key)])
        kept = sorted(axis for axis in self._order if axis is not None)
        turned = box.transpose([kept.index(axis) for axis in self._order if axis is not None])
        return np.expand_dims(turned, tuple(added)) if added else turned


class ScaledArray(BlockArray):
    """Stored integers or floats turned into ``slope * stored + intercept`` while reading.

    The result is float32 for stored types of up to 16 bits (which it holds to 7 digits), float64
    for wider ones.
    """

    def __init__(self, base: LazyArray, slope: float, intercept: float) -> None:
        narrow = np.dtype(base.dtype).itemsize <= 2 or base.dtype == np.float32
        super().__init__(base.shape, np.dtype(np.float32 if narrow else np.float64))
        self._base = base
        self._line = (slope, intercept)

    def _read_box(self, start: tuple[int, ...], stop: tuple[int, ...]) -> NDArray[Any]:
        stored = np.asarray(self._base[tuple(map(slice, start, stop))])
        slope, intercept = self._line
        return (stored.astype(np.float64) * slope + intercept).astype(self._dtype)
