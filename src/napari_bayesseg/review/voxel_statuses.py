"""What was last decided about every voxel, so that decisions outlive the regions of the day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.numerics.region_votes import count_votes
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.operations import Operation
from napari_bayesseg.review.status import Status
from napari_bayesseg.review.voxels import VoxelSet

__all__ = ["VoxelStatuses"]

_STATUSES = tuple(Status)  # a status is stored as its place here: pending is 0
_PAINTED = np.uint8(8)  # beside the status: the label was last written by a brush
_CELL = 16  # voxels along a side of a cell of the coarse map


class VoxelStatuses:
    """The status of every voxel, and whether it was painted.

    Memory is taken only where something was decided: the rest of the map stays the system's
    untouched zeros.
    """

    def __init__(self, shape: Index3) -> None:
        self._codes = np.zeros(shape, np.uint8)
        # Whether anything ever happened in a cell: regions elsewhere need no count.
        self._touched = np.zeros([-(-length // _CELL) for length in shape], np.bool_)

    def apply(self, operation: Operation, clip: Roi | None = None) -> None:
        """Take an operation in, or its part inside a box; the latest wins for every voxel."""
        # Accepting and deferring leave what was painted; the others write labels anew.
        keeps_paint = operation.kind in ("accept", "defer", "edit")
        for decision in operation.decisions:
            voxels = decision.voxels if clip is None else decision.voxels.intersection(clip)
            code = np.uint8(_STATUSES.index(decision.after))
            codes, inside = self._codes[voxels.box.slices], voxels.mask()
            codes[inside] = (codes[inside] & _PAINTED) | code if keeps_paint else code
            self._touched[_cells(voxels.box)] = True
        if operation.kind == "edit" and operation.change is not None:
            voxels = operation.change.voxels
            voxels = voxels if clip is None else voxels.intersection(clip)
            self._codes[voxels.box.slices][voxels.mask()] |= _PAINTED

    def take_back(self, operation: Operation, extent: Roi, remaining: Iterable[Operation]) -> None:
        """Undo the last operation, given the box around it and the operations that meet that."""
        for voxels in _voxels(operation):
            self._codes[voxels.box.slices][voxels.mask()] = 0
        # Inside the box everything is applied again. Voxels that the operation left alone come
        # out as they were: who wrote last there has not changed.
        for former in remaining:
            self.apply(former, extent)

    def of_regions(self, region_labels: RegionMap, regions: Sequence[Region]) -> dict[int, Status]:
        """Return the status that more than half of a region's voxels have, else pending."""
        statuses = {region.id: Status.PENDING for region in regions}
        concerned = [region for region in regions if self._touched[_cells(region.box)].any()]
        if not concerned:
            return statuses
        voxels, ends = region_labels.voxels_of([region.id for region in concerned])
        votes = count_votes(self._codes.reshape(-1), voxels, ends, 2 * int(_PAINTED))
        votes = votes[:, :_PAINTED] + votes[:, _PAINTED:]
        for region, winner, most in zip(
            concerned, votes.argmax(axis=1).tolist(), votes.max(axis=1).tolist(), strict=True
        ):
            if 2 * most > region.voxel_count:
                statuses[region.id] = _STATUSES[winner]
        return statuses

    def prepare(self) -> None:
        """Load the compiled code, so that no decision waits for it."""
        nothing = np.zeros(0, np.int64)
        count_votes(self._codes.reshape(-1)[:1], nothing, nothing, 2 * int(_PAINTED))

    def painted(self, box: Roi) -> NDArray[np.bool_]:
        """Return which voxels of a box were last written by a brush."""
        return (self._codes[box.slices] & _PAINTED) > 0

    def have(self, box: Roi, status: Status) -> NDArray[np.bool_]:
        """Return which voxels of a box have a status."""
        codes = self._codes[box.slices] & ~_PAINTED
        return np.asarray(codes == _STATUSES.index(status))


def _voxels(operation: Operation) -> Iterator[VoxelSet]:
    """Yield the sets of voxels that an operation is about."""
    yield from (decision.voxels for decision in operation.decisions)
    if operation.change is not None:
        yield operation.change.voxels


def _cells(box: Roi) -> tuple[slice, ...]:
    """Return the cells that a box meets."""
    return tuple(
        slice(low // _CELL, -(-high // _CELL))
        for low, high in zip(box.start, box.stop, strict=True)
    )
