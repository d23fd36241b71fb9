"""The protocol that every method of getting segmentation uncertainty implements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3, Roi

__all__ = ["BlockCost", "Draw", "FillingDraw", "Posterior", "ScanReader"]

ScanReader = Callable[[Roi], NDArray[np.float32]]
"""Returns normalised grey values of a box of the *padded* scan, ``(z, y, x)``."""


class BlockCost(Protocol):
    """What one block needs, known before it is run."""

    def peak_bytes(self, parallel_draws: int) -> int:
        """Return the largest memory of tensors alive at a time, without the buffer of draws."""
        ...

    @property
    def heap_factor(self) -> float:
        """How much larger the heap gets than what is alive at a time."""
        ...

    @property
    def fixed_operations(self) -> float:
        """Multiply-adds that are done once a block."""
        ...

    @property
    def draw_operations(self) -> float:
        """Multiply-adds of each draw."""
        ...


class Draw(Protocol):
    """One function from voxels to class probabilities, the same in every block."""

    def probabilities(self, features: Any) -> NDArray[np.float32]:
        """Return softmax ``(C, *core)`` for features made by the same posterior."""
        ...


@runtime_checkable
class FillingDraw(Draw, Protocol):
    """A draw that can write its probabilities where they are wanted."""

    def fill(self, features: Any, out: NDArray[np.float32]) -> None:
        """Write softmax to the contiguous array `out`, ``(C, *core)``."""
        ...


class Posterior(Protocol):
    """A distribution over functions from a scan to class probabilities.

    Block by block: `prepare` runs what all draws share, each :class:`Draw` runs the rest.
    """

    @property
    def num_classes(self) -> int:
        """Number of classes in the probabilities, at least 2."""
        ...

    @property
    def stride(self) -> Index3:
        """Block shapes are multiples of this."""
        ...

    @property
    def parallel_draws(self) -> int:
        """How many draws are best computed at a time."""
        ...

    @property
    def device(self) -> torch.device:
        """Where draws are computed."""
        ...

    @property
    def num_distinct(self) -> int | None:
        """How many draws there are before they repeat; None where they never do."""
        ...

    def warm_up(self) -> None:
        """Compile what the first block would wait for."""
        ...

    def read_roi(self, core: Roi, shape: Index3) -> Roi:
        """Return the box of the padded scan that :meth:`prepare` will read; may be empty."""
        ...

    def prepare(self, core: Roi, shape: Index3, read: ScanReader) -> Any:
        """Run the deterministic part for the output box `core` of a scan of `shape`.

        Any box inside the scan will do; it need not be aligned to the stride.
        """
        ...

    def draw(self, index: int, *, seed: int) -> Draw:
        """Return draw `index` of the run with `seed`: a function of this key alone."""
        ...

    def cost(self, core: Roi, shape: Index3) -> BlockCost:
        """Return what the block `core` needs in memory and operations."""
        ...
