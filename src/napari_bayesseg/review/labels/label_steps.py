"""Labels in memory that go forward and back with the operations of a journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import LazyArray
from napari_bayesseg.review.journal.operations import Operation
from napari_bayesseg.review.labels.stored_arrays import read_piece
from napari_bayesseg.review.labels.voxels import Labels, VoxelChange

__all__ = ["LabelSteps"]


class LabelSteps:
    """The labels of a review, and what they were before the first step.

    Attributes
    ----------
    base : lazy array (Z, Y, X)
        What the review began from.
    labels : (Z, Y, X) int
        After the operations in force.
    """

    def __init__(self, base: LazyArray, labels: Labels) -> None:
        self.base = base
        self.labels = labels
        z, y, x = labels.shape
        self.whole = Roi.whole((z, y, x))

    def expected(self, roi: Roi, operations: Iterable[Operation]) -> Labels:
        """Return the labels of a box after some operations: those of the base, then theirs.

        Raises
        ------
        StoreError
            If the base is damaged.
        """
        labels = read_piece(self.base, roi.slices, "the labels under review").astype(
            self.labels.dtype
        )
        for operation in operations:
            if operation.change is not None:
                operation.change.apply_to(labels, roi)
        return labels

    def follow(self, operation: Operation) -> None:
        """Write what an operation changes."""
        if operation.change is not None:
            operation.change.apply_to(self.labels, self.whole)

    def take_back(self, operation: Operation, former: Sequence[Operation]) -> None:
        """Give the voxels of an operation the labels that those beneath it tell.

        Raises
        ------
        StoreError
            If the base is damaged.
        """
        if operation.change is not None:
            box = operation.change.box
            self.replace(operation.change, self.expected(box, former))

    def replace(self, change: VoxelChange, labels: Labels) -> None:
        """Write labels given for the box of a change into the voxels of the change."""
        inside = change.voxels.mask()
        self.labels[change.box.slices][inside] = labels[inside]
