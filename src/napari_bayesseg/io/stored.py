"""What a file holds before its axes are settled, and the step from there to a volume.

A file may hold more axes than a scan has. Readers hand over a :class:`StoredArray` with a letter
for each axis; :func:`choose_axes` makes the three-dimensional volume of it, by the letters alone
where they leave no doubt, otherwise by the axes that the person names.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import BayesSegWarning, FormatError, GeometryError
from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.core.volume import LazyArray, Volume, VolumeSpec
from napari_bayesseg.io.lazy import AxesView

__all__ = [
    "Notes",
    "StoredArray",
    "check_declared_size",
    "choose_axes",
    "naming_file",
    "volume_name",
]

_LARGEST_ARRAY = 2**50  # bytes; a petabyte is a forged header, not a scan
_SUFFIXES = (".ome.tiff", ".ome.tif", ".ome.zarr", ".nii.gz")


class Notes:
    """Collects what a reader copes with: warned about, or only recorded."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self.lines: list[str] = []

    def record(self, line: str) -> None:
        """Keep a line for the provenance without warning."""
        self.lines.append(line)

    def warn(self, line: str) -> None:
        """Warn with the file's name in front, and keep the line."""
        self.lines.append(line)
        warnings.warn(f"{self._name}: {line}", BayesSegWarning, stacklevel=2)


@dataclass(frozen=True)
class StoredArray:
    """An array as it lies in a file.

    Attributes
    ----------
    path : Path
        The file or folder.
    data : LazyArray
        As many axes as stored.
    axes : str
        One upper-case letter an axis: Z, Y, X space; C channel; T time; S colour sample; others
        unknown.
    matrix : (4, 4) float64
        Voxel ``(z, y, x)`` to world ``(z, y, x)``, for the axes that `axes` calls so.
    unit : str
        Of the world, a full name or ``"pixel"``.
    notes : tuple of str
        What had to be coped with.
    """

    path: Path
    data: LazyArray
    axes: str
    matrix: NDArray[np.float64] = field(default_factory=lambda: np.eye(4))
    unit: str = "pixel"
    notes: tuple[str, ...] = ()

    def without_single_axes(self) -> StoredArray:
        """Drop axes of length one other than Z, Y and X."""
        kept = [
            number
            for number, (letter, length) in enumerate(zip(self.axes, self.data.shape, strict=True))
            if length != 1 or letter in "ZYX"
        ]
        if len(kept) == len(self.axes):
            return self
        dropped = {number: 0 for number in range(len(self.axes)) if number not in kept}
        letters = "".join(self.axes[number] for number in kept)
        return replace(self, data=AxesView(self.data, kept, dropped), axes=letters)

    def reversed_axes(self) -> StoredArray:
        """Turn the axes round, as for formats that name their fastest axis first."""
        order = list(range(len(self.axes)))[::-1]
        return replace(self, data=AxesView(self.data, order), axes=self.axes[::-1])


@contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """Put the file's name in front of a geometry error raised inside."""
    try:
        yield
    except GeometryError as error:
        text = str(error)
        if text.startswith(path.name):
            raise
        raise GeometryError(f"{path.name}: {text}; correct the file's header") from error


def volume_name(path: Path) -> str:
    """Return the file's name without folder and suffix."""
    for suffix in _SUFFIXES:
        if path.name.lower().endswith(suffix) and len(path.name) > len(suffix):
            return path.name[: -len(suffix)]
    return path.stem or path.name


