"""Reading one dataset of an HDF5 file without touching the source.

An HDF5 file is a tree of datasets and may point out of itself: by external links, by virtual
datasets, by raw data in other files. None of these is followed, whatever the name that leads there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import FormatError, GeometryError
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.io.hdf5_tree import check_inside, has_dataset, numeric_datasets, resolve
from napari_bayesseg.io.lazy import BlockArray
from napari_bayesseg.io.stored import (
    Notes,
    StoredArray,
    check_declared_size,
    choose_axes,
    naming_file,
)

__all__ = ["HDF5_SUFFIXES", "Hdf5Reader", "find_dataset", "list_datasets", "open_hdf5"]

HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf")
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_LARGEST_RATIO = 1100  # deflate can't do better than 1032 to 1
_SPACING = "element_size_um"  # (z, y, x), as ilastik, PlantSeg and Fiji write it
# What h5py raises on damaged files and on types that NumPy has not.
_DAMAGE = (OSError, RuntimeError, ValueError, TypeError, LookupError, ArithmeticError)


class Hdf5Reader:
    """Reads a named dataset of an HDF5 file, or the only one of three axes."""

    name = "HDF5"
    suffixes = HDF5_SUFFIXES

    def claims(self, path: Path) -> bool:
        """Whether the file has an HDF5 suffix, or starts like one."""
        if not path.is_file():
            return False
        if path.name.lower().endswith(self.suffixes):
            return True
        with path.open("rb") as file:
            return file.read(len(_SIGNATURE)) == _SIGNATURE

    def read(self, path: Path, axes: str | None) -> Volume:
        """Open the only dataset that can be a scan."""
        return self.read_dataset(path, axes, None)

    def read_dataset(self, path: Path, axes: str | None, dataset: str | None) -> Volume:
        """Open a volume; see :func:`napari_bayesseg.io.readers.read_volume`."""
        volume = choose_axes(open_hdf5(path, axes, dataset), axes)
        if dataset is None:
            return volume
        place = path.joinpath(*dataset.strip("/").split("/"))  # what opens this one again
        return replace(volume, spec=replace(volume.spec, source=place))


def find_dataset(path: Path, name: str) -> str | None:
    """Return `name` if the file holds a dataset of that name, else None.

    Raises
    ------
    FormatError
        If the file can't be read, or the name leads out of it.
    """
    with _opened(path) as file:
        return name if has_dataset(path, file, name) else None


def list_datasets(path: Path) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of the datasets of numbers with two axes or more.

    Raises
    ------
    FormatError
        If the file can't be read.
    """
    with _opened(path) as file:
        return numeric_datasets(path, file)


def open_hdf5(path: Path, axes: str | None = None, dataset: str | None = None) -> StoredArray:
    """Open a dataset with all its axes.

    Parameters
    ----------
    path : Path
    axes : str, optional
        Only its length counts here: where several datasets could be meant, it says how many axes
        the right one has.
    dataset : str, optional
        Name of the dataset, ``"group/name"``; needed where there are several.

    Raises
    ------
    FormatError
        If the file is truncated or damaged, the dataset is missing, has to be named, lies outside
        the file, holds no real numbers or was never written.
    GeometryError
        If its spacing is zero or no number.
    """
    notes = Notes(path)
    with _opened(path) as file:
        name = dataset if dataset is not None else _only_dataset(path, file, axes)
        found = resolve(path, file, name)
        check_inside(path, found)
        shape, dtype = tuple(found.shape or ()), np.dtype(found.dtype)
        check_declared_size(path, shape, dtype)
        if len(shape) < 2:
            raise FormatError(
                f"{path.name}: a scan has two axes or more; the dataset {name!r} has {len(shape)}: "
                "name another dataset"
            )
        _check_storage(path, found, notes)
        letters = _letters(found)
        with naming_file(path):
            matrix, unit = _placement(found, letters)
        location = str(found.name)
    data = Hdf5Array(path, location, shape, dtype)
    return StoredArray(path, data, letters, matrix, unit, tuple(notes.lines))


