"""Where the voxels of each class are, kept small."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3

__all__ = ["ClassVoxels"]


class ClassVoxels:
    """The voxels of each class as runs of equal labels in C order.

    A list of voxels would be larger than the volume itself; the runs of compact objects are as many
    as their surfaces have voxels, and a voxel is still drawn from all of them with equal chance.

    Parameters
    ----------
    labels : (Z, Y, X) int
        -1 is no class.
    """

    def __init__(self, labels: NDArray[Any]) -> None:
        self._shape = labels.shape
        flat = np.ascontiguousarray(labels).reshape(-1)
        starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
        lengths = np.diff(starts, append=flat.size)
        values = flat[starts]
        self._runs: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        for value in np.unique(values[values >= 0]).tolist():
            mine = values == value
            self._runs[value] = (starts[mine], np.cumsum(lengths[mine]))

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes that have a voxel, in ascending order."""
        return tuple(self._runs)

    @property
    def foreground(self) -> tuple[int, ...]:
        """The classes other than background, which is 0; background where there is no other."""
        return tuple(value for value in self._runs if value > 0) or self.classes

    def draw(self, value: int, generator: np.random.Generator) -> Index3:
        """Return a voxel of a class, each with equal chance."""
        starts, ends = self._runs[value]
        number = int(generator.integers(ends[-1]))
        run = int(np.searchsorted(ends, number, side="right"))
        before = int(ends[run - 1]) if run else 0
        z, y, x = np.unravel_index(int(starts[run]) + number - before, self._shape)
        return int(z), int(y), int(x)

    def draw_any(self, generator: np.random.Generator) -> Index3:
        """Return a voxel that has a class, each with equal chance."""
        counts = np.array([ends[-1] for _, ends in self._runs.values()], dtype=np.float64)
        value = int(generator.choice(self.classes, p=counts / counts.sum()))
        return self.draw(value, generator)
