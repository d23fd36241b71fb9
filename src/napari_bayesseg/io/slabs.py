"""Walking through an array in slabs, and the narrowest type that stores it without loss."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.core.volume import LazyArray

__all__ = ["digest", "fitting_dtype", "hashed", "iterate_slabs"]


class Hash(Protocol):
    """The part of a hash object that is needed here."""

    def update(self, data: memoryview, /) -> None: ...


_SLAB_BYTES = 2**26
_FLOAT32_WHOLE = 2**24  # up to here float32 holds every whole number


def iterate_slabs(array: LazyArray, dtype: np.dtype[Any] | None = None) -> Iterator[NDArray[Any]]:
    """Yield an array piece by piece in C order.

    Parameters
    ----------
    array : LazyArray
        ``(..., Y, X)``; the axis before Y is cut into slabs of at most 64 MiB, or of a chunk's
        depth where the array has chunks, so that each is read once.
    dtype : numpy.dtype, optional
        What to cast to; the caller has checked that nothing is lost.

    Yields
    ------
    array (n, Y, X)
        Contiguous, in native byte order.
    """
    shape = tuple(int(length) for length in array.shape)
    target = np.dtype(array.dtype).newbyteorder("=") if dtype is None else dtype
    if len(shape) == 2:
        yield np.ascontiguousarray(array[...], dtype=target)[np.newaxis]
        return
    plane = math.prod(shape[-2:]) * max(np.dtype(array.dtype).itemsize, target.itemsize)
    step = max(_SLAB_BYTES // plane, 1)
    chunks = getattr(array, "chunks", None)
    if chunks is not None and isinstance(chunks[-3], int):
        step = max(step // chunks[-3], 1) * chunks[-3]
    for leading in np.ndindex(*shape[:-3]):
        for start in range(0, shape[-3], step):
            piece = array[(*leading, slice(start, min(start + step, shape[-3])))]
            yield np.ascontiguousarray(piece, dtype=target)


def hashed(slabs: Iterable[NDArray[Any]], state: Hash) -> Iterator[NDArray[Any]]:
    """Yield slabs on while adding their bytes to a hash."""
    for slab in slabs:
        state.update(slab.reshape(-1).view(np.uint8).data)
        yield slab


def digest(array: LazyArray) -> str:
    """Return a hash of an array's values in C order, in native byte order."""
    state = hashlib.blake2b(digest_size=16)
    for slab in iterate_slabs(array):
        state.update(slab.reshape(-1).view(np.uint8).data)
    return state.hexdigest()


def fitting_dtype(
    path: Path, array: LazyArray, allowed: Sequence[str], *, target: str, remedy: str
) -> np.dtype[Any]:
    """Return the type of those allowed that holds all the values exactly.

    The array's own type where it is allowed; bool becomes uint8, float16 float32; otherwise the
    values are looked at once.

    Parameters
    ----------
    path : Path
        To be written, for messages.
    array : LazyArray
        Any shape with at least two axes.
    allowed : sequence of str
        NumPy type names, integers from narrow to wide.
    target, remedy : str
        The format's name and what to do where nothing fits, for messages.

    Raises
    ------
    FormatError
        If the values are no real numbers, or fit none of the types.
    """
    dtype = np.dtype(array.dtype).newbyteorder("=")
    if dtype.kind not in "biuf":
        raise FormatError(f"{path.name}: only real numbers can be written; the array holds {dtype}")
    if dtype.name in allowed:
        return dtype
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    if dtype == np.float16:
        return np.dtype(np.float32)
    choices = [np.dtype(name) for name in allowed]
    if dtype.kind == "f":
        floats = [choice for choice in choices if choice.kind == "f"]
        fits = [choice for choice in floats if _exact(array, choice)]
    else:
        low, high = _range(array)
        fits = [choice for choice in choices if _holds(choice, low, high)]
    if not fits:
        raise FormatError(
            f"{path.name}: {target} can store {', '.join(allowed)}; the values are {dtype} and fit "
            f"none of them without loss: {remedy}"
        )
    return fits[0]


def _exact(array: LazyArray, dtype: np.dtype[Any]) -> bool:
    """Whether all values survive a cast; NaN does."""
    with np.errstate(over="ignore"):
        return all(
            np.array_equal(slab.astype(dtype).astype(slab.dtype), slab, equal_nan=True)
            for slab in iterate_slabs(array)
        )


def _range(array: LazyArray) -> tuple[int, int]:
    """Return the smallest and the largest value of an integer array."""
    ends = [(int(slab.min()), int(slab.max())) for slab in iterate_slabs(array)]
    return min(low for low, _ in ends), max(high for _, high in ends)


def _holds(dtype: np.dtype[Any], low: int, high: int) -> bool:
    """Whether a type holds every whole number from `low` to `high`."""
    if dtype.kind == "f":
        return max(-low, high) <= _FLOAT32_WHOLE
    limits = np.iinfo(dtype)
    return int(limits.min) <= low and high <= int(limits.max)
