"""What is known about each group of voxels, gathered without a pass over the volume per group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.numerics.compilation import compiled

__all__ = ["GroupSummary", "bounding_boxes", "summarise_groups"]

Indices = NDArray[np.int64]
Doubles = NDArray[np.float64]

_PERCENTILE = 95.0


@dataclass(frozen=True)
class GroupSummary:
    """One entry per group, n in all.

    Attributes
    ----------
    counts : (n,) int64
        Voxels.
    boxes : (n, 6) int64
        First voxel and one past the last, ``(z, y, x, z, y, x)``.
    errors : (n,) float64
        Sum of the expected error.
    means, percentiles, maxima : (n,) float64
        Mean, 95th percentile and maximum of the measure.
    peaks : (n,) int64
        Flat index of the maximum.
    shares : (n, C) int64
        Voxels of every predicted class.
    """

    counts: Indices
    boxes: Indices
    errors: Doubles
    means: Doubles
    percentiles: Doubles
    maxima: Doubles
    peaks: Indices
    shares: Indices

    def position(self, group: int, shape: Index3) -> Index3:
        """Voxel of the group's maximum."""
        z, y, x = np.unravel_index(int(self.peaks[group]), shape)
        return int(z), int(y), int(x)

    def classes(self, group: int) -> tuple[int, ...]:
        """Classes in the group, the most frequent first; equals in order of class."""
        shares = self.shares[group]
        ranking = np.argsort(-shares, kind="stable")
        return tuple(int(c) for c in ranking[: np.count_nonzero(shares)])


def summarise_groups(
    measure: NDArray[np.float32],
    inside: Indices,
    ids: Indices,
    expected_error: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
) -> GroupSummary:
    """Summarise groups of voxels.

    Parameters
    ----------
    measure, expected_error, labels : (Z, Y, X)
    inside : (m,) int64
        Flat indices of the voxels that belong to a group, ascending.
    ids : (m,) int64
        Group of each, from 0 without gaps.
    """
    values = measure.reshape(-1)[inside]
    errors = expected_error.reshape(-1)[inside]
    counts = np.bincount(ids)
    ends = np.cumsum(counts)
    members = np.argsort(ids, kind="stable")
    classes = labels.reshape(-1)[inside].astype(np.int64)
    num_classes = int(classes.max()) + 1
    shares = np.bincount(ids * num_classes + classes, minlength=counts.size * num_classes)
    percentiles, peaks = _order_statistics(values[members], ends - counts, ends)
    peaks = members[peaks]
    return GroupSummary(
        counts=counts,
        boxes=bounding_boxes(inside, ids, measure.shape),
        errors=np.bincount(ids, weights=errors).astype(np.float64),
        means=np.bincount(ids, weights=values) / counts,
        percentiles=percentiles,
        maxima=values[peaks].astype(np.float64),
        peaks=inside[peaks],
        shares=shares.reshape(counts.size, num_classes),
    )


def bounding_boxes(
    indices: Indices, ids: NDArray[np.integer[Any]], shape: tuple[int, ...]
) -> Indices:
    """Return the box of every group as ``(n, 6)``: first voxel, then one past the last."""
    boxes = np.empty((int(ids.max()) + 1, 6), dtype=np.int64)
    boxes[:, :3] = np.iinfo(np.int64).max
    boxes[:, 3:] = 0
    _extend_boxes(indices, ids.astype(np.int64), np.array(shape), boxes)
    return boxes


@compiled
def _extend_boxes(indices: Indices, ids: Indices, shape: Indices, boxes: Indices) -> None:
    for n in range(indices.size):
        index, group = indices[n], ids[n]
        z, y, x = (
            index // (shape[1] * shape[2]),
            index // shape[2] % shape[1],
            index % shape[2],
        )
        boxes[group, 0] = min(boxes[group, 0], z)
        boxes[group, 1] = min(boxes[group, 1], y)
        boxes[group, 2] = min(boxes[group, 2], x)
        boxes[group, 3] = max(boxes[group, 3], z + 1)
        boxes[group, 4] = max(boxes[group, 4], y + 1)
        boxes[group, 5] = max(boxes[group, 5], x + 1)


@compiled
def _order_statistics(
    values: NDArray[np.float32], starts: Indices, ends: Indices
) -> tuple[Doubles, Indices]:
    """Percentile and place of the first maximum of every run ``values[start:end]``."""
    percentiles = np.empty(starts.size)
    peaks = np.empty(starts.size, dtype=np.int64)
    for group in range(starts.size):
        run = values[starts[group] : ends[group]]
        peaks[group] = starts[group] + np.argmax(run)
        run = np.sort(run)
        position = (run.size - 1) * _PERCENTILE / 100.0
        below = int(position)
        above = min(below + 1, run.size - 1)
        step = np.float64(run[above]) - np.float64(run[below])
        percentiles[group] = run[below] + step * (position - below)
    return percentiles, peaks
