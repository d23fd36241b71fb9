"""Compiled steps shared by the searches along the 26-neighbourhood of voxels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.compilation import compiled

__all__ = ["find_neighbours", "find_root", "renumber"]

Indices = NDArray[np.int64]
Labels = NDArray[np.int32]


@compiled
def find_root(parents: Labels, label: int) -> int:
    """Follow the parents to the root, halving the path on the way."""
    while parents[label] != label:
        parents[label] = parents[parents[label]]
        label = parents[label]
    return label


@compiled
def find_neighbours(index: int, shape: Indices, found: Indices) -> int:
    """Write the flat indices of the up to 26 neighbours to `found`; returns how many."""
    plane = shape[1] * shape[2]
    z, y, x = index // plane, index // shape[2] % shape[1], index % shape[2]
    count = 0
    for k in range(max(z - 1, 0), min(z + 2, shape[0])):
        for j in range(max(y - 1, 0), min(y + 2, shape[1])):
            for i in range(max(x - 1, 0), min(x + 2, shape[2])):
                found[count] = k * plane + j * shape[2] + i
                count += found[count] != index
    return count


@compiled
def renumber(labels: Labels, parents: Labels, num_basins: int) -> Labels:
    """Replace labels by those of their roots, without gaps and in the same order."""
    names = np.full(num_basins, -1, dtype=np.int32)
    count = 0
    for label in range(num_basins):
        root = find_root(parents, label)
        if names[root] < 0:
            names[root] = count
            count += 1
        names[label] = names[root]
    for n in range(labels.size):
        labels[n] = names[labels[n]]
    return labels
