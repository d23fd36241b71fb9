"""What the labels of decided voxels become."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.review.labels.stored_arrays import read_piece
from napari_bayesseg.review.labels.voxels import Labels, VoxelSet

if TYPE_CHECKING:
    from napari_bayesseg.inference.result import Result

__all__ = ["predicted_labels", "runner_up_labels"]


def predicted_labels(result: Result, voxels: VoxelSet) -> Labels:
    """Return the class with the largest mean probability, ``(count,)`` in C order.

    Raises
    ------
    StoreError
        If the result is damaged.
    """
    piece = read_piece(result.labels, voxels.box.slices, f"{result.path}: labels")
    return piece[voxels.mask()]


def runner_up_labels(result: Result, voxels: VoxelSet) -> Labels:
    """Return the class with the second largest mean probability, ``(count,)`` in C order.

    Among equals the lowest class. The voxels must have been processed.

    Raises
    ------
    StoreError
        If the result is damaged.
    """
    labels = predicted_labels(result, voxels)
    if len(result.class_names) == 2:
        return 1 - labels  # the other one; nothing needs to be read
    box, mask = voxels.box, voxels.mask()
    found, predicted = np.zeros(box.shape, labels.dtype), np.zeros(box.shape, labels.dtype)
    predicted[mask] = labels
    stored = result.mean_probability
    for tile in _tiles(box, stored.chunks[-3:]):
        part = tile.relative_to(box.start).slices
        inside = mask[part]
        if not inside.any():
            continue
        piece = read_piece(stored, (slice(None), *tile.slices), f"{result.path}: mean_probability")[
            :, inside
        ]
        found[part][inside] = _largest_other(piece, predicted[part][inside])
    return found[mask]


def _largest_other(probability: NDArray[np.floating[Any]], labels: Labels) -> NDArray[np.intp]:
    """Return the index of the largest entry along the first axis that isn't the label's.

    Rounded probabilities may be equal where those were not that the label comes from.
    """
    rest = probability.copy()
    rest[labels, np.arange(rest.shape[1])] = -np.inf
    return np.asarray(rest.argmax(axis=0))


def _tiles(box: Roi, chunks: tuple[int, ...]) -> Iterator[Roi]:
    """Yield the parts of a box along the chunks: each chunk is then unpacked once."""
    spans = [
        [
            (max(low, n * size), min(high, (n + 1) * size))
            for n in range(low // size, -(-high // size))
        ]
        for low, high, size in zip(box.start, box.stop, chunks, strict=True)
    ]
    for (a, b), (c, d), (e, f) in itertools.product(*spans):
        yield Roi((a, c, e), (b, d, f))