class Hdf5Array(BlockArray):
    """A dataset of an HDF5 file, which is opened for each read."""

    def __init__(
        self, path: Path, dataset: str, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        super().__init__(shape, dtype)
        self._path = path
        self._dataset = dataset

    def _read_box(self, start: tuple[int, ...], stop: tuple[int, ...]) -> NDArray[Any]:
        with _opened(self._path) as file:
            found = resolve(self._path, file, self._dataset)
            check_inside(self._path, found)
            try:
                return np.asarray(found[tuple(map(slice, start, stop))])
            except (*_DAMAGE, MemoryError) as error:
                raise FormatError(
                    f"{self._path.name}: dataset {self._dataset!r} can't be read between voxels "
                    f"{start} and {stop} ({_one_line(error)}): it is damaged, copy or export the "
                    "file again"
                ) from error


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """Open a file for reading, without a lock, and tell what is wrong with it in one line."""
    try:
        with _open(path) as file:
            yield file
    except (FormatError, GeometryError):
        raise
    except _DAMAGE as error:
        raise FormatError(
            f"{path.name}: is no HDF5 file, or truncated or damaged ({_one_line(error)}): copy or "
            "export the file again"
        ) from error


def _open(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r", locking=False)  # a lock needs a disk that can be written to
    except OSError as error:
        if "locking flag" not in str(error):
            raise
        return h5py.File(path, "r")  # this program has opened it already, with a lock


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:160]


def _only_dataset(path: Path, file: h5py.File, axes: str | None) -> str:
    """Return the name of the dataset that is meant where none is named."""
    found = numeric_datasets(path, file)
    wanted = [3, 2] if axes is None else [len(axes)]
    for number in wanted:
        names = [name for name, shape in found.items() if len(shape) == number]
        if len(names) == 1:
            return names[0]
        if names:
            break
    else:
        if len(found) == 1:
            return next(iter(found))  # the choice of axes will say what is missing
    listed = ", ".join(f"{name} {shape}" for name, shape in list(found.items())[:12])
    if not listed:
        raise FormatError(
            f"{path.name}: holds no dataset of numbers with two axes or more: export the scan again"
        )
    raise FormatError(
        f"{path.name}: holds {len(found)} datasets, of which one must be named: {listed}"
        + (", ..." if len(found) > 12 else "")
        + f"; for example {path.name}/{next(iter(found))}"
    )


def _check_storage(path: Path, dataset: h5py.Dataset, notes: Notes) -> None:
    """Refuse a dataset whose declared size can't be what is stored; warn of missing chunks."""
    if dataset.is_virtual:
        return
    nbytes = math.prod(dataset.shape) * dataset.dtype.itemsize
    stored, size = dataset.id.get_storage_size(), path.stat().st_size
    if stored == 0:
        raise FormatError(
            f"{path.name}: the dataset {dataset.name!r} was never written: export it again"
        )
    if stored > size or nbytes > _LARGEST_RATIO * size:
        raise FormatError(
            f"{path.name}: the dataset {dataset.name!r} declares {tuple(dataset.shape)} voxels "
            f"({nbytes / 2**30:.3g} GiB), which a file of {size} bytes can't hold, not even packed "
            f"{_LARGEST_RATIO} to 1: it is truncated or its header damaged, copy it again"
        )
    if dataset.chunks is None:
        return
    total = math.prod(-(-n // c) for n, c in zip(dataset.shape, dataset.chunks, strict=True))
    present = dataset.id.get_num_chunks()
    if present < total:
        notes.warn(
            f"{total - present} of {total} chunks are missing and read as the fill value "
            f"{dataset.fillvalue}; if the volume isn't sparse on purpose, copy it again"
        )


def _letters(dataset: h5py.Dataset) -> str:
    """Return a letter for each axis: from the labels of its dimensions, else (Q..., Z, Y, X)."""
    labels = "".join(str(dimension.label) for dimension in dataset.dims).upper()
    count = len(dataset.shape)
    if len(labels) == count and len(set(labels)) == count and {"Y", "X"} <= set(labels):
        return labels
    return ("QRUVW"[: max(count - 3, 0)] + "ZYX"[-min(count, 3) :]).rjust(count, "Q")


def _placement(dataset: h5py.Dataset, letters: str) -> tuple[NDArray[np.float64], str]:
    """Return affine and unit, from the attribute that gives the spacing in micrometres."""
    if _SPACING not in dataset.attrs:
        return np.eye(4), "pixel"
    try:
        values = np.atleast_1d(np.asarray(dataset.attrs[_SPACING], dtype=np.float64))
    except (TypeError, ValueError):
        values = np.full(3, np.nan)
    count = len([letter for letter in letters if letter in "ZYX"])
    if values.shape not in ((3,), (count,)) or not np.all(np.isfinite(values)):
        raise GeometryError(
            f"{_SPACING} must be three finite numbers (z, y, x); it is "
            f"{_one_line(ValueError(str(dataset.attrs[_SPACING])))}"
        )
    spacing = np.concatenate([np.ones(3 - len(values)), values])
    return np.diag([*spacing, 1.0]), "micrometer"
