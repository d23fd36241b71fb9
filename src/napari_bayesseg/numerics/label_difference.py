"""Where two segmentations of one scan differ: counted slab by slab, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3, Roi

__all__ = ["DifferenceCounter", "LabelDifference", "Place"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Place:
    """A 26-connected set of voxels whose labels differ.

    Attributes
    ----------
    voxel_count : int
    box : Roi
        Smallest box around it, in voxels.
    position : (z, y, x)
        A voxel of it, near the middle of its largest slice.
    classes : (int, int)
        The pair of labels, of the first and of the second segmentation, that is most frequent in
        the slab of slices that holds `position`.
    """

    voxel_count: int
    box: Roi
    position: Index3
    classes: tuple[int, int]


@dataclass(frozen=True, eq=False)
class LabelDifference:
    """How two segmentations differ over the voxels that both have.

    Attributes
    ----------
    confusion : (C, C) int64
        Voxels by the label of the first (rows) and of the second.
    places : tuple of Place
        The largest ones, by falling number of voxels.
    num_places : int
        Of all of them.
    """

    confusion: NDArray[np.int64]
    places: tuple[Place, ...]
    num_places: int

    @property
    def voxel_count(self) -> int:
        """Voxels that were compared."""
        return int(self.confusion.sum())

    @property
    def differing(self) -> int:
        """Voxels whose labels differ."""
        return self.voxel_count - int(np.trace(self.confusion))

    @property
    def share(self) -> float:
        """Differing voxels over those compared, from 0 to 1; NaN where none was."""
        return self.differing / self.voxel_count if self.voxel_count else float("nan")

    @property
    def dice(self) -> NDArray[np.float64]:
        """``(C,)`` Dice coefficient of every class; NaN for a class in neither."""
        total = self.confusion.sum(axis=0) + self.confusion.sum(axis=1)
        with np.errstate(invalid="ignore"):
            scores: NDArray[np.float64] = 2.0 * np.diag(self.confusion) / total
        return scores


@dataclass
class _Piece:
    """What is known so far of a place."""

    count: int
    box: Roi
    position: Index3
    section: int  # voxels of the slice of it that holds `position`
    classes: tuple[int, int]

    def joined(self, other: _Piece) -> _Piece:
        best = self if self.section >= other.section else other
        count, box = self.count + other.count, self.box.union(other.box)
        return _Piece(count, box, best.position, best.section, best.classes)


class DifferenceCounter:
    """Takes slabs of whole slices from the first slice to the last; keeps one slice of them.

    Parameters
    ----------
    num_classes : int
    """

    def __init__(self, num_classes: int) -> None:
        self._num_classes = num_classes
        self._confusion = np.zeros(num_classes * num_classes, np.int64)
        self._pieces: dict[int, _Piece] = {}
        self._parents: dict[int, int] = {}
        self._next_id = 1
        self._next_slice = 0
        self._border: NDArray[np.int64] | None = None

    def update(self, first: NDArray[Any], second: NDArray[Any], valid: Mask) -> None:
        """Take the next slab.

        Parameters
        ----------
        first, second : (n, Y, X) int
            Labels from 0 to ``num_classes - 1``.
        valid : (n, Y, X) bool
            Voxels that both segmentations have; the others are left out.

        Raises
        ------
        SettingsError
            If the shapes differ, or a label is no class.
        """
        if not first.shape == second.shape == valid.shape:
            raise SettingsError(
                f"two segmentations must have one shape; got {first.shape} and {second.shape}"
            )
        count = self._num_classes
        for labels in (first[valid], second[valid]):
            if labels.size and not 0 <= labels.min() <= labels.max() < count:
                raise SettingsError(
                    f"labels must be 0 to {count - 1}; got {labels.min()} to {labels.max()}"
                )
        pairs = first.astype(np.int64) * count + second
        self._confusion += np.bincount(pairs[valid], minlength=count * count)
        self._add_places((first != second) & valid, pairs)
        self._next_slice += first.shape[0]

    def result(self, most: int = 50) -> LabelDifference:
        """Return what was counted, with at most so many places."""
        whole: dict[int, _Piece] = {}
        for number, piece in self._pieces.items():
            root = self._root(number)
            whole[root] = whole[root].joined(piece) if root in whole else piece
        by_size = sorted(whole.values(), key=lambda piece: (-piece.count, piece.position))
        places = tuple(
            Place(piece.count, piece.box, piece.position, piece.classes) for piece in by_size[:most]
        )
        shape = (self._num_classes, self._num_classes)
        return LabelDifference(self._confusion.reshape(shape).copy(), places, len(whole))

    def _add_places(self, differs: Mask, pairs: NDArray[np.int64]) -> None:
        found = cc3d.connected_components(
            np.ascontiguousarray(differs).view(np.uint8), connectivity=26, out_dtype=np.uint32
        )
        offset = self._next_id - 1
        numbered = found.astype(np.int64)
        numbered[found > 0] += offset
        self._summarise(numbered, pairs)
        if self._border is not None:
            self._join(self._border, numbered[0])
        # Only what reaches the next slab can still grow; everything else is settled.
        self._border = numbered[-1].copy()

    def _summarise(self, numbered: NDArray[np.int64], pairs: NDArray[np.int64]) -> None:
        z, y, x = np.nonzero(numbered)
        if z.size == 0:
            return
        ids = numbered[z, y, x]
        order = np.argsort(ids, kind="stable")
        ids, z, y, x = ids[order], z[order], y[order], x[order]
        pair = pairs[z, y, x]
        starts = np.flatnonzero(np.diff(ids, prepend=-1))
        stops = np.append(starts[1:], ids.size)
        for start, stop in zip(starts, stops, strict=True):
            part = slice(int(start), int(stop))
            self._pieces[int(ids[start])] = self._piece(z[part], y[part], x[part], pair[part])
        self._next_id = int(ids[-1]) + 1

    def _piece(
        self,
        z: NDArray[np.intp],
        y: NDArray[np.intp],
        x: NDArray[np.intp],
        pair: NDArray[np.int64],
    ) -> _Piece:
        depth = self._next_slice
        slices, sizes = np.unique(z, return_counts=True)
        largest = int(sizes.argmax())
        inside = z == slices[largest]
        rows, columns = y[inside], x[inside]
        nearest = int(((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2).argmin())
        classes, votes = np.unique(pair, return_counts=True)
        before, after = divmod(int(classes[votes.argmax()]), self._num_classes)
        low = (int(z[0]) + depth, int(y.min()), int(x.min()))
        high = (int(z[-1]) + depth + 1, int(y.max()) + 1, int(x.max()) + 1)
        position = (int(slices[largest]) + depth, int(rows[nearest]), int(columns[nearest]))
        return _Piece(z.size, Roi(low, high), position, int(sizes[largest]), (before, after))

    def _join(self, above: NDArray[np.int64], below: NDArray[np.int64]) -> None:
        """Make one of the places that touch across two slabs, corners included."""
        padded = np.pad(above, 1)
        height, width = below.shape
        touching = [
            np.stack([padded[dy : dy + height, dx : dx + width], below])
            for dy in range(3)
            for dx in range(3)
        ]
        pairs = np.concatenate([both[:, (both > 0).all(axis=0)] for both in touching], axis=1)
        for one, other in np.unique(pairs, axis=1).T:
            roots = sorted((self._root(int(one)), self._root(int(other))))
            if roots[0] != roots[1]:
                self._parents[roots[1]] = roots[0]

    def _root(self, number: int) -> int:
        while number in self._parents:
            above = self._parents[number]
            if above in self._parents:
                self._parents[number] = self._parents[above]
            number = above
        return number
