"""Which voxels a person has looked at, as far as a history can tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.review.journal.operations import Operation
from napari_bayesseg.review.labels.voxels import VoxelSet

__all__ = ["LookedAt"]


class LookedAt:
    """The voxels of the places that were decided one by one, and those that were painted.

    A decision about many regions at once is no look at any of them, nor is one about the single
    region that a bulk step happened to find. What was reopened or deferred waits for a
    look again. The latest operation counts for every voxel.

    Parameters
    ----------
    operations : iterable of Operation
        In force, the oldest first.
    """

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._looks = [look for operation in operations for look in _looks(operation)]
        boxes = [(*voxels.box.start, *voxels.box.stop) for voxels, _ in self._looks]
        self._bounds = np.array(boxes, np.int64).reshape(-1, 6)

    def within(self, box: Roi) -> NDArray[np.bool_]:
        """Return which voxels of a box were looked at."""
        looked = np.zeros(box.shape, np.bool_)
        low, high = self._bounds[:, :3], self._bounds[:, 3:]
        met = ((low < box.stop) & (high > box.start)).all(axis=1)
        for place in np.flatnonzero(met).tolist():
            voxels, value = self._looks[place]
            part = voxels.intersection(box)
            looked[part.box.relative_to(box.start).slices][part.mask()] = value
        return looked


def _looks(operation: Operation) -> Iterator[tuple[VoxelSet, bool]]:
    """Yield sets of voxels, each with whether it counts as looked at from then on."""
    if operation.kind in ("reopen", "defer"):
        yield from ((decision.voxels, False) for decision in operation.decisions)
    elif operation.is_look:
        yield from ((decision.voxels, True) for decision in operation.decisions)
    if operation.kind == "edit" and operation.change is not None:
        yield operation.change.voxels, True