def check_declared_size(path: Path, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
    """Refuse an array with an empty axis, without real numbers, or of impossible size.

    Raises
    ------
    FormatError
        In each of these cases; nothing has been allocated by then.
    """
    if any(int(length) <= 0 for length in shape):
        raise FormatError(
            f"{path.name}: every axis must hold at least one voxel; the shape is {tuple(shape)}: "
            "export the scan again"
        )
    if dtype.kind not in "biuf":
        raise FormatError(
            f"{path.name}: a scan must hold real numbers; it holds {dtype}: convert it, for "
            "example to its magnitude as float32"
        )
    nbytes = math.prod(int(length) for length in shape) * dtype.itemsize
    if nbytes > _LARGEST_ARRAY:
        raise FormatError(
            f"{path.name}: the header declares {tuple(shape)} voxels ({nbytes / 2**40:.3g} TiB), "
            "which can't be true: the header is damaged, export the scan again"
        )


def choose_axes(stored: StoredArray, axes: str | None) -> Volume:
    """Make a three-dimensional volume of a stored array.

    Parameters
    ----------
    stored : StoredArray
        As a reader found it.
    axes : str or None
        One character for each stored axis (axes of length one other than Z, Y, X may be left
        out): Z, Y, X say which axis is which, a digit takes that index of its axis. ``"1ZYX"``
        is channel 1 of an array (C, Z, Y, X); ``"ZYX0"`` the red of an RGB stack. Spacing stays
        with the stored axis that it belongs to. None: decided by the file, if it leaves no doubt.

    Raises
    ------
    FormatError
        If `axes` doesn't fit the array, or if a choice is needed and none is given.
    GeometryError
        If the voxels can't be placed in the world.
    """
    path = stored.path
    check_declared_size(path, stored.data.shape, np.dtype(stored.data.dtype))
    notes = Notes(path)
    if axes is not None and len(axes) == len(stored.axes):
        letters = _checked_choice(stored, axes)
    else:
        stored = stored.without_single_axes()
        letters = _obvious_axes(stored, notes) if axes is None else _checked_choice(stored, axes)
    order: list[int | None] = [
        letters.index(letter) if letter in letters else None for letter in "ZYX"
    ]
    picks = {number: int(letter) for number, letter in enumerate(letters) if letter in "0123456789"}
    data = stored.data
    if order != [0, 1, 2] or len(letters) != 3:
        data = AxesView(data, order, picks)
    if np.dtype(data.dtype) == np.float64:
        notes.record("voxels are float64; kept as they are, computed in float32")
    with naming_file(path):
        geometry = Geometry.from_matrix(_reordered(stored, order), stored.unit)
    z, y, x = (int(length) for length in data.shape)
    dtype = np.dtype(data.dtype).newbyteorder("=").name
    lines = (*stored.notes, *notes.lines)
    return Volume(data, VolumeSpec((z, y, x), dtype, geometry, volume_name(path), path, lines))


def _checked_choice(stored: StoredArray, axes: str) -> str:
    """Return the person's axes in upper case, checked against the array."""
    letters = axes.upper()
    name, shape = stored.path.name, stored.data.shape
    if len(letters) != len(shape):
        raise FormatError(
            f"{name}: axes must have one character for each of the {len(shape)} stored axes "
            f"{_described(stored)}; got {axes!r}: {_suggestion(stored)}"
        )
    spatial = [letter for letter in letters if letter in "ZYX"]
    others = [letter for letter in letters if letter not in "ZYX0123456789"]
    if others or len(set(spatial)) != len(spatial) or not {"Y", "X"} <= set(spatial):
        raise FormatError(
            f"{name}: axes must hold Y, X and mostly Z, each once, and a digit for every other "
            f"axis; got {axes!r} for {_described(stored)}: {_suggestion(stored)}"
        )
    for letter, length in zip(letters, shape, strict=True):
        if letter.isdigit() and int(letter) >= length:
            raise FormatError(
                f"{name}: index {letter} in axes {axes!r} must be below {length}, the length of "
                f"its axis: {_suggestion(stored)}"
            )
    return letters


def _obvious_axes(stored: StoredArray, notes: Notes) -> str:
    """Return which axis is which where the file leaves no doubt; refuse otherwise."""
    letters, shape = stored.axes, stored.data.shape
    if len(letters) == 2:
        return letters if set(letters) == {"Y", "X"} else "YX"
    if len(letters) == 3 and set(letters) == {"Z", "Y", "X"}:
        return letters
    if len(letters) == 3 and "S" not in letters and letters.endswith("YX"):
        if letters[0] in "CT":
            notes.warn(
                f"the stack's first axis is stored as "
                f"{'channels' if letters[0] == 'C' else 'time'} ({shape[0]} long); taken as Z"
            )
        return "ZYX"
    kind = "a colour image" if "S" in letters else f"an array of {len(letters)} axes"
    raise FormatError(
        f"{stored.path.name}: a scan has the axes (Z, Y, X); this is {kind}, "
        f"{_described(stored)}: {_suggestion(stored)}"
    )


def _described(stored: StoredArray) -> str:
    """Return the stored axes with their lengths, for a message."""
    pairs = zip(stored.axes, stored.data.shape, strict=True)
    return "(" + ", ".join(f"{letter}={length}" for letter, length in pairs) + ")"


def _suggestion(stored: StoredArray) -> str:
    """Return the remedy: axes that would fit this array."""
    letters = "".join(letter if letter in "ZYX" else "0" for letter in stored.axes)
    if not {"Y", "X"} <= set(letters):
        letters = ("0" * len(letters) + "ZYX")[-len(stored.axes) :]
    return f"axes={letters!r} takes the first of every other axis, another digit another one"


def _reordered(stored: StoredArray, order: Sequence[int | None]) -> NDArray[np.float64]:
    """Return the affine for the chosen axes, from the one for the stored letters."""
    permutation = np.eye(4)
    columns: list[int | None] = []
    for axis in order:
        letter = None if axis is None else stored.axes[axis]
        columns.append("ZYX".index(letter) if letter is not None and letter in "ZYX" else None)
    free = [number for number in range(3) if number not in columns]
    for number, column in enumerate(columns):
        if column is None:  # an axis without a place of its own takes the one that is left
            taken = number if number in free else free[0]
            free.remove(taken)
            columns[number] = taken
    permutation[:3, :3] = np.eye(3)[[column for column in columns if column is not None]]
    return np.asarray(permutation @ stored.matrix @ permutation.T, dtype=np.float64)
