"""What was last decided about every voxel, so that decisions outlive the regions of the day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.numerics.region_list import RegionList
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.numerics.region_votes import count_votes
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.journal.operations import Operation
from napari_bayesseg.review.journal.taking_back import LABEL, PAINT, STATUS, told_by
from napari_bayesseg.review.status import Status

__all__ = ["VoxelStatuses"]

_STATUSES = tuple(Status)  # a status is stored as its place here: pending is 0
_PAINTED = np.uint8(8)  # beside the status: the label was last written by a brush
_CELL = 16  # voxels along a side of a cell of the coarse map
# By the stored number: whether a person has settled the label. A stroke outside every region
# settles it too; who defers a region is not sure yet, painted or not.
_IS_DECIDED = np.array(
    [status.is_decided for status in _STATUSES]
    + [False] * (int(_PAINTED) - len(_STATUSES))
    + [status.is_decided or status is Status.PENDING for status in _STATUSES]
)


class VoxelStatuses:
    """The status of every voxel, and whether it was painted.

    Memory is taken only where something was decided: the rest of the map stays the system's
    untouched zeros.
    """

    def __init__(self, shape: Index3) -> None:
        self._codes = np.zeros(shape, np.uint8)
        self._shape = shape
        # Whether anything ever happened in a cell: what is elsewhere needs no count and no copy.
        self._touched = np.zeros([-(-length // _CELL) for length in shape], np.bool_)

    def apply(self, operation: Operation) -> None:
        """Take an operation in; the latest wins for every voxel."""
        _write(self._codes, Roi.whole(self._shape), operation)
        for voxels, _ in told_by(operation):
            self._touched[_cells(voxels.box)] = True

    def take_back(self, operation: Operation, former: Iterable[Operation]) -> None:
        """Undo the last operation, given those beneath it, the oldest first."""
        extent = operation.extent
        before = np.zeros(extent.shape, np.uint8)
        for other in former:
            _write(before, extent, other)
        for voxels, told in told_by(operation):
            if voxels.box.is_empty or told == LABEL:
                continue
            concerned = np.uint8(0)
            concerned |= ~_PAINTED if told & STATUS else np.uint8(0)
            concerned |= _PAINTED if told & PAINT else np.uint8(0)
            inside, codes = voxels.mask(), self._codes[voxels.box.slices]
            restored = before[voxels.box.relative_to(extent.start).slices][inside]
            codes[inside] = (codes[inside] & ~concerned) | (restored & concerned)

    def planes(self, start: int, stop: int) -> NDArray[np.uint8] | None:
        """Return the stored numbers of some planes, as a view; None where nothing happened."""
        cells = slice(start // _CELL, -(-stop // _CELL))
        return self._codes[start:stop] if self._touched[cells].any() else None

    def restore(self, start: int, codes: NDArray[np.uint8]) -> None:
        """Become what :meth:`planes` gave, from plane `start` on."""
        stop = start + len(codes)
        self._codes[start:stop] = codes
        for low in range(start // _CELL, -(-stop // _CELL)):
            layer = self._codes[low * _CELL : (low + 1) * _CELL]
            rows, columns = (np.arange(0, n, _CELL) for n in self._shape[1:])
            hit = np.add.reduceat(layer.any(axis=0), rows, axis=0, dtype=np.int64)
            self._touched[low] = np.add.reduceat(hit, columns, axis=1) > 0

    def of_regions(self, region_labels: RegionMap, regions: Sequence[Region]) -> dict[int, Status]:
        """Return the status that more than half of a region's voxels have, else pending."""
        columns = RegionList.of(regions)
        statuses = dict.fromkeys(columns.ids.tolist(), Status.PENDING)
        concerned = np.flatnonzero(self._are_touched(columns.boxes))
        if not concerned.size:
            return statuses
        ids = columns.ids[concerned].tolist()
        voxels, ends = region_labels.voxels_of(ids)
        votes = count_votes(self._codes.reshape(-1), voxels, ends, 2 * int(_PAINTED))
        votes = votes[:, :_PAINTED] + votes[:, _PAINTED:]
        most = 2 * votes.max(axis=1) > columns.voxel_counts[concerned]
        for name, winner, wins in zip(
            ids, votes.argmax(axis=1).tolist(), most.tolist(), strict=True
        ):
            if wins:
                statuses[name] = _STATUSES[winner]
        return statuses

    def _are_touched(self, boxes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which of some boxes ``(n, 6)`` meet a cell in which something was decided."""
        sums = np.zeros([length + 1 for length in self._touched.shape], np.int64)
        sums[1:, 1:, 1:] = self._touched.cumsum(0).cumsum(1).cumsum(2)
        low, high = boxes[:, :3] // _CELL, -(-boxes[:, 3:] // _CELL)
        counts = np.zeros(len(boxes), np.int64)
        for corner in np.ndindex(2, 2, 2):
            z, y, x = np.where(corner, high, low).T
            counts += (-1) ** (3 - sum(corner)) * sums[z, y, x]
        return counts > 0

    def prepare(self) -> None:
        """Load the compiled code, so that no decision waits for it."""
        nothing = np.zeros(0, np.int64)
        count_votes(self._codes.reshape(-1)[:1], nothing, nothing, 2 * int(_PAINTED))

    def painted(self, box: Roi) -> NDArray[np.bool_]:
        """Return which voxels of a box were last written by a brush."""
        return (self._codes[box.slices] & _PAINTED) > 0

    def decided(self, box: Roi) -> NDArray[np.bool_]:
        """Return in which voxels of a box a person has settled the label."""
        return _IS_DECIDED[self._codes[box.slices]]

    def count_decided(self, start: int, stop: int) -> int:
        """Return how many voxels of some planes :meth:`decided` gives."""
        touched = self._touched[start // _CELL : -(-stop // _CELL)]
        rows = np.flatnonzero(touched.any(axis=(0, 2)))
        columns = np.flatnonzero(touched.any(axis=(0, 1)))
        if not rows.size:
            return 0
        y, y1 = int(rows[0]) * _CELL, (int(rows[-1]) + 1) * _CELL
        x, x1 = int(columns[0]) * _CELL, (int(columns[-1]) + 1) * _CELL
        return int(np.count_nonzero(_IS_DECIDED[self._codes[start:stop, y:y1, x:x1]]))

    def have(self, box: Roi, status: Status) -> NDArray[np.bool_]:
        """Return which voxels of a box have a status."""
        codes = self._codes[box.slices] & ~_PAINTED
        return np.asarray(codes == _STATUSES.index(status))


def _write(codes: NDArray[np.uint8], box: Roi, operation: Operation) -> None:
    """Write an operation into an array that holds the voxels of `box`."""
    keeps_paint = operation.kind in ("accept", "defer", "edit")
    for decision in operation.decisions:
        voxels = decision.voxels.intersection(box)
        if voxels.box.is_empty:
            continue
        code = np.uint8(_STATUSES.index(decision.after))
        view, inside = codes[voxels.box.relative_to(box.start).slices], voxels.mask()
        view[inside] = (view[inside] & _PAINTED) | code if keeps_paint else code
    if operation.kind == "edit" and operation.change is not None:
        voxels = operation.change.voxels.intersection(box)
        if not voxels.box.is_empty:
            codes[voxels.box.relative_to(box.start).slices][voxels.mask()] |= _PAINTED


def _cells(box: Roi) -> tuple[slice, ...]:
    """Return the cells that a box meets."""
    return tuple(
        slice(low // _CELL, -(-high // _CELL))
        for low, high in zip(box.start, box.stop, strict=True)
    )
