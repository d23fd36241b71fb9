"""The fields of a NIfTI header that matter here, checked, as plain values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import FormatError, GeometryError

__all__ = ["PIXEL_MARK", "NiftiHeader", "parse_header", "require_nibabel"]

PIXEL_MARK = "unit=pixel"
"""Written into `descrip` where the unit is unknown: unit code 0 alone is read as millimetres."""
_UNITS = {1: "meter", 2: "millimeter", 3: "micrometer"}
_DAMAGED = "the header is damaged, copy or export the file again"


@dataclass(frozen=True)
class NiftiHeader:
    """A checked header.

    Attributes
    ----------
    shape : tuple of int
        In file order (x first).
    dtype : numpy.dtype
        Stored type with byte order; a structured one for RGB.
    offset : int
        Byte of the first voxel.
    scaling : (slope, intercept)
        ``(1, 0)`` where the header sets none.
    spacing : (x, y, z)
        `pixdim`, one for axes that are not there.
    sform, qform : (4, 4) float64 or None
        (i, j, k) to world (x, y, z); None where its code is zero.
    unit : str or None
        Full name; None where the header gives none.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    scaling: tuple[float, float]
    spacing: tuple[float, float, float]
    sform: NDArray[np.float64] | None
    qform: NDArray[np.float64] | None
    unit: str | None


def require_nibabel() -> ModuleType:
    """Return nibabel.

    Raises
    ------
    FormatError
        If it is not installed.
    """
    try:
        import nibabel
    except ImportError as error:
        raise FormatError(
            "NIfTI files need the extra `medical`, which is not installed: "
            'pip install "napari-bayesseg[medical]"'
        ) from error
    return nibabel


def parse_header(path: Path, start: bytes) -> NiftiHeader:
    """Read and check the header from the first 544 bytes of the (unpacked) file.

    Raises
    ------
    FormatError
        If it is no NIfTI header, or damaged.
    GeometryError
        If a spacing is zero, NaN or infinite.
    """
    try:
        nibabel = require_nibabel()
    except FormatError as error:
        raise FormatError(f"{path.name}: {error}") from error
    sizes = {int.from_bytes(start[:4], "little"), int.from_bytes(start[:4], "big")}
    if 348 in sizes and start[344:348] == b"n+1\0":
        kind, length = nibabel.Nifti1Header, 348
    elif 540 in sizes and start[4:8] == b"n+2\0":
        kind, length = nibabel.Nifti2Header, 540
    else:
        raise FormatError(
            f"{path.name}: a single-file NIfTI header must start with size 348 or 540 and the mark "
            f"n+1 or n+2; this one starts with {start[:8]!r}: {_DAMAGED}"
        )
    if len(start) < length:
        raise FormatError(
            f"{path.name}: is truncated: a header has {length} bytes, {len(start)} came: copy or "
            "export the file again"
        )
    try:
        raw = kind(start[:length], check=False)
        return _checked(path, raw)
    except (ValueError, TypeError, KeyError, nibabel.spatialimages.HeaderDataError) as error:
        if isinstance(error, GeometryError):
            raise
        raise FormatError(f"{path.name}: {error}: {_DAMAGED}") from error


def _checked(path: Path, raw: Any) -> NiftiHeader:
    """Return the fields of nibabel's header object."""
    number = int(raw["dim"][0])
    if not 1 <= number <= 7:
        raise FormatError(
            f"{path.name}: the number of axes must be 1 to 7; it is {number}: {_DAMAGED}"
        )
    shape = tuple(int(length) for length in raw["dim"][1 : 1 + number])
    if number < 2 or min(shape) < 1:
        raise FormatError(
            f"{path.name}: every axis must hold at least one voxel, and there must be two or more; "
            f"the shape is {shape}: export the scan again"
        )
    spacing = [abs(float(value)) for value in raw["pixdim"][1:4]]
    for axis, value in enumerate(spacing[:number]):
        if not math.isfinite(value) or value == 0:
            raise GeometryError(
                f"{path.name}: spacing must be a positive number; pixdim of axis {'xyz'[axis]} is "
                f"{value}: correct the file's header"
            )
    if raw["pixdim"][0] not in (-1, 1):
        raw["pixdim"][0] = 1  # the standard's reading of any other value
    x, y, z = (*spacing[:number], 1.0, 1.0)[:3]
    slope, intercept = raw.get_slope_inter()
    code = int(raw["xyzt_units"]) % 8
    unit = _UNITS.get(code)
    if unit is None and PIXEL_MARK.encode() in bytes(raw["descrip"]):
        unit = "pixel"
    return NiftiHeader(
        shape=shape,
        dtype=np.dtype(raw.get_data_dtype()),
        offset=_offset(path, raw),
        scaling=(1.0 if slope is None else float(slope), float(intercept or 0.0)),
        spacing=(x, y, z),
        sform=_affine(raw.get_sform(coded=True)),
        qform=_affine(raw.get_qform(coded=True)),
        unit=unit,
    )


def _offset(path: Path, raw: Any) -> int:
    """Return the byte of the first voxel."""
    value = float(raw["vox_offset"])
    if not math.isfinite(value) or value != int(value):
        raise FormatError(
            f"{path.name}: the offset of the voxels must be a whole number of bytes; it is "
            f"{value}: {_DAMAGED}"
        )
    return int(value) or raw.single_vox_offset


def _affine(coded: tuple[Any, int]) -> NDArray[np.float64] | None:
    """Return an affine in float64, None where its code is zero."""
    matrix, code = coded
    return None if code == 0 or matrix is None else np.asarray(matrix, dtype=np.float64)
