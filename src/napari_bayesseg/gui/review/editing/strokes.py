"""What napari says was painted, as voxels with their labels before and after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Stroke", "read_stroke"]

Labels = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Stroke:
    """Voxels that were painted, in the order in which they were.

    Attributes
    ----------
    indices : three (n,) int
        Along z, y and x. A voxel comes as often as it was painted over.
    old, new : (n,) int
        Labels before and after.
    """

    indices: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
    old: Labels
    new: Labels

    @property
    def count(self) -> int:
        """Number of entries."""
        return int(self.new.size)


def read_stroke(atoms: Iterable[Any], dtype: np.dtype[Any]) -> Stroke:
    """Read the value of a paint event of a labels layer.

    Parameters
    ----------
    atoms : iterable
        Each a box with a mask (brush, fill, polygon), or a triple of indices, old and new labels
        (``data_setitem``).
    dtype : numpy.dtype
        Of the labels.
    """
    parts = [_from_mask(a) if hasattr(a, "slice_key") else _from_indices(a) for a in atoms]
    if not parts:
        nothing = np.zeros(0, np.int64)
        return Stroke((nothing, nothing, nothing), nothing.astype(dtype), nothing.astype(dtype))
    z, y, x = (np.concatenate([part[0][axis] for part in parts]) for axis in range(3))
    old, new = (np.concatenate([part[side] for part in parts]).astype(dtype) for side in (1, 2))
    return Stroke((z, y, x), old, new)


Part = tuple[list[NDArray[np.int64]], Labels, Labels]


def _from_mask(atom: Any) -> Part:
    starts = [part.start for part in atom.slice_key]
    lengths = [part.stop - part.start for part in atom.slice_key]
    mask = np.ones(lengths, bool) if atom.mask is None else np.asarray(atom.mask)
    places = [axis + start for axis, start in zip(np.nonzero(mask), starts, strict=True)]
    old = np.asarray(atom.old_values).reshape(-1)
    return places, old, np.full(old.shape, atom.new_value)


def _from_indices(atom: Any) -> Part:
    indices, old, new = atom
    places = [np.asarray(axis, np.int64).reshape(-1) for axis in np.broadcast_arrays(*indices)]
    sides = (np.broadcast_to(np.asarray(part).reshape(-1), places[0].shape) for part in (old, new))
    before, after = sides
    return places, before, after
