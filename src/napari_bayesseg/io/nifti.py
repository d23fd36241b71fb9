"""Reading NIfTI-1 and NIfTI-2 (``.nii``, ``.nii.gz``) without touching the source.

NIfTI stores ``(x, y, z)`` with x fastest, which is ``(Z, Y, X)`` in C order, and an affine
``N`` from ``(i, j, k)`` to RAS world ``(x, y, z)``; ours is ``P @ N @ P`` with ``P`` reversing the
axes. ``.nii`` is mapped into memory; ``.nii.gz`` is unpacked when it is opened, which also finds
a truncated one.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import FormatError, GeometryError
from napari_bayesseg.core.volume import LazyArray, Volume
from napari_bayesseg.io.inflate import inflate
from napari_bayesseg.io.lazy import MappedArray, ScaledArray
from napari_bayesseg.io.nifti_header import NiftiHeader, parse_header
from napari_bayesseg.io.stored import (
    Notes,
    StoredArray,
    check_declared_size,
    choose_axes,
    naming_file,
)

__all__ = ["NiftiReader", "open_nifti"]

_EXPORT_AGAIN = "copy or export the file again"
_LONGEST_EXTENSION = 2**24  # bytes between header and voxels


class NiftiReader:
    """Reads single-file NIfTI; needs the extra `medical`."""

    name = "NIfTI"
    suffixes = (".nii", ".nii.gz")

    def claims(self, path: Path) -> bool:
        """Whether the file name ends as those of NIfTI do."""
        return path.is_file() and path.name.lower().endswith(self.suffixes)

    def read(self, path: Path, axes: str | None) -> Volume:
        """Open a volume; see :func:`napari_bayesseg.io.readers.read_volume`."""
        return choose_axes(open_nifti(path), axes)


def open_nifti(path: Path) -> StoredArray:
    """Open a NIfTI file with all its axes, in C order ``(..., Z, Y, X)`` turned to file order.

    The letters are those of the file's own order: ``"XYZ"``, ``"XYZT"``; a fifth axis is ``"Q"``;
    RGB voxels add an axis ``"S"`` in front.

    Raises
    ------
    FormatError
        If the file is truncated, damaged or not NIfTI, or nibabel is not installed.
    GeometryError
        If spacing or affine are zero, NaN or singular.
    """
    notes = Notes(path)
    packed = path.name.lower().endswith(".gz")
    try:
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            start = file.read(544)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(
            f"{path.name}: is truncated or no gzip file ({error}): {_EXPORT_AGAIN}"
        ) from error
    header = parse_header(path, start)
    dtype, samples = _voxel_type(path, header.dtype)
    shape = (*reversed(header.shape), *samples)
    check_declared_size(path, shape, dtype)
    if not 0 < header.offset <= _LONGEST_EXTENSION:
        raise FormatError(
            f"{path.name}: voxels must start after the header, within {_LONGEST_EXTENSION} bytes; "
            f"the header says byte {header.offset}: {_EXPORT_AGAIN}"
        )
    data = _unpacked(path, header, dtype, shape) if packed else _mapped(path, header, dtype, shape)
    slope, intercept = header.scaling
    if (slope, intercept) != (1.0, 0.0):
        data = ScaledArray(data, slope, intercept)
        notes.record(f"stored values are scaled: {slope:g} * stored + {intercept:g}")
    with naming_file(path):
        matrix, unit = _placement(header, notes)
    letters = ("XYZTQRUVW"[: len(header.shape)])[::-1] + ("S" if samples else "")
    stored = StoredArray(path, data, letters, matrix, unit, tuple(notes.lines))
    return stored.reversed_axes()


def _voxel_type(path: Path, dtype: np.dtype[Any]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return the type of one value and the samples a voxel; RGB is three or four bytes."""
    if dtype.names is None:
        return dtype, ()
    kinds = {dtype[name] for name in dtype.names}
    if kinds != {np.dtype(np.uint8)}:
        raise FormatError(f"{path.name}: voxels must be numbers; they are {dtype}: convert them")
    return np.dtype(np.uint8), (len(dtype.names),)


def _mapped(
    path: Path, header: NiftiHeader, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> LazyArray:
    """Map the voxels of an uncompressed file."""
    needed = header.offset + math.prod(shape) * dtype.itemsize
    size = path.stat().st_size
    if size < needed:
        raise FormatError(
            f"{path.name}: is truncated: shape {header.shape} of {dtype} must end at byte "
            f"{needed}, but the file has {size}: {_EXPORT_AGAIN}"
        )
    return MappedArray(path, dtype, header.offset, shape)


def _unpacked(
    path: Path, header: NiftiHeader, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> LazyArray:
    """Unpack the voxels of a gzip file."""
    try:
        with gzip.open(path, "rb") as file:
            file.read(header.offset)
            return inflate(path, file, dtype, shape, compressed=path.stat().st_size)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(
            f"{path.name}: is truncated or damaged ({error}): {_EXPORT_AGAIN}"
        ) from error


def _placement(header: NiftiHeader, notes: Notes) -> tuple[NDArray[np.float64], str]:
    """Return our affine (z, y, x) and the unit, by the standard's order of precedence."""
    if header.sform is not None:
        matrix = header.sform
        if header.qform is not None and not _agree(header.sform, header.qform, header.shape):
            notes.warn("qform and sform place the voxels differently; sform is used")
    elif header.qform is not None:
        matrix = header.qform
    else:
        notes.warn("neither qform nor sform is set; spacing from pixdim, origin 0, no rotation")
        matrix = np.diag([*header.spacing, 1.0])
    if not np.all(np.isfinite(matrix)):
        raise GeometryError("qform or sform must hold finite numbers; it holds NaN or infinity")
    unit = header.unit
    if unit is None:
        notes.record("no unit is stored; taken as millimeter, as NIfTI programs do")
        unit = "millimeter"
    return matrix[[2, 1, 0, 3]][:, [2, 1, 0, 3]], unit


def _agree(first: NDArray[np.float64], second: NDArray[np.float64], shape: tuple[int, ...]) -> bool:
    """Whether two affines place every voxel within a tenth of a voxel of each other."""
    if not np.all(np.isfinite(second)):
        return False
    corners = np.array(np.meshgrid(*[(0, length - 1) for length in (*shape, 1, 1)[:3]]))
    corners = np.vstack([corners.reshape(3, -1), np.ones(8)])
    distance = np.abs((first - second) @ corners)[:3]
    smallest = np.linalg.norm(first[:3, :3], axis=0).min()
    return bool(np.all(distance <= 0.1 * smallest))
