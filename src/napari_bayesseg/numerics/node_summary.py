"""What is known about every component of a max-tree: sums, maxima and boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.compilation import compiled
from napari_bayesseg.numerics.max_tree import MaxTree
from napari_bayesseg.numerics.sparse_voxels import SparseVoxels

__all__ = ["NodeSummary", "summarise_nodes"]

Indices = NDArray[np.int64]
Places = NDArray[np.int32]
Singles = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NodeSummary:
    """One entry a node, over the voxels of the node and of all above it.

    Attributes
    ----------
    sums, errors : (m,) float64
        Sum of the measure and of the expected error.
    peaks : (m,) int32
        Place of the voxel with the largest value; the first in memory among equals.
    boxes : (m, 6) int32
        First voxel and one past the last, ``(z, y, x, z, y, x)``.
    """

    sums: Doubles
    errors: Doubles
    peaks: Places
    boxes: Places

    def fit(self, extent: Doubles) -> NDArray[np.bool_]:
        """Return which components are at most `extent` ``(3,)`` voxels long."""
        lengths = self.boxes[:, 3:] - self.boxes[:, :3]
        return np.asarray((lengths <= extent).all(axis=1))


def summarise_nodes(
    tree: MaxTree, voxels: SparseVoxels, values: Singles, expected_error: Singles
) -> NodeSummary:
    """Summarise all components of a tree in two passes.

    Parameters
    ----------
    tree : MaxTree
    voxels : SparseVoxels
    values, expected_error : (n,) float32
        Of each voxel.
    """
    count = tree.parents.size
    sums, errors = np.zeros(count), np.zeros(count)
    peaks = np.full(count, -1, np.int32)
    boxes = np.empty((count, 6), np.int32)
    boxes[:, :3], boxes[:, 3:] = np.iinfo(np.int32).max, 0
    _gather(
        tree.nodes, voxels.indices, np.array(voxels.shape), values, expected_error,
        sums, errors, peaks, boxes,
    )  # fmt: skip
    _add_to_parents(tree.parents, values, sums, errors, peaks, boxes)
    return NodeSummary(sums, errors, peaks, boxes)


@compiled
def _gather(
    nodes: Places,
    indices: Indices,
    shape: Indices,
    values: Singles,
    expected_error: Singles,
    sums: Doubles,
    errors: Doubles,
    peaks: Places,
    boxes: Places,
) -> None:
    for place in range(nodes.size):
        node = nodes[place]
        sums[node] += values[place]
        errors[node] += expected_error[place]
        if peaks[node] < 0 or values[place] > values[peaks[node]]:
            peaks[node] = place
        row = indices[place] // shape[2]
        x = np.int32(indices[place] - row * shape[2])
        z = np.int32(row // shape[1])
        y = np.int32(row - z * shape[1])
        boxes[node, 0] = min(boxes[node, 0], z)
        boxes[node, 1] = min(boxes[node, 1], y)
        boxes[node, 2] = min(boxes[node, 2], x)
        boxes[node, 3] = max(boxes[node, 3], z + 1)
        boxes[node, 4] = max(boxes[node, 4], y + 1)
        boxes[node, 5] = max(boxes[node, 5], x + 1)


@compiled
def _add_to_parents(
    parents: Places,
    values: Singles,
    sums: Doubles,
    errors: Doubles,
    peaks: Places,
    boxes: Places,
) -> None:
    for node in range(parents.size - 1, -1, -1):
        parent = parents[node]
        if parent < 0:
            continue
        sums[parent] += sums[node]
        errors[parent] += errors[node]
        mine, theirs = peaks[node], peaks[parent]
        if values[mine] > values[theirs] or (values[mine] == values[theirs] and mine < theirs):
            peaks[parent] = mine
        for axis in range(3):
            boxes[parent, axis] = min(boxes[parent, axis], boxes[node, axis])
            boxes[parent, axis + 3] = max(boxes[parent, axis + 3], boxes[node, axis + 3])
