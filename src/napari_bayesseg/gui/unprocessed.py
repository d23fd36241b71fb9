"""Where a result has no numbers yet, voxel by voxel but never stored as voxels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.inference.plan import BlockPlan
from napari_bayesseg.io.lazy import BlockArray

__all__ = ["Unprocessed"]


class Unprocessed(BlockArray):
    """``(Z, Y, X)`` uint8: 1 where no finished block has written, made from the block mask.

    Parameters
    ----------
    plan : BlockPlan
        Of the result.
    block_mask : array
        One number a block of the plan's grid, 0 where it is missing.
    """

    def __init__(self, plan: BlockPlan, block_mask: NDArray[Any]) -> None:
        super().__init__(plan.shape, np.dtype(np.uint8))
        self._plan = plan
        self.update(block_mask)

    def update(self, block_mask: NDArray[Any]) -> None:
        """Take over which blocks are finished now."""
        self._finished = np.asarray(block_mask, dtype=bool).reshape(self._plan.grid)

    @property
    def num_finished(self) -> int:
        """Number of finished blocks."""
        return int(np.count_nonzero(self._finished))

    @property
    def is_empty(self) -> bool:
        """Whether every voxel of the scan is processed."""
        return self._plan.roi == Roi.whole(self._plan.shape) and bool(self._finished.all())

    def _read_box(self, start: tuple[int, ...], stop: tuple[int, ...]) -> NDArray[Any]:
        voxels = [np.arange(low, high) for low, high in zip(start, stop, strict=True)]
        cells = [index // step for index, step in zip(voxels, self._plan.block_shape, strict=True)]
        inside = [
            (index >= low) & (index < high)
            for index, low, high in zip(
                voxels, self._plan.roi.start, self._plan.roi.stop, strict=True
            )
        ]
        processed = self._finished[np.ix_(*cells)]
        processed &= inside[0][:, None, None] & inside[1][:, None] & inside[2]
        return (~processed).view(np.uint8)
