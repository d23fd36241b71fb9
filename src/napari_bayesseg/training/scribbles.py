"""Labels of which only some voxels are painted: 0 says nothing, and class 0 is painted as 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.volume import LazyArray, Volume
from napari_bayesseg.io.lazy import BlockArray

__all__ = ["UNLABELLED", "as_scribbles", "label_counts"]

UNLABELLED = 65535
"""What an unpainted voxel of :func:`as_scribbles` holds: the `ignore_label` to train with."""

_VOXELS_AT_ONCE = 2**21


def as_scribbles(labels: Volume) -> Volume:
    """Return painted labels as classes from 0, and unpainted voxels as :data:`UNLABELLED`.

    In a labels layer 0 is what nobody has painted, so whoever paints two classes paints them as 1
    and 2: these become classes 0 and 1. Nothing is read or copied before somebody reads from it.
    """
    dtype = np.dtype(np.int32)
    return Volume(_Scribbles(labels.data), replace(labels.spec, dtype=dtype.name))


class _Scribbles(BlockArray):
    def __init__(self, painted: LazyArray) -> None:
        super().__init__(painted.shape, np.dtype(np.int32))
        self._painted = painted

    def _read_box(self, start: tuple[int, ...], stop: tuple[int, ...]) -> NDArray[Any]:
        box = np.asarray(self._painted[tuple(map(slice, start, stop))])
        # What is beyond all classes stays so, and is refused with its layer's name.
        painted = np.clip(box, -1, UNLABELLED).astype(np.int32)
        classes: NDArray[np.int32] = np.where(painted > 0, painted - 1, painted)
        classes[painted == 0] = UNLABELLED
        return classes


def label_counts(
    labels: LazyArray, should_stop: Callable[[], bool] = lambda: False
) -> dict[int, int]:
    """Return how many voxels each label value has, by rising value.

    Parameters
    ----------
    labels : (Z, Y, X) integers or booleans
        Read some slices at a time.
    should_stop : callable
        Asked in between; what was counted by then is returned.
    """
    counts: dict[int, int] = {}
    for slab in _slabs(labels.shape):
        if should_stop():
            break
        values, numbers = np.unique(np.asarray(labels[slab]), return_counts=True)
        for value, number in zip(values.tolist(), numbers.tolist(), strict=True):
            counts[int(value)] = counts.get(int(value), 0) + number
    return dict(sorted(counts.items()))


def _slabs(shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Cut along the first axis and, where one slice is large, along the second."""
    depth, height, width = shape
    rows = max(1, min(height, _VOXELS_AT_ONCE // width))
    slices = max(1, _VOXELS_AT_ONCE // (rows * width)) if rows == height else 1
    for z in range(0, depth, slices):
        for y in range(0, height, rows):
            yield slice(z, z + slices), slice(y, y + rows), slice(0, width)
