"""Softmax arrays made elsewhere, read piece by piece, whatever file they come in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.core.geometry import Geometry, Index3, Roi
from napari_bayesseg.core.volume import LazyArray
from napari_bayesseg.io.lazy import AxesView
from napari_bayesseg.io.nifti import open_nifti
from napari_bayesseg.io.numpy_files import open_npy, open_npz
from napari_bayesseg.io.ome_zarr import open_zarr
from napari_bayesseg.io.readers import reader_for
from napari_bayesseg.io.stored import StoredArray, check_declared_size, naming_file
from napari_bayesseg.io.tiff import open_tiff

__all__ = ["ProbabilityStack", "read_probabilities"]

_KEYS = ("softmax", "probabilities")
_OPENERS: dict[str, Callable[[Path], StoredArray]] = {
    "TIFF": open_tiff,
    "OME-Zarr": open_zarr,
    "NIfTI": open_nifti,
}


@dataclass(frozen=True)
class _Member:
    """One softmax volume."""

    path: Path
    data: LazyArray  # (C, Z, Y, X), or (Z, Y, X) foreground
    label: str


@dataclass(frozen=True)
class ProbabilityStack:
    """Softmax volumes of one grid, one a member; made by :func:`read_probabilities`.

    Attributes
    ----------
    members : tuple
        Where each one lies.
    num_classes : int
        C; two where foreground probabilities were given.
    shape : (Z, Y, X)
        In voxels.
    geometry : Geometry or None
        From the first file that carries one; None where none does (npy and npz don't).
    """

    members: tuple[_Member, ...]
    num_classes: int
    shape: Index3
    geometry: Geometry | None

    @property
    def num_members(self) -> int:
        """How many softmax volumes there are (T)."""
        return len(self.members)

    @property
    def sources(self) -> tuple[Path, ...]:
        """The files, each once."""
        return tuple(dict.fromkeys(member.path for member in self.members))

    def describe(self, member: int) -> str:
        """Return file and position of a member, for messages."""
        return self.members[member].label

    def read(self, member: int, roi: Roi) -> NDArray[np.float32]:
        """Return one member's probabilities in a box.

        Parameters
        ----------
        member : int
            From 0.
        roi : Roi
            Inside :attr:`shape`.

        Returns
        -------
        (C, z, y, x) float32
            As stored: that they lie in [0, 1] and sum to 1 is for the caller to check. Of
            foreground probabilities p the result is ``(1 - p, p)``.
        """
        data = self.members[member].data
        if len(data.shape) == 3:
            foreground = np.asarray(data[roi.slices]).astype(np.float32)
            return np.stack([1 - foreground, foreground])
        values = np.asarray(data[(slice(None), *roi.slices)])
        return values.astype(np.float32, copy=False)


def read_probabilities(paths: Sequence[str | Path]) -> ProbabilityStack:
    """Open softmax arrays of one network or of several members.

    Parameters
    ----------
    paths : sequence of path
        npz (the only array, or the key ``softmax`` or ``probabilities``, as nnU-Net writes),
        npy, zarr, TIFF, NIfTI. One file holds (C, Z, Y, X), or (T, C, Z, Y, X) with T members;
        of several files each is one member. NIfTI adds the axes behind, (X, Y, Z, C) or, as its
        standard orders them, (X, Y, Z, T, C). Without a class axis, or with one of length one,
        the values are foreground probabilities, which makes two classes.

    Returns
    -------
    ProbabilityStack
        Values are read when they are asked for.

    Raises
    ------
    FormatError
        If a file can't be read, holds no floats, or its shape differs from the others'.
    """
    if not paths:
        raise FormatError("at least one probability file must be named; none was: name one")
    stored = [_opened(Path(path)) for path in paths]
    members = tuple(member for item in stored for member in _members(item, alone=len(stored) == 1))
    first = members[0]
    for member in members[1:]:
        if member.data.shape != first.data.shape:
            raise FormatError(
                f"{member.label}: all members must have one shape; this one has "
                f"{member.data.shape}, {first.label} has {first.data.shape}: leave it out or "
                "compute it on the same grid"
            )
    shape = first.data.shape
    z, y, x = shape[-3:]
    classes = 2 if len(shape) == 3 else shape[0]
    return ProbabilityStack(members, classes, (z, y, x), _geometry(stored))


def _opened(path: Path) -> StoredArray:
    """Open a file with all its axes, and check that it can hold probabilities."""
    reader = None if path.suffix.lower() in (".npy", ".npz") else reader_for(path)
    try:
        if reader is None:
            if not path.is_file():
                raise FormatError(f"{path.name}: does not exist: check the path")
            npz = path.suffix.lower() == ".npz"
            stored = open_npz(path, _KEYS) if npz else open_npy(path)
        else:
            opener = _OPENERS.get(reader.name)
            if opener is None:
                raise FormatError(
                    f"{path.name}: probabilities are read from npz, npy, zarr, TIFF and NIfTI, not "
                    f"from {reader.name}: convert the file"
                )
            stored = opener(path)
    except OSError as error:
        raise FormatError(
            f"{path.name}: can't be read ({error.strerror or error}): check that the file is "
            "complete and that you may open it"
        ) from error
    check_declared_size(path, stored.data.shape, np.dtype(stored.data.dtype))
    if np.dtype(stored.data.dtype).kind != "f":
        raise FormatError(
            f"{path.name}: probabilities must be floats between 0 and 1; the file holds "
            f"{stored.data.dtype}: save the softmax, not the labels"
        )
    return stored


def _members(stored: StoredArray, *, alone: bool) -> list[_Member]:
    """Split a file into its members."""
    samples, classes = _sample_and_class_axes(stored)
    shape = stored.data.shape
    number = 1 if samples is None else shape[samples]
    if number > 1 and not alone:
        raise FormatError(
            f"{stored.path.name}: of several files each must hold one member (C, Z, Y, X); this "
            f"one holds {number}: give it alone, or one file a member"
        )
    space: list[int | None] = [
        stored.axes.index(letter) if letter in stored.axes else None for letter in "ZYX"
    ]
    fixed = {axis: 0 for axis in range(len(shape)) if axis not in (*space, classes)}
    order = space if classes is None or shape[classes] == 1 else [classes, *space]
    if classes is not None and classes not in order:
        fixed[classes] = 0
    members = []
    for index in range(number):
        picks = fixed if samples is None else {**fixed, samples: index}
        label = stored.path.name if number == 1 else f"{stored.path.name} member {index}"
        members.append(_Member(stored.path, AxesView(stored.data, order, picks), label))
    return members


def _sample_and_class_axes(stored: StoredArray) -> tuple[int | None, int | None]:
    """Return which axes count members and classes; None for one that isn't there."""
    extra = [number for number, letter in enumerate(stored.axes) if letter not in "ZYX"]
    if len(extra) > 2:
        extra = [number for number in extra if stored.data.shape[number] != 1]
    if not {"Y", "X"} <= set(stored.axes) or len(extra) > 2:
        raise FormatError(
            f"{stored.path.name}: must have the axes (T, C, Z, Y, X), (C, Z, Y, X) or (Z, Y, X); "
            f"it has {stored.axes} of lengths {stored.data.shape}: save it so"
        )
    if not extra:
        return None, None
    if len(extra) == 1:
        return None, extra[0]
    samples, classes = extra
    return (classes, samples) if stored.axes[samples] == "C" else (samples, classes)


def _geometry(stored: Sequence[StoredArray]) -> Geometry | None:
    """Return the geometry of the first file that carries one."""
    for item in stored:
        if item.unit != "pixel" or not np.array_equal(item.matrix, np.eye(4)):
            with naming_file(item.path):
                return Geometry.from_matrix(item.matrix, item.unit)
    return None
