"""Writing NIfTI with the whole affine, slab by slab."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Geometry, convert_length
from napari_bayesseg.core.volume import LazyArray
from napari_bayesseg.io.nifti import open_nifti
from napari_bayesseg.io.nifti_header import PIXEL_MARK, require_nibabel
from napari_bayesseg.io.protocol import VolumeContent
from napari_bayesseg.io.slabs import fitting_dtype
from napari_bayesseg.io.stored import StoredArray

__all__ = ["NiftiWriter"]

_UNIT_CODES = {"meter": "meter", "millimeter": "mm", "micrometer": "micron", "pixel": "unknown"}
_NEAREST_UNIT = {
    "nanometer": "micrometer",
    "angstrom": "micrometer",
    "centimeter": "millimeter",
    "inch": "millimeter",
}
_LONGEST_AXIS = 32767  # of NIfTI-1
_SCANNER = 1  # the code for "world coordinates of the scanner"


class NiftiWriter:
    """Writes NIfTI-1, NIfTI-2 where an axis is longer than 32767; needs the extra `medical`.

    Values are stored as they are, never scaled. The sform carries the affine; the qform too
    unless there is shear, which it can't express.
    """

    name = "NIfTI"
    suffixes = (".nii", ".nii.gz")
    channels_first = True

    def target_dtype(self, path: Path, array: LazyArray) -> np.dtype[Any]:
        """Return the type stored; 64-bit integers are narrowed, as few programs read them."""
        allowed = (
            "uint8", "int8", "int16", "uint16", "int32", "uint32", "float32", "float64",
        )  # fmt: skip
        remedy = "write smaller whole numbers, or float64"
        return fitting_dtype(path, array, allowed, target=self.name, remedy=remedy)

    def carried(self, geometry: Geometry) -> tuple[Geometry, tuple[str, ...]]:
        """Return the geometry in a unit that NIfTI has a code for; nothing is lost."""
        unit = _NEAREST_UNIT.get(geometry.unit, geometry.unit)
        matrix = geometry.matrix
        matrix[:3] *= convert_length(1.0, geometry.unit, unit)
        return Geometry.from_matrix(matrix, unit), ()

    def write(self, path: Path, slabs: Iterable[NDArray[Any]], content: VolumeContent) -> None:
        """Write a new file."""
        header = _header(content)
        with path.open("wb") as file:
            if not path.name.lower().endswith(".gz"):
                _write(file, header, slabs)
                return
            with gzip.GzipFile("", "wb", 4, file, mtime=0) as packed:
                _write(packed, header, slabs)

    def read_back(self, path: Path) -> StoredArray:
        """Open the written file, its axes in our order."""
        return open_nifti(path).reversed_axes()


def _write(file: BinaryIO | gzip.GzipFile, header: bytes, slabs: Iterable[NDArray[Any]]) -> None:
    """Write header and voxels: x fastest in the file is our C order."""
    file.write(header)
    for slab in slabs:
        file.write(slab.reshape(-1).view(np.uint8).data)


def _header(content: VolumeContent) -> bytes:
    """Return the header with the empty extension mark after it."""
    nibabel = require_nibabel()
    wide = max(content.shape) > _LONGEST_AXIS
    header = nibabel.Nifti2Header() if wide else nibabel.Nifti1Header()
    header.set_data_dtype(content.dtype)
    header.set_data_shape(content.shape[::-1])
    matrix = content.geometry.matrix[[2, 1, 0, 3]][:, [2, 1, 0, 3]]
    header.set_qform(matrix, code=0 if _has_shear(matrix) else _SCANNER)
    header.set_sform(matrix, code=_SCANNER)
    header.set_xyzt_units(xyz=_UNIT_CODES[content.geometry.unit])
    header.set_slope_inter(1.0, 0.0)
    if content.geometry.unit == "pixel":
        header["descrip"] = PIXEL_MARK
    header["vox_offset"] = header.single_vox_offset
    header["magic"] = header.single_magic
    block: bytes = header.binaryblock
    return block + b"\0\0\0\0"


def _has_shear(matrix: NDArray[np.float64]) -> bool:
    """Whether the axes are not at right angles."""
    axes = matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=0)
    return not np.allclose(axes.T @ axes, np.eye(3), atol=1e-6)
