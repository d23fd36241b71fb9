"""A scan that is read piece by piece, and everything known about it besides its voxels."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.core.geometry import Geometry, Index3, Roi

__all__ = ["LazyArray", "Volume", "VolumeSpec"]


class LazyArray(Protocol):
    """What a reader must hand over: NumPy-like, but free to read only what is indexed."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        ...

    def __getitem__(self, key: Any, /) -> Any: ...


@dataclass(frozen=True)
class VolumeSpec:
    """Everything known about a scan besides its voxels.

    Attributes
    ----------
    shape : (Z, Y, X)
        In voxels; a 2D image has Z = 1.
    dtype : str
        NumPy name of the stored type, in native byte order.
    geometry : Geometry
        The grid's place in the world.
    name : str
        Short name for layers and file names; never a path.
    source : Path or None
        Where it was read from; None for an array in memory.
    notes : tuple of str
        What the reader had to cope with, one line each; kept in the provenance.
    """

    shape: Index3
    dtype: str
    geometry: Geometry
    name: str = "scan"
    source: Path | None = None
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Volume:
    """A three-dimensional scan: lazily read voxels and their :class:`VolumeSpec`."""

    data: LazyArray
    spec: VolumeSpec

    @classmethod
    def from_array(
        cls, array: LazyArray, geometry: Geometry | None = None, *, name: str = "scan"
    ) -> Volume:
        """Wrap an array in memory (or zarr, dask): ``(Z, Y, X)``, or ``(Y, X)`` taken as Z = 1.

        Raises
        ------
        FormatError
            If the array has another number of axes, an axis of length zero, or no real numbers.
        """
        dtype = np.dtype(array.dtype)
        if dtype.kind not in "biuf":
            raise FormatError(f"a scan must hold real numbers; {name} holds {dtype}")
        if len(array.shape) == 2:
            array = np.asarray(array)[np.newaxis]
        if len(array.shape) != 3 or 0 in array.shape:
            raise FormatError(
                f"a scan must have the axes (Z, Y, X), none empty; {name} has shape {array.shape}"
            )
        z, y, x = (int(length) for length in array.shape)
        spec = VolumeSpec(
            (z, y, x), dtype.newbyteorder("=").name, geometry or Geometry.from_spacing(), name
        )
        return cls(array, spec)

    @property
    def shape(self) -> Index3:
        """Voxels along z, y and x."""
        return self.spec.shape

    def read(self, roi: Roi) -> NDArray[Any]:
        """Return the voxels of `roi` as an array in memory, in native byte order."""
        piece = np.asarray(self.data[roi.slices])
        return piece.astype(piece.dtype.newbyteorder("="), copy=False)
