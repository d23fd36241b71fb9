"""Draws that have nothing in common but the scan: each runs a network from its first layer on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.posteriors.protocol import BlockCost, ScanReader

__all__ = ["KeptBox", "WholeDrawCost"]


@dataclass(frozen=True)
class KeptBox:
    """A box of the padded scan in memory, from which parts are read again and again."""

    roi: Roi
    voxels: NDArray[np.float32]

    @classmethod
    def of(cls, roi: Roi, read: ScanReader) -> Self:
        """Read a box; an empty one is not asked for."""
        return cls(roi, read(roi) if roi.size else np.zeros(roi.shape, np.float32))

    def read(self, roi: Roi) -> NDArray[np.float32]:
        """Return a part of the box, as a scan reader does."""
        return np.ascontiguousarray(self.voxels[roi.relative_to(self.roi.start).slices])


@dataclass(frozen=True)
class WholeDrawCost:
    """What a block costs whose draws each do everything.

    Attributes
    ----------
    box_bytes : int
        Of the voxels that all draws read.
    network : BlockCost
        Of one draw.
    """

    box_bytes: int
    network: BlockCost

    def peak_bytes(self, parallel_draws: int) -> int:
        """Return the largest memory of tensors alive at a time, without the buffer of draws."""
        return self.box_bytes + parallel_draws * (self.box_bytes + self.network.peak_bytes(1))

    @property
    def heap_factor(self) -> float:
        """As that of one draw."""
        return self.network.heap_factor

    @property
    def fixed_operations(self) -> float:
        """Nothing is done once a block."""
        return 0.0

    @property
    def draw_operations(self) -> float:
        """Multiply-adds of each draw: all of them."""
        return self.network.fixed_operations + self.network.draw_operations
