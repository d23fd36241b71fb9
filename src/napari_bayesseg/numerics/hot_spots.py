"""Cutting components at their hot spots.

Voxels are flooded from the highest down, as in a watershed. Where two basins meet, the one with the
lower peak is merged into the other if its peak stands less than `h` above the meeting point, and
keeps its own label otherwise: one basin per h-maximum. Only the voxels asked for are visited.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.numerics.compilation import compiled
from napari_bayesseg.numerics.neighbourhood import find_neighbours, find_root, renumber

__all__ = ["label_hot_spots"]

Indices = NDArray[np.int64]
Labels = NDArray[np.int32]
Doubles = NDArray[np.float64]


def label_hot_spots(heights: Doubles, shape: Index3, order: Indices, h: float) -> Labels:
    """Label the basins of the h-maxima.

    Parameters
    ----------
    heights : (n,) float64
        Falling.
    shape : (Z, Y, X)
        Of the volume.
    order : (n,) int64
        Flat index of the voxel of each height.
    h : float
        Least height of a peak above the pass to a higher one, in the unit of the heights.

    Returns
    -------
    (n,) int32
        Labels 0, 1, ... in order of the peaks' height.

    References
    ----------
    Edelsbrunner, Letscher & Zomorodian, "Topological persistence and simplification", 2002
    (the elder rule, here for the superlevel sets of a volume).
    """
    rank = np.full(int(np.prod(shape)), -1, dtype=np.int32)
    return _flood(heights, np.array(shape), order, rank, float(h))


@compiled
def _flood(heights: Doubles, shape: Indices, order: Indices, rank: Labels, h: float) -> Labels:
    """Flood from the highest voxel down; `rank` maps a flat index to its place in `order`."""
    labels = np.empty(order.size, dtype=np.int32)
    parents = np.empty(order.size, dtype=np.int32)
    peaks = np.empty(order.size)
    found = np.empty(27, dtype=np.int64)
    num_basins = 0
    for n in range(order.size):
        count = find_neighbours(order[n], shape, found)
        highest = -1
        for k in range(count):
            # Only voxels flooded before have a rank yet.
            if rank[found[k]] >= 0 and (highest < 0 or rank[found[k]] < highest):
                highest = rank[found[k]]
        rank[order[n]] = n
        if highest < 0:
            labels[n] = parents[num_basins] = num_basins
            peaks[num_basins] = heights[n]
            num_basins += 1
            continue
        labels[n] = find_root(parents, labels[highest])
        for k in range(count):
            if rank[found[k]] >= 0:
                mine, other = (
                    find_root(parents, labels[n]),
                    find_root(parents, labels[rank[found[k]]]),
                )
                # Basins are numbered from the highest peak down: the elder has the lower number.
                elder, younger = min(mine, other), max(mine, other)
                if elder != younger and peaks[younger] - heights[n] < h:
                    parents[younger] = elder
    return renumber(labels, parents, num_basins)
