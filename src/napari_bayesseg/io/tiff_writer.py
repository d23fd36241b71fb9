"""Writing OME-TIFF (``.ome.tif``) and ImageJ stacks (``.tif``), plane by plane."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.core.volume import LazyArray
from napari_bayesseg.io.protocol import VolumeContent
from napari_bayesseg.io.slabs import fitting_dtype
from napari_bayesseg.io.stored import StoredArray
from napari_bayesseg.io.tiff import open_tiff

__all__ = ["ImageJWriter", "OmeTiffWriter", "without_rotation"]

_CLASSIC_LIMIT = 2**32 - 2**25  # TIFF's 32-bit offsets, less room for the directories
_OME_UNITS = {
    "meter": "m",
    "centimeter": "cm",
    "millimeter": "mm",
    "micrometer": "\u00b5m",
    "nanometer": "nm",
    "angstrom": "\u00c5",
    "inch": "in",
    "pixel": "pixel",
}
_IMAGEJ_UNITS = {**_OME_UNITS, "micrometer": "\\u00b5m", "angstrom": "\\u00c5", "inch": "inch"}


def without_rotation(geometry: Geometry) -> tuple[Geometry, tuple[str, ...]]:
    """Return an upright, positive grid with the same spacing, and a line for what got lost."""
    matrix = geometry.matrix
    if geometry.is_upright and np.all(np.diag(matrix)[:3] > 0):
        return geometry, ()
    upright = Geometry.from_spacing(geometry.spacing, geometry.translation, geometry.unit)
    lost = "rotation, shear and flips of the axes are not stored, as TIFF has no affine"
    return upright, (f"{lost}; write .nii to keep them",)


class OmeTiffWriter:
    """Writes OME-TIFF with spacing, origin and unit; BigTIFF above 4 GiB.

    Integers are compressed with deflate, as labels shrink a hundredfold; floats are not.
    """

    name = "OME-TIFF"
    suffixes = (".ome.tif", ".ome.tiff")
    channels_first = True

    def target_dtype(self, path: Path, array: LazyArray) -> np.dtype[Any]:
        """Return the type stored: OME knows no bool, float16 or 64-bit integers."""
        allowed = (
            "uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64",
        )  # fmt: skip
        return fitting_dtype(path, array, allowed, target=self.name, remedy="write .nii")

    def carried(self, geometry: Geometry) -> tuple[Geometry, tuple[str, ...]]:
        """Return an upright grid; a position needs a unit."""
        upright, lost = without_rotation(geometry)
        if upright.unit == "pixel" and any(upright.translation):
            upright = Geometry.from_spacing(upright.spacing, unit="pixel")
            lost = (*lost, "the origin is not stored, as it has no unit")
        return upright, lost

    def write(self, path: Path, slabs: Iterable[NDArray[Any]], content: VolumeContent) -> None:
        """Write a new file."""
        integer = content.dtype.kind in "iu"
        nbytes = math.prod(content.shape) * content.dtype.itemsize
        with tifffile.TiffWriter(path, bigtiff=nbytes > _CLASSIC_LIMIT, ome=True) as file:
            file.write(
                _planes(slabs),
                shape=content.shape,
                dtype=content.dtype,
                photometric="minisblack",
                compression="zlib" if integer else None,
                compressionargs={"level": 2} if integer else None,
                metadata=_ome_metadata(content),
                maxworkers=1,
            )

    def read_back(self, path: Path) -> StoredArray:
        """Open the written file."""
        return open_tiff(path)


class ImageJWriter:
    """Writes stacks that ImageJ and Fiji open with the right voxel size."""

    name = "ImageJ TIFF"
    suffixes = (".tif", ".tiff")
    channels_first = False

    def target_dtype(self, path: Path, array: LazyArray) -> np.dtype[Any]:
        """Return the type stored: ImageJ knows uint8, uint16 and float32."""
        allowed = ("uint8", "uint16", "float32")
        return fitting_dtype(path, array, allowed, target=self.name, remedy="write .ome.tif")

    def carried(self, geometry: Geometry) -> tuple[Geometry, tuple[str, ...]]:
        """Return an upright grid at the origin."""
        upright, lost = without_rotation(geometry)
        if any(upright.translation):
            upright = Geometry.from_spacing(upright.spacing, unit=upright.unit)
            lost = (*lost, "the origin is not stored in an ImageJ TIFF; write .ome.tif to keep it")
        return upright, lost

    def write(self, path: Path, slabs: Iterable[NDArray[Any]], content: VolumeContent) -> None:
        """Write a new file."""
        nbytes = math.prod(content.shape) * content.dtype.itemsize
        if nbytes > _CLASSIC_LIMIT:
            raise FormatError(
                f"{path.name}: an ImageJ TIFF must be below 4 GiB; the array has "
                f"{nbytes / 2**30:.1f} GiB: write .ome.tif"
            )
        z, y, x = content.geometry.spacing
        depth, channels = (*content.shape[:-2], 1)[:2]
        unit = _IMAGEJ_UNITS[content.geometry.unit]
        with tifffile.TiffWriter(path, imagej=True) as file:
            file.write(
                _planes(slabs),
                shape=(1, depth, channels, *content.shape[-2:], 1),
                dtype=content.dtype,
                photometric="minisblack",
                resolution=(1 / x, 1 / y),
                metadata={"axes": "TZCYXS", "spacing": z, "unit": unit},
            )

    def read_back(self, path: Path) -> StoredArray:
        """Open the written file."""
        return open_tiff(path)


def _planes(slabs: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Yield slabs plane by plane, as tifffile takes them."""
    for slab in slabs:
        yield from slab


def _ome_metadata(content: VolumeContent) -> dict[str, Any]:
    """Return tifffile's keys for OME-XML."""
    axes = "ZYX" if len(content.shape) == 3 else "CZYX"
    unit = _OME_UNITS[content.geometry.unit]
    metadata: dict[str, Any] = {"axes": axes, "Name": content.name}
    for letter, spacing in zip("ZYX", content.geometry.spacing, strict=True):
        metadata[f"PhysicalSize{letter}"] = spacing
        metadata[f"PhysicalSize{letter}Unit"] = unit
    if any(content.geometry.translation):
        z, y, x = content.geometry.translation
        depth, repeats = content.shape[-3], math.prod(content.shape[:-3])
        step = content.geometry.spacing[0]
        number = depth * repeats
        metadata["Plane"] = {
            "PositionX": [x] * number,
            "PositionXUnit": [unit] * number,
            "PositionY": [y] * number,
            "PositionYUnit": [unit] * number,
            "PositionZ": [z + step * (index % depth) for index in range(number)],
            "PositionZUnit": [unit] * number,
        }
    return metadata
