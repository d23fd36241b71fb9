"""Where the labels of two results differ, looked up when a slice is asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.inference.result import Result
from napari_bayesseg.io.chunk_cache import ChunkCache
from napari_bayesseg.io.lazy import BlockArray

__all__ = ["DifferenceArray", "processed_part"]


class DifferenceArray(BlockArray):
    """``(Z, Y, X)`` uint8: 1 where both results have labels, and other ones.

    Parameters
    ----------
    first, second : Result
        Of one shape.
    """

    def __init__(self, first: Result, second: Result) -> None:
        super().__init__(first.spec.shape, np.dtype(np.uint8))
        self._results = (first, second)
        self._labels = tuple(ChunkCache(result.labels) for result in self._results)

    @property
    def second_labels(self) -> ChunkCache:
        """Labels of the second result, with the chunks that were read last."""
        return self._labels[1]

    def _read_box(self, start: tuple[int, ...], stop: tuple[int, ...]) -> NDArray[np.uint8]:
        box = Roi((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
        here, there = (np.asarray(labels[box.slices]) for labels in self._labels)
        differs = here != there
        if differs.any():
            for result in self._results:
                differs &= processed_part(result, box)
        codes: NDArray[np.uint8] = differs.view(np.uint8)
        return codes


def processed_part(result: Result, box: Roi) -> NDArray[np.bool_]:
    """Return where a result has numbers, in a box: an array of its shape."""
    mask = np.zeros(box.shape, np.bool_)
    plan = result.plan
    for index in np.flatnonzero(np.asarray(result.block_mask).ravel()):
        part = plan.block(int(index)).core.intersection(box)
        if not part.is_empty:
            mask[part.relative_to(box.start).slices] = True
    return mask
