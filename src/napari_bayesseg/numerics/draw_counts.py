"""Per-draw local counts: voxels of each class, and 2x2x2 cells by the corners that have it.

They add up over the parts of a volume, and give volume, surface area, mean curvature and Euler
number of each class in each draw.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.numerics.count_kernels import count_draw

__all__ = ["DrawCounts", "count_draws", "warm_up"]

NUM_CONFIGURATIONS = 256
"""Ways in which the eight corners of a cell may have a class or not."""

CountArray = NDArray[np.uint32] | NDArray[np.uint64]


@dataclass(frozen=True)
class DrawCounts:
    """What is counted in each of T draws for each of C classes; additive over disjoint parts.

    Attributes
    ----------
    voxels : (T, C) uint32, or uint64 in a sum
        Voxels with the class.
    configurations : (T, C, 256) uint32, or uint64 in a sum
        Cells of 2 x 2 x 2 voxels by corner code: bit ``4 dz + 2 dy + dx`` is set where the corner
        ``(dz, dy, dx)`` has the class.
    """

    voxels: CountArray
    configurations: CountArray

    def __add__(self, other: DrawCounts) -> DrawCounts:
        """Return the counts of both parts; in 64 bits, for a volume may hold 2**32 voxels."""
        return DrawCounts(
            np.add(self.voxels, other.voxels, dtype=np.uint64),
            np.add(self.configurations, other.configurations, dtype=np.uint64),
        )

    @classmethod
    def zeros(cls, num_draws: int, num_classes: int) -> DrawCounts:
        """Return the counts of no voxel at all."""
        shape = (num_draws, num_classes)
        return cls(np.zeros(shape, np.uint32), np.zeros((*shape, NUM_CONFIGURATIONS), np.uint32))


def count_draws(
    probs: NDArray[np.floating[Any]], core_shape: Index3, num_threads: int = 1
) -> DrawCounts:
    """Count the classes of softmax draws and the configurations of their 2x2x2 cells.

    A draw's class is the first with the largest probability; a voxel with a NaN in any class has
    none and is counted nowhere, nor does it fill a corner.

    Parameters
    ----------
    probs : (T, C, z, y, x) float32
        Of the core and at most one voxel more on the high side of each axis. One line in memory
        per draw and class; anything else is converted by a copy.
    core_shape : (z, y, x)
        The leading part of the box whose voxels are counted. A cell is counted where its lowest
        corner is in it and all eight corners are in the box: so each cell of a volume is counted
        in one block only, and none reaches across the volume's border.
    num_threads : int
        Threads to spread the draws over; the result does not depend on it.

    Returns
    -------
    DrawCounts
        In uint32.

    Raises
    ------
    SettingsError
        If the shapes or the number of threads make no sense.
    """
    values = np.asarray(probs, dtype=np.float32)
    _check(values, core_shape, num_threads)
    num_draws, num_classes, *shape = values.shape
    box = np.array([*shape, *core_shape], dtype=np.int64)
    size = int(np.prod(shape))
    layout = np.array([num_classes, size], dtype=np.int64)
    counts = DrawCounts.zeros(num_draws, num_classes)
    kind = np.uint8 if num_classes < 256 else np.uint16

    def work(t: int) -> None:
        line = np.ascontiguousarray(values[t]).reshape(-1)
        planes = np.empty((2, shape[1] * shape[2]), kind)
        count_draw(line, layout, box, planes, counts.voxels[t], counts.configurations[t])

    if num_threads == 1 or num_draws == 1:
        for t in range(num_draws):
            work(t)
    else:
        with ThreadPoolExecutor(num_threads, thread_name_prefix="count-draws") as pool:
            # Consumed so that an exception in a thread surfaces here.
            list(pool.map(work, range(num_draws)))
    # The lowest corner of a cell is bit 0: the odd codes are those whose voxel has the class.
    owned = counts.configurations[..., 1::2].sum(axis=-1, dtype=np.uint32)
    return DrawCounts(counts.voxels + owned, counts.configurations)


def warm_up() -> None:
    """Compile the kernel (seconds, once per machine), so that the first block does not wait."""
    count_draws(np.full((1, 2, 2, 2, 2), 0.5, dtype=np.float32), (1, 1, 1))


def _check(values: NDArray[np.float32], core_shape: Index3, num_threads: int) -> None:
    if values.ndim != 5 or values.shape[0] < 1 or values.shape[1] < 2:
        raise SettingsError(
            "probs must be (draws, classes, z, y, x) with one draw and two classes or more; "
            f"got shape {values.shape}"
        )
    if values.shape[1] > 65_535:
        raise SettingsError(f"at most 65535 classes can be counted; got {values.shape[1]}")
    box = values.shape[2:]
    if not all(
        1 <= core <= length <= core + 1 for core, length in zip(core_shape, box, strict=True)
    ):
        raise SettingsError(
            f"probs must hold the core and at most one voxel more along each axis; got {box} for "
            f"a core of {tuple(core_shape)}"
        )
    if num_threads < 1:
        raise SettingsError(f"num_threads must be 1 or more; got {num_threads}")
