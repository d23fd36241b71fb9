"""Softmax arrays made elsewhere, as a posterior: each member is one draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from napari_bayesseg.core.errors import FormatError, SettingsError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.io.probabilities import ProbabilityStack
from napari_bayesseg.posteriors.protocol import ScanReader

__all__ = ["ProbabilityPosterior"]

_SUM_TOLERANCE = 1e-3


class _ReadingCost(NamedTuple):
    member_bytes: int
    fixed_operations: float = 0.0
    draw_operations: float = 0.0
    heap_factor: float = 2.0

    def peak_bytes(self, parallel_draws: int) -> int:
        return parallel_draws * self.member_bytes


@dataclass(frozen=True)
class _Member:
    stack: ProbabilityStack
    index: int

    def probabilities(self, features: Roi) -> NDArray[np.float32]:
        """Read one member's softmax for a box, checked and made to sum to 1 exactly."""
        values = self.stack.read(self.index, features)
        total = values.sum(axis=0, dtype=np.float64)
        valid = np.isfinite(total)
        if np.any(values[:, valid] < -_SUM_TOLERANCE) or np.any(
            np.abs(total[valid] - 1.0) > _SUM_TOLERANCE
        ):
            worst = total[valid][np.argmax(np.abs(total[valid] - 1.0))]
            raise FormatError(
                f"{self.stack.describe(self.index)}: probabilities must be >= 0 and sum to 1 "
                f"over classes within {_SUM_TOLERANCE}; got a sum of {worst:.6g} in voxels "
                f"{features}: is it softmax output, with the class axis first?"
            )
        return (np.clip(values, 0.0, None) / np.where(total > 0, total, 1.0)).astype(np.float32)


@dataclass(frozen=True)
class ProbabilityPosterior:
    """A finite set of softmax volumes; draw t is member t."""

    stack: ProbabilityStack

    @property
    def num_classes(self) -> int:
        """Number of classes in the probabilities."""
        return self.stack.num_classes

    @property
    def stride(self) -> Index3:
        """Any block shape fits."""
        return (1, 1, 1)

    @property
    def parallel_draws(self) -> int:
        """Members are read one after the other."""
        return 1

    @property
    def device(self) -> torch.device:
        """Files are read by the processor."""
        return torch.device("cpu")

    @property
    def num_distinct(self) -> int:
        """Return the number of members."""
        return self.stack.num_members

    def warm_up(self) -> None:
        """Do nothing: nothing is compiled."""

    def read_roi(self, core: Roi, shape: Index3) -> Roi:
        """Return an empty box: the scan itself isn't read."""
        return Roi(core.start, core.start)

    def prepare(self, core: Roi, shape: Index3, read: ScanReader) -> Roi:
        """Nothing is shared between members but the box."""
        return core

    def draw(self, index: int, *, seed: int) -> _Member:
        """Return member `index`; the seed plays no part."""
        if not 0 <= index < self.stack.num_members:
            raise SettingsError(
                f"draw must be one of the {self.stack.num_members} members, from 0; got {index}"
            )
        return _Member(self.stack, index)

    def cost(self, core: Roi, shape: Index3) -> _ReadingCost:
        """Return the memory of one member's box."""
        return _ReadingCost(12 * self.num_classes * core.size)
