"""Blocks that were computed in parts."""

from __future__ import annotations

import numpy as np

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.inference.block import BlockResult
from napari_bayesseg.numerics.draw_counts import DrawCounts

__all__ = ["Assembly"]


class Assembly:
    """The parts of a block, put together as they come.

    Parameters
    ----------
    core : Roi
        Of the whole block.
    """

    def __init__(self, core: Roi) -> None:
        self._core = core
        self._whole: BlockResult | None = None

    def add(self, part: Roi, result: BlockResult) -> None:
        """Put in the result of a part; its counts are added."""
        if self._whole is None:
            self._whole = BlockResult(
                np.zeros(self._core.shape, result.labels.dtype),
                np.empty((len(result.mean_probability), *self._core.shape), np.float32),
                {name: np.empty(self._core.shape, np.float32) for name in result.measures},
                DrawCounts.zeros(*result.counts.voxels.shape),
            )
        whole, inside = self._whole, part.relative_to(self._core.start).slices
        for name, values in result.arrays.items():
            whole.arrays[name][(..., *inside)] = values
        # Back to 32 bits, of which a block's counts never need more: what is stored is the same
        # whether a block was cut into parts or not.
        total = whole.counts + result.counts
        counts = DrawCounts(total.voxels.astype(np.uint32), total.configurations.astype(np.uint32))
        self._whole = BlockResult(whole.labels, whole.mean_probability, whole.measures, counts)

    def result(self) -> BlockResult:
        """Return the whole block."""
        assert self._whole is not None
        return self._whole
