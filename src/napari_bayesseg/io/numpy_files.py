"""NumPy's own files, without pickles: ``.npy`` mapped, ``.npz`` unpacked within a budget."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.core.volume import LazyArray
from napari_bayesseg.io.inflate import inflate
from napari_bayesseg.io.lazy import AxesView, MappedArray
from napari_bayesseg.io.stored import StoredArray, check_declared_size

__all__ = ["open_npy", "open_npz"]

_LONGEST_HEADER = 10_000
# What zipfile raises on damaged archives.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    LookupError,
    OverflowError,
    RuntimeError,
    ValueError,
)


def open_npy(path: Path) -> StoredArray:
    """Map a ``.npy`` file.

    Raises
    ------
    FormatError
        If it is truncated, damaged, or holds objects.
    """
    with path.open("rb") as file:
        shape, turned, dtype = _header(path, file)
        offset = file.tell()
    check_declared_size(path, shape, dtype)
    stored = shape[::-1] if turned else shape
    needed = offset + int(np.prod(shape, dtype=np.float64)) * dtype.itemsize
    size = path.stat().st_size
    if size < needed:
        raise FormatError(
            f"{path.name}: is truncated: shape {shape} of {dtype} must end at byte {needed}, but "
            f"the file has {size}: copy or export the file again"
        )
    return _stored(path, MappedArray(path, dtype, offset, stored), turned)


def open_npz(path: Path, keys: Sequence[str]) -> StoredArray:
    """Unpack one array of a ``.npz`` file.

    Parameters
    ----------
    path : Path
        The file.
    keys : sequence of str
        Names looked for, in this order, where the file holds several arrays.

    Raises
    ------
    FormatError
        If it is damaged, holds objects, or the array meant is unclear.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entry = _entry(path, archive, keys)
            with archive.open(entry) as file:
                shape, turned, dtype = _header(path, file)
                check_declared_size(path, shape, dtype)
                stored = shape[::-1] if turned else shape
                data = inflate(path, file, dtype, stored, compressed=entry.compress_size)
    except _DAMAGE as error:
        raise FormatError(
            f"{path.name}: is truncated or damaged ({error}): copy or export the file again"
        ) from error
    return _stored(path, data, turned)


def _entry(path: Path, archive: zipfile.ZipFile, keys: Sequence[str]) -> zipfile.ZipInfo:
    """Return the entry of the array meant."""
    found = {
        info.filename.removesuffix(".npy"): info
        for info in archive.infolist()
        if info.filename.endswith(".npy")
    }
    for key in keys:
        if key in found:
            return found[key]
    if len(found) != 1:
        raise FormatError(
            f"{path.name}: must hold one array, or one named {' or '.join(keys)}; it holds "
            f"{', '.join(sorted(found)[:10]) or 'none'}: save the softmax alone"
        )
    return next(iter(found.values()))


def _header(path: Path, file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether it is in Fortran order, and type; leave the file at the values."""
    try:
        version = npy_format.read_magic(file)
        if version == (1, 0):
            shape, turned, dtype = npy_format.read_array_header_1_0(file, _LONGEST_HEADER)
        else:
            shape, turned, dtype = npy_format.read_array_header_2_0(file, _LONGEST_HEADER)
    except (ValueError, TypeError, SyntaxError, LookupError, tokenize.TokenError) as error:
        cause = " ".join(str(error).split())
        raise FormatError(
            f"{path.name}: is no NumPy file or is damaged ({cause}): save it again with numpy.save"
        ) from error
    if dtype.hasobject:
        raise FormatError(
            f"{path.name}: values must be numbers; these are Python objects, which are not read "
            "because loading them can run code: save a float array"
        )
    return tuple(shape), turned, dtype


def _stored(path: Path, data: LazyArray, turned: bool) -> StoredArray:
    """Name the axes by their number."""
    number = len(data.shape)
    if not 3 <= number <= 5:
        raise FormatError(
            f"{path.name}: must have the axes (T, C, Z, Y, X), (C, Z, Y, X) or (Z, Y, X); its "
            f"shape is {tuple(data.shape)}: save it so"
        )
    if turned:
        data = AxesView(data, range(number)[::-1])
    return StoredArray(path, data, "TCZYX"[-number:])
