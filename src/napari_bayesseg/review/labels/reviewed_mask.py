"""The reviewed mask: labels in memory that follow from the journal, and their copy on the disk.

The copy is what the viewer shows and paints into. It is a cache: whenever it differs from what the
journal says, the journal is right.
"""

from __future__ import annotations

import itertools
import shutil
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec

from napari_bayesseg.core.errors import BayesSegWarning
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.volume import LazyArray
from napari_bayesseg.review.journal.operations import Operation
from napari_bayesseg.review.labels.label_steps import LabelSteps
from napari_bayesseg.review.labels.stored_arrays import DAMAGE, UNREADABLE
from napari_bayesseg.review.labels.voxels import Labels, VoxelChange

__all__ = ["ReviewedMask", "open_cache"]

_CHUNK = 64  # voxels along a side: a stroke rewrites little
# Fast both ways, and a stroke must not wait; the checksum tells of a torn chunk.
_CODECS = (BloscCodec(cname="lz4", clevel=5, shuffle="noshuffle"), Crc32cCodec())


class ReviewedMask:
    """The labels of a review.

    Attributes
    ----------
    array : zarr array (Z, Y, X)
        The copy on the disk, in the type of the predicted labels; read-only where the review is.
    labels : (Z, Y, X) int
        What the journal says; not to be written to.
    """

    def __init__(self, array: zarr.Array[Any], base: LazyArray, labels: Labels) -> None:
        self.array = array
        self.labels = labels
        self._steps = LabelSteps(base, labels)
        self._behind: set[Roi] = set()

    @property
    def base(self) -> LazyArray:
        """What the operations are applied to."""
        return self._steps.base

    def expected(self, roi: Roi, operations: Iterable[Operation]) -> Labels:
        """Return the labels of a box after some operations: those of the base, then theirs.

        Raises
        ------
        StoreError
            If the base is damaged.
        """
        return self._steps.expected(roi, operations)

    def write(self, change: VoxelChange) -> None:
        """Write a change into the labels and the copy."""
        change.apply_to(self.labels, self._steps.whole)
        self._store(self._changed_chunks(change))

    def take_back(self, change: VoxelChange, labels: Labels) -> None:
        """Undo a change: give its voxels what :meth:`expected` gave for its box without it."""
        self._steps.replace(change, labels)
        self._store(self._changed_chunks(change))

    def restore(self, roi: Roi) -> None:
        """Make the copy what the labels are, as after a stroke that could not be saved."""
        self._store(self._chunks(roi))

    def repair(self) -> int:
        """Compare the whole copy with the labels and rewrite the chunks that differ.

        A program that was killed between the journal and the copy, or while a stroke was painted,
        leaves such chunks.

        Returns
        -------
        int
            Number of chunks that were rewritten.
        """
        differing: list[Roi] = []
        depth = self.array.chunks[0]
        for low in range(0, self._shape[0], depth):
            high = min(low + depth, self._shape[0])
            slab = Roi((low, 0, 0), (high, *self._shape[1:]))
            try:
                found = np.asarray(self.array[slab.slices])
            except DAMAGE:
                differing += self._chunks(slab)
                continue
            differing += [
                chunk
                for chunk in self._chunks(slab)
                if not np.array_equal(
                    found[chunk.relative_to(slab.start).slices], self.labels[chunk.slices]
                )
            ]
        self._store(differing)
        return len(differing)

    @property
    def _shape(self) -> Index3:
        z, y, x = self.labels.shape
        return z, y, x

    def _chunks(self, roi: Roi) -> Iterator[Roi]:
        """Yield the chunks that a box meets."""
        if roi.is_empty:
            return
        sides = zip(roi.start, roi.stop, self.array.chunks, self._shape, strict=True)
        spans = [
            [(n * size, min((n + 1) * size, end)) for n in range(low // size, -(-high // size))]
            for low, high, size, end in sides
        ]
        for (a, b), (c, d), (e, f) in itertools.product(*spans):
            yield Roi((a, c, e), (b, d, f))

    def _changed_chunks(self, change: VoxelChange) -> Iterator[Roi]:
        """Yield the chunks that hold a changed voxel; a bulk decision's box may be the scan."""
        mask = change.voxels.mask()
        for chunk in self._chunks(change.box):
            if mask[chunk.intersection(change.box).relative_to(change.box.start).slices].any():
                yield chunk

    def _store(self, chunks: Iterable[Roi]) -> None:
        """Write whole chunks of the labels into the copy.

        What is in the labels is saved in the journal already, so a disk that refuses takes nothing
        away: the chunks are tried again with the next step, and on opening.
        """
        refused: set[Roi] = set()
        for chunk in dict.fromkeys((*self._behind, *chunks)):
            try:
                self.array[chunk.slices] = self.labels[chunk.slices]
            except OSError as error:
                refused.add(chunk)
                cause = error.strerror or error
        if refused and not self._behind:
            warnings.warn(
                f"the step is saved, but the mask that is shown can't be written ({cause}); it is "
                "tried again with the next step: make room, or mend the disk",
                BayesSegWarning,
                stacklevel=3,
            )
        self._behind = refused


def open_cache(folder: Path, shape: Index3, dtype: np.dtype[Any]) -> tuple[zarr.Array[Any], bool]:
    """Open the copy on the disk for writing; begin it again where it is missing or another one.

    Returns
    -------
    array : zarr array (Z, Y, X)
    is_new : bool
        Whether it was begun: it then holds zeros.

    Raises
    ------
    OSError
        If the disk refuses.
    """
    chunks = tuple(min(_CHUNK, length) for length in shape)
    try:
        found = zarr.open_array(folder, mode="r+")
        if found.shape == shape and found.dtype == dtype and found.chunks == chunks:
            for left in folder.rglob("*.partial"):  # of a program killed while it wrote a chunk
                left.unlink()
            return found.with_config({"write_empty_chunks": True}), False
    except UNREADABLE:
        pass
    if folder.exists():
        shutil.rmtree(folder)
    made = zarr.create_array(
        folder,
        shape=shape,
        chunks=chunks,
        dtype=dtype,
        fill_value=0,
        compressors=_CODECS,
        dimension_names=("z", "y", "x"),
    )
    return made.with_config({"write_empty_chunks": True}), True
