"""What a file format must offer to be read or written.

A format from another package is found through the entry point group
``napari_bayesseg.readers``: an entry names a class without parameters, or an object, that follows
:class:`VolumeReader`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.core.volume import LazyArray, Volume
from napari_bayesseg.io.stored import StoredArray

__all__ = ["DatasetReader", "VolumeContent", "VolumeReader", "VolumeWriter"]


@runtime_checkable
class VolumeReader(Protocol):
    """Reads one family of files."""

    @property
    def name(self) -> str:
        """Of the format, for messages."""
        ...

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Usual file name endings, lower case, with the dot."""
        ...

    def claims(self, path: Path) -> bool:
        """Whether this reader is the one for an existing file or folder (a cheap look)."""
        ...

    def read(self, path: Path, axes: str | None) -> Volume:
        """Open a volume lazily; raise FormatError or GeometryError with one clear line."""
        ...


@runtime_checkable
class DatasetReader(VolumeReader, Protocol):
    """Reads files that hold several arrays, each with a name."""

    def read_dataset(self, path: Path, axes: str | None, dataset: str) -> Volume:
        """Open the array of that name lazily; raise as :meth:`read` does."""
        ...


@dataclass(frozen=True)
class VolumeContent:
    """What is to be written, besides the values.

    Attributes
    ----------
    shape : tuple of int
        ``(Z, Y, X)``, ``(C, Z, Y, X)`` or, where the format wants it, ``(Z, C, Y, X)``.
    dtype : numpy.dtype
        Of the slabs, in native byte order.
    geometry : Geometry
        As far as the format carries it.
    name : str
        Of the image, where the format has a place for one.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    geometry: Geometry
    name: str


@runtime_checkable
class VolumeWriter(Protocol):
    """Writes one family of files."""

    @property
    def name(self) -> str:
        """Of the format, for messages."""
        ...

    @property
    def suffixes(self) -> tuple[str, ...]:
        """File name endings that choose this writer, lower case, with the dot."""
        ...

    @property
    def channels_first(self) -> bool:
        """Whether ``(C, Z, Y, X)`` is stored in this order rather than as ``(Z, C, Y, X)``."""
        ...

    def target_dtype(self, path: Path, array: LazyArray) -> np.dtype[Any]:
        """Return the type the values are stored as without loss; refuse where there is none."""
        ...

    def carried(self, geometry: Geometry) -> tuple[Geometry, tuple[str, ...]]:
        """Return the part of a geometry that the format can carry, and what gets lost."""
        ...

    def write(self, path: Path, slabs: Iterable[NDArray[Any]], content: VolumeContent) -> None:
        """Write slabs ``(n, Y, X)``, whose leading axes run in C order, to a new file."""
        ...

    def read_back(self, path: Path) -> StoredArray:
        """Open what was written, for comparison."""
        ...
