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
    "evaluated_box",
    "halves",
    "plan_blocks",
    "split_to_fit",
]

# Larger blocks waste less on halos; smaller ones show the first result sooner.
_PREFERRED_VOXELS = 2**19
# What Python and the libraries hold before any tensor exists.
BASE_BYTES = 600 * 10**6
_FLOAT_BYTES = 4
# For each voxel that is read ahead: float32 of this block and the next, and double precision, the
# stored value and a mask while the next is normalised.
_READ_BYTES = 4 + 4 + 8 + 8 + 1
# A card is filled by larger blocks only, and cuts those that are too large for it by itself.
_PREFERRED_DEVICE_VOXELS = 160**3
# A run stops between two draws, so a draw should end within about a second. Processors make some
# 5e10 to 1e11 multiply-adds a second on one thread; below a certain size a block is mostly halo.
_DRAW_OPERATIONS = 5e10
_SMALLEST_VOXELS = 32**3
# Results of changing sizes leave gaps in the heap.
_RESULTS_FACTOR = 2


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


def evaluated_box(core: Roi, limit: Roi) -> Roi:
    """Return the box in which a block's draws are computed: one voxel more at the high sides.

    The block owns the 2x2x2 cells whose lowest corner is in its core; so each cell of `limit`, the
    plan's roi, belongs to one block, and none reaches out of it.
    """
    z, y, x = (min(b + 1, n) for b, n in zip(core.stop, limit.stop, strict=True))
    return Roi(core.start, (z, y, x))


def block_bytes(
    posterior: Posterior, core: Roi, shape: Index3, num_samples: int, num_measures: int
) -> int:
    """Return the memory of a block while the next is read and the one before is written.

    Its tensors, the buffer of draws, its results and those before it, and the boxes read.
    """
    evaluated = evaluated_box(core, Roi.whole(shape))
    cost = posterior.cost(evaluated, shape)
    together = min(posterior.parallel_draws, num_samples)
    maps = posterior.num_classes + num_measures + 1
    results = 3 * _FLOAT_BYTES * maps * evaluated.size  # as computed, cropped, and being written
    buffer = _FLOAT_BYTES * num_samples * posterior.num_classes * evaluated.size
    read = _READ_BYTES * posterior.read_roi(evaluated, shape).size
    tensors = cost.heap_factor * cost.peak_bytes(together)
    return math.ceil(buffer + tensors + _RESULTS_FACTOR * results + read)


def halves(core: Roi, stride: Index3) -> tuple[Roi, Roi] | None:
    """Cut a box in two along its longest axis, at a multiple of the stride from its start.

    None where it is too small for that.
    """
    lengths = _halved(list(core.shape), stride)
    if lengths is None:
        return None
    axis = next(a for a in range(3) if lengths[a] != core.shape[a])
    stop, start = list(core.stop), list(core.start)
    stop[axis] = start[axis] = core.start[axis] + lengths[axis]
    low = Roi(core.start, (stop[0], stop[1], stop[2]))
    return low, Roi((start[0], start[1], start[2]), core.stop)


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

    Comfortable is a block that is soon there, and whose draws soon end (see `run_serially`).

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
        if _is_comfortable(posterior, centred, shape) and need <= budget:
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


def _is_comfortable(posterior: Posterior, core: Roi, shape: Index3) -> bool:
    if posterior.device.type != "cpu":
        return core.size <= _PREFERRED_DEVICE_VOXELS
    if core.size > _PREFERRED_VOXELS:
        return False
    evaluated = evaluated_box(core, Roi.whole(shape))
    quick = posterior.cost(evaluated, shape).draw_operations <= _DRAW_OPERATIONS
    return quick or core.size <= _SMALLEST_VOXELS


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
    parts = halves(core, posterior.stride)
    if need <= memory - BASE_BYTES or parts is None:
        yield core
        return
    for part in parts:
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
