"""What an operation tells about voxels, and how far back undo must look for what was told before.

Undo gives every voxel of an operation what the operations before it, still in force, say of that
voxel. They are asked from the latest backwards, and only until nothing is open any more: of a
hundred thousand operations mostly one or two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.review.journal.operations import Operation
from napari_bayesseg.review.labels.voxels import VoxelSet

__all__ = ["LABEL", "PAINT", "STATUS", "Beneath", "told_by"]

STATUS, PAINT, LABEL = np.uint8(1), np.uint8(2), np.uint8(4)
"""What may be told about a voxel: its status, whether a brush wrote last, its label."""


def told_by(operation: Operation) -> Iterator[tuple[VoxelSet, np.uint8]]:
    """Yield sets of voxels, each with what an operation tells about them."""
    # Accepting and deferring leave what was painted; the others write labels anew.
    keeps_paint = operation.kind in ("accept", "defer", "edit")
    for decision in operation.decisions:
        yield decision.voxels, STATUS if keeps_paint else STATUS | PAINT
    if operation.change is not None:
        is_stroke = operation.kind == "edit"
        yield operation.change.voxels, LABEL | PAINT if is_stroke else LABEL


class Beneath:
    """Which voxels of an operation still miss what they were before it."""

    def __init__(self, operation: Operation) -> None:
        self._extent = operation.extent
        self._open: NDArray[np.uint8] = np.zeros(self._extent.shape, np.uint8)
        self._left = 0
        for voxels, told in told_by(operation):
            if not voxels.box.is_empty:
                view = self._open[voxels.box.relative_to(self._extent.start).slices]
                inside = voxels.mask()
                before = np.count_nonzero(view[inside])
                view[inside] |= told
                self._left += int(np.count_nonzero(view[inside])) - int(before)

    def _answer(self, operation: Operation) -> bool:
        """Close what an earlier operation tells; return whether it told anything of that."""
        has_told = False
        for voxels, told in told_by(operation):
            part = voxels.intersection(self._extent)
            if part.box.is_empty:
                continue
            view = self._open[part.box.relative_to(self._extent.start).slices]
            inside = part.mask()
            values = view[inside]
            if (values & told).any():
                has_told = True
                rest = values & ~told
                self._left -= int(np.count_nonzero(values)) - int(np.count_nonzero(rest))
                view[inside] = rest
        return has_told

    def _misses(self, bounds: NDArray[np.integer[Any]]) -> bool:
        """Whether something is open inside boxes given as rows of start and stop."""
        origin = np.array(self._extent.start)
        starts = np.maximum(bounds[:, :3] - origin, 0).tolist()
        stops = np.maximum(bounds[:, 3:] - origin, 0).tolist()
        return any(
            self._open[z:c, y:b, x:a].any()
            for (z, y, x), (c, b, a) in zip(starts, stops, strict=True)
        )

    def among(
        self,
        newest_first: Iterable[tuple[int, NDArray[np.integer[Any]]]],
        get: Callable[[int], Operation],
    ) -> list[Operation]:
        """Return the operations that matter, the oldest first.

        Done again in this order on nothing, or on the labels that the review began from, they give
        what the voxels were.

        Parameters
        ----------
        newest_first : iterable of (int, (n, 6) int)
            Numbers of earlier operations, with the boxes that hold all their voxels.
        get : callable
            Gives an operation by its number; no more are asked for than needed.
        """
        found = []
        for number, bounds in newest_first:
            if self._left == 0:
                break
            if self._misses(bounds):
                former = get(number)
                if self._answer(former):
                    found.append(former)
        return found[::-1]
