"""Unpacking a compressed stream whose size is declared beforehand, within a budget.

Small results stay in memory; large ones go to a temporary file that is mapped, because gzip and
zip can't be entered in the middle. Nothing is allocated before the declared size is plausible.
"""

from __future__ import annotations

import math
import shutil
import tempfile
import weakref
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.core.volume import LazyArray
from napari_bayesseg.io.lazy import MappedArray

__all__ = ["IN_MEMORY_BYTES", "inflate"]

IN_MEMORY_BYTES = 2**30
"""Up to this size an unpacked array is kept in memory, beyond it in a temporary file."""
_DEFLATE_RATIO = 1100  # the format itself can't exceed 1032:1
_STEP = 2**22
_SPARE_BYTES = 2**28
_LONGEST_REST = 2**24  # bytes read after the voxels, to reach and check the stream's checksum


class Readable(Protocol):
    """The part of a binary file that is needed here."""

    def read(self, size: int = -1, /) -> bytes: ...


def inflate(
    path: Path,
    stream: Readable,
    dtype: np.dtype[Any],
    shape: Sequence[int],
    *,
    compressed: int,
) -> LazyArray:
    """Unpack the values that come next in a stream.

    Parameters
    ----------
    path : Path
        Where the stream comes from, for messages.
    stream : readable
        Hands out unpacked bytes; positioned at the first value.
    dtype : numpy.dtype
        Stored type, with byte order.
    shape : sequence of int
        In C order.
    compressed : int
        Size of the compressed data in bytes.

    Raises
    ------
    FormatError
        If the declared size can't come out of so few bytes, the stream ends early or is
        damaged, or the disk has no room for it.
    """
    needed = math.prod(shape) * dtype.itemsize
    if needed > _DEFLATE_RATIO * compressed + 4096:
        raise FormatError(
            f"{path.name}: declares {needed} bytes of voxels out of {compressed} compressed ones, "
            f"more than {_DEFLATE_RATIO} to 1: a forged or damaged header, export the file again"
        )
    try:
        if needed > IN_MEMORY_BYTES:
            return _to_file(path, stream, dtype, shape, needed)
        values = np.empty(shape, dtype)
        target = values.reshape(-1).view(np.uint8).data
        _fill(path, stream, target)
    except (EOFError, zlib.error, ValueError) as error:
        raise FormatError(
            f"{path.name}: is truncated or damaged ({error}): copy or export the file again"
        ) from error
    return values


def _fill(path: Path, stream: Readable, target: memoryview) -> None:
    """Read as many bytes as `target` holds, then on to the stream's end and checksum."""
    filled = 0
    while filled < len(target):
        piece = stream.read(min(_STEP, len(target) - filled))
        if not piece:
            raise _too_short(path, filled, len(target))
        target[filled : filled + len(piece)] = piece
        filled += len(piece)
    _read_rest(stream)


def _to_file(
    path: Path, stream: Readable, dtype: np.dtype[Any], shape: Sequence[int], needed: int
) -> LazyArray:
    """Unpack to a temporary file and map it; it goes away with the array."""
    folder = _TemporaryFolder()
    free = shutil.disk_usage(folder.path).free
    if free < needed + _SPARE_BYTES:
        raise FormatError(
            f"{path.name}: unpacks to {needed / 2**30:.1f} GiB, but the folder for temporary files "
            f"has {free / 2**30:.1f} GiB free: store the scan uncompressed, or set TMPDIR to a "
            "larger disk"
        )
    place = folder.path / "voxels"
    with place.open("wb") as file:
        _copy(path, stream, file, needed)
    return MappedArray(place, dtype, 0, shape, keep_alive=folder)


class _TemporaryFolder:
    """A folder that goes away with this object, or when the program ends."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="napari-bayesseg-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _copy(path: Path, stream: Readable, file: BinaryIO, needed: int) -> None:
    """Copy `needed` bytes of the stream to a file, then read on to the checksum."""
    copied = 0
    while copied < needed:
        piece = stream.read(min(_STEP, needed - copied))
        if not piece:
            raise _too_short(path, copied, needed)
        file.write(piece)
        copied += len(piece)
    _read_rest(stream)


def _read_rest(stream: Readable) -> None:
    """Read to the end of the stream, so that its checksum is verified."""
    rest = 0
    while rest < _LONGEST_REST:
        piece = stream.read(_STEP)
        if not piece:
            return
        rest += len(piece)


def _too_short(path: Path, came: int, needed: int) -> FormatError:
    """Return the error for a stream that ends before its declared size."""
    return FormatError(
        f"{path.name}: is truncated: the header declares {needed} bytes of voxels, {came} came: "
        "copy or export the file again"
    )
