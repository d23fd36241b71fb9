"""Which blocks a prediction is made of, and what it will cost. Pure: no IO, no torch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.posteriors.protocol import Posterior

__all__ = [
    "BASE_BYTES",
    "Block",
    "BlockPlan",
    "block_bytes",
    "check_block_shape",
    "choose_block_shape",
    "plan_blocks",
    "split_to_fit",
]

# Larger blocks waste less on halos; smaller ones show the first result sooner.
_PREFERRED_VOXELS = 48 * 96 * 96
# What Python and the libraries hold before any tensor exists.
BASE_BYTES = 600 * 10**6
_FLOAT_BYTES = 4
# A heap that keeps what is freed, for draws side by side, has gaps: peaks of 1.6 to 2.1 times what
# is alive at a time were seen, the more the smaller the blocks.
_HEAP_FACTOR = 2


@dataclass(frozen=True)
class Block:
    """One piece of work: the box `core` is computed and written at once.

    Attributes
    ----------
    index : int
        Position in the grid's C order; names the block in the ledger.
    core : Roi
        Voxels that the block writes; the halo is added by the posterior.
    """

    index: int
    core: Roi


@dataclass(frozen=True)
class BlockPlan:
    """The blocks of a prediction.

    Attributes
    ----------
    shape : (Z, Y, X)
        Of the scan.
    roi : Roi
        What is to be predicted.
    block_shape : (Z, Y, X)
        Of the grid, whose first block starts at voxel (0, 0, 0) of the scan.
    """

    shape: Index3
    roi: Roi
    block_shape: Index3

    @property
    def grid(self) -> Index3:
        """Number of blocks along each axis of the whole scan."""
        z, y, x = (-(-n // b) for n, b in zip(self.shape, self.block_shape, strict=True))
        return z, y, x

    def block(self, index: int) -> Block:
        """Return the block of a grid position; its core is cut to the roi and may be empty."""
        _, rows, columns = self.grid
        position = (index // (rows * columns), index // columns % rows, index % columns)
        start = [p * b for p, b in zip(position, self.block_shape, strict=True)]
        stop = [s + b for s, b in zip(start, self.block_shape, strict=True)]
        box = Roi((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
        return Block(index, box.intersection(self.roi))

    def blocks(self, focus: Index3 | None = None) -> list[Block]:
        """Return the blocks that meet the roi, nearest to `focus` first (else in C order)."""
        cells = (self.block(index) for index in range(math.prod(self.grid)))
        found = [block for block in cells if not block.core.is_empty]
        if focus is None:
            return found

        def distance(block: Block) -> float:
            centre = [(a + b) / 2 for a, b in zip(block.core.start, block.core.stop, strict=True)]
            return math.dist(centre, focus)

        return sorted(found, key=distance)


def check_block_shape(block_shape: Index3, shape: Index3, stride: Index3) -> None:
    """Refuse a block shape that is neither a multiple of the stride nor the whole axis.

    Raises
    ------
    SettingsError
        Naming the nearest valid shape.
    """
    nearest = []
    for wanted, length, step in zip(block_shape, shape, stride, strict=True):
        rounded = max(step, (wanted + step // 2) // step * step)
        nearest.append(length if wanted == length or rounded >= length else rounded)
    if tuple(nearest) != block_shape and any(
        wanted % step and wanted != length
        for wanted, length, step in zip(block_shape, shape, stride, strict=True)
    ):
        raise SettingsError(
            f"block_shape must be a multiple of the network's stride {stride} or the whole axis; "
            f"got {block_shape} for a scan of {shape}: the nearest valid shape is {tuple(nearest)}"
        )


def block_bytes(
    posterior: Posterior, core: Roi, shape: Index3, num_samples: int, num_measures: int
) -> int:
    """Return the memory of a block: its tensors, the buffer of draws, and its results."""
    cost = posterior.cost(core, shape)
    draws = num_samples * posterior.num_classes + 2 * posterior.num_classes + num_measures
    together = min(posterior.parallel_draws, num_samples)
    return _HEAP_FACTOR * (cost.peak_bytes(together) + _FLOAT_BYTES * draws * core.size)


def _halved(lengths: list[int], stride: Index3) -> list[int] | None:
    """Halve the longest axis that can still be halved, to a multiple of the stride."""
    axes = sorted(range(3), key=lambda axis: -lengths[axis])
    for axis in axes:
        half = -(-lengths[axis] // 2 // stride[axis]) * stride[axis]
        if half < lengths[axis]:
            return [half if a == axis else n for a, n in enumerate(lengths)]
    return None


def choose_block_shape(
    posterior: Posterior, shape: Index3, *, memory: int, num_samples: int, num_measures: int
) -> Index3:
    """Halve the scan until a block is of a comfortable size and fits the memory budget.

    Raises
    ------
    SettingsError
        If not even one stride of voxels fits.
    """
    budget = memory - BASE_BYTES
    lengths = list(shape)
    while True:
        core = Roi((0, 0, 0), (lengths[0], lengths[1], lengths[2]))
        centred = _central(core, shape)
        need = block_bytes(posterior, centred, shape, num_samples, num_measures)
        if core.size <= _PREFERRED_VOXELS and need <= budget:
            return core.shape
        smaller = _halved(lengths, posterior.stride)
        if smaller is None:
            if need <= budget:
                return core.shape
            raise SettingsError(
                f"memory must be at least {math.ceil((need + BASE_BYTES) / 1e6)}MB for this model; "
                f"got {memory / 1e6:g}MB"
            )
        lengths = smaller


def _central(core: Roi, shape: Index3) -> Roi:
    # A block in the middle has a halo on all sides and so costs most.
    start = [(n - c) // 2 for n, c in zip(shape, core.shape, strict=True)]
    stop = [s + c for s, c in zip(start, core.shape, strict=True)]
    return Roi((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


def split_to_fit(
    posterior: Posterior,
    core: Roi,
    shape: Index3,
    *,
    memory: int,
    num_samples: int,
    num_measures: int,
) -> Iterator[Roi]:
    """Cut a block's core into parts that fit the budget; exact, because tiling is.

    Parts are no smaller than the stride: below it they would cost the same again and again. The
    ledger's blocks stay as they are, so a run can be resumed with another budget.
    """
    need = block_bytes(posterior, core, shape, num_samples, num_measures)
    halves = _halved(list(core.shape), posterior.stride)
    if need <= memory - BASE_BYTES or halves is None:
        yield core
        return
    axis = next(a for a in range(3) if halves[a] != core.shape[a])
    middle = core.start[axis] + halves[axis]
    for low, high in ((core.start[axis], middle), (middle, core.stop[axis])):
        start, stop = list(core.start), list(core.stop)
        start[axis], stop[axis] = low, high
        part = Roi((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
        yield from split_to_fit(
            posterior,
            part,
            shape,
            memory=memory,
            num_samples=num_samples,
            num_measures=num_measures,
        )


def plan_blocks(shape: Index3, roi: Roi, block_shape: Index3, stride: Index3) -> BlockPlan:
    """Return the plan of a prediction.

    Raises
    ------
    SettingsError
        If the block shape does not fit stride and scan.
    """
    check_block_shape(block_shape, shape, stride)
    z, y, x = (min(b, n) for b, n in zip(block_shape, shape, strict=True))
    return BlockPlan(shape, roi, (z, y, x))
