"""The arrays of a result store, read piece by piece or whole."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.io.block_files import chunk_files
from napari_bayesseg.io.quantised import DecodedArray, decoded
from napari_bayesseg.io.store_layout import RECORD_KEY
from napari_bayesseg.numerics.draw_counts import DrawCounts

__all__ = ["COUNTS", "DAMAGE", "ResultArray", "ResultArrays", "level_place"]

ResultArray = zarr.Array[Any] | DecodedArray
"""What is read like a NumPy array, piece by piece; floats come as float32."""

COUNTS = ("counts/voxels", "counts/configurations")
DAMAGE = (ValueError, OSError, RuntimeError)  # checksum, missing file, broken compression


def level_place(name: str, level: int) -> str:
    """Return where a level of labels, mean probability or a measure stands; 0 is the full one."""
    match name:
        case "labels":
            return f"labels/predicted/{level}"
        case "mean_probability":
            return f"mean_probability_levels/{level}" if level else name
        case _:
            return f"measures/{name}/{level}"


class ResultArrays:
    """What stands in a result folder.

    Parameters
    ----------
    path : Path
        The folder.
    group : zarr.Group
        Opened there, with the record of a run in its attributes.

    Attributes
    ----------
    record : dict
        Where the result comes from, and what the store keeps about itself.
    """

    def __init__(self, path: Path, group: zarr.Group) -> None:
        self.path = path
        self.group = group
        self.record: dict[str, Any] = dict(group.attrs[RECORD_KEY])  # type: ignore[arg-type]
        self._opened: dict[str, zarr.Array[Any]] = {}

    @cached_property
    def has_counts(self) -> bool:
        """Whether the store keeps the counts of each draw; not so in those made before."""
        return all(isinstance(self.group.get(place), zarr.Array) for place in COUNTS)

    def array(self, name: str) -> ResultArray:
        """Return ``"labels"``, ``"mean_probability"``, ``"block_mask"`` or a measure, lazily.

        Raises
        ------
        StoreError
            If the store has no such array, or it doesn't say what its numbers mean.
        """
        return self._decoded(name, self.stored(name))

    def level(self, name: str, level: int) -> ResultArray:
        """Return a level of labels, mean probability or a measure, lazily; 0 is the full one.

        Raises
        ------
        StoreError
            If it isn't there.
        """
        if level == 0:
            return self.array(name)
        found = self.group.get(level_place(name, level))
        if not isinstance(found, zarr.Array):
            raise StoreError(f"{self.path}: holds no level {level} of {name}")
        return self._decoded(name, found.with_config({"write_empty_chunks": True}))

    def has_level(self, level: int) -> bool:
        """Whether all arrays of a level are there."""
        places = (level_place(name, level) for name in self._names())
        return all(isinstance(self.group.get(place), zarr.Array) for place in places)

    def _decoded(self, name: str, stored: zarr.Array[Any]) -> ResultArray:
        if name not in self._float_names():
            return stored
        try:
            return decoded(stored)
        except ValueError as error:
            raise StoreError(f"{self.path}: {name} can't be read ({error})") from None

    def stored(self, name: str) -> zarr.Array[Any]:
        """Return an array as it stands on the disk, codes as codes.

        Raises
        ------
        StoreError
            If the store has no such array.
        """
        known = self._opened.get(name)
        if known is not None:
            return known
        found = self.group.get(level_place(name, 0) if name in self._names() else name)
        if not isinstance(found, zarr.Array):
            there = ", ".join(self._names())
            raise StoreError(f"{self.path}: holds no {name!r}; it holds {there}")
        # A chunk of nothing but the fill value, such as a block of background, is a file too:
        # only then a lost one can be told. Zarr doesn't store this, so it is said at each opening.
        self._opened[name] = found.with_config({"write_empty_chunks": True})
        return self._opened[name]

    def _float_names(self) -> tuple[str, ...]:
        return ("mean_probability", *self.record["measures"])

    def _names(self) -> tuple[str, ...]:
        return ("labels", *self._float_names())

    def _place(self, name: str, index: int, core: Roi) -> tuple[Any, ...]:
        return (index,) if name in COUNTS else (..., *core.slices)

    def _files(self, name: str, index: int, core: Roi) -> Iterator[Path]:
        """Yield the files that hold a block's part of an array."""
        array = self.stored(name)
        if name in COUNTS:
            zeros = ["0"] * (array.ndim - 1)
            return iter([self.path.joinpath(array.path, "c", str(index), *zeros)])
        return self._chunk_files(array, core)

    def _chunk_files(self, array: ResultArray, core: Roi) -> Iterator[Path]:
        return chunk_files(self.path, array, core)

    def counts(self, index: int) -> DrawCounts:
        """Return what was counted in a finished block.

        Raises
        ------
        StoreError
            If the store keeps no counts, or those of the block are missing or damaged.
        """
        return self.total_counts([index])

    def total_counts(self, indices: Iterable[int]) -> DrawCounts:
        """Return the sum of what was counted in finished blocks, in 64 bits.

        Raises
        ------
        StoreError
            As for :meth:`counts`.
        """
        if not self.has_counts:
            raise StoreError(f"{self.path}: keeps no counts of draws; predict again to get them")
        arrays = [self.stored(name) for name in COUNTS]
        sums = [np.zeros(array.shape[1:], np.uint64) for array in arrays]
        for index in indices:
            for name, array, total in zip(COUNTS, arrays, sums, strict=True):
                (file,) = self._files(name, index, Roi.whole((0, 0, 0)))
                if not file.exists():
                    raise self.damaged(name, f"{file.relative_to(self.path)} is missing")
                try:
                    total += np.asarray(array[index])
                except DAMAGE as error:
                    raise self.damaged(name, error) from None
        return DrawCounts(*sums)

    def damaged(self, name: str, cause: object) -> StoreError:
        """Return the error that says what of the store is damaged and what mends it."""
        return StoreError(
            f"{self.path}: {name} is damaged ({cause}); the same predict command mends it"
        )

    def read(self, name: str, finished: Iterable[Roi]) -> NDArray[Any]:
        """Return a whole array (see :meth:`array`) in memory.

        Parameters
        ----------
        name : str
        finished : iterable of Roi
            Boxes that must be there; zarr reads a missing chunk as empty without a word.

        Raises
        ------
        StoreError
            If the store has no such array, or part of it is missing or damaged.
        """
        self.check_complete(name, finished)
        try:
            return np.asarray(self.array(name)[...])
        except DAMAGE as error:
            raise self.damaged(name, error) from None

    def read_box(self, name: str, box: Roi) -> NDArray[Any]:
        """Return a box of an array (see :meth:`array`) in memory.

        Raises
        ------
        StoreError
            If the store has no such array, or a part of the box is damaged.
        """
        array = self.array(name)
        try:
            return np.asarray(array[(..., *box.slices)])
        except DAMAGE as error:
            raise self.damaged(name, error) from None

    def check_complete(self, name: str, finished: Iterable[Roi]) -> None:
        """Refuse an array of which a file is missing; see :meth:`read`."""
        array = self.array(name)
        for file in itertools.chain.from_iterable(self._chunk_files(array, c) for c in finished):
            if not file.exists():
                raise self.damaged(name, f"{file.relative_to(self.path)} is missing")

    def read_block(self, core: Roi) -> dict[str, NDArray[Any]]:
        """Return labels, mean probability and measures of a box, by name."""
        return {name: np.asarray(self.array(name)[(..., *core.slices)]) for name in self._names()}
