"""Cutting components at their hot spots.

Voxels are flooded from the highest down, as in a watershed. Where two basins meet, the one with the
lower peak is merged into the other if its peak stands less than `h` above the meeting point, and
keeps its own label otherwise: one basin per h-maximum. Only the voxels asked for are visited.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.compilation import compiled
from napari_bayesseg.numerics.neighbourhood import find_neighbours, find_root, renumber

__all__ = ["label_hot_spots"]

Indices = NDArray[np.int64]
Labels = NDArray[np.int32]
Doubles = NDArray[np.float64]


def label_hot_spots(measure: NDArray[np.float32], inside: Indices, h: float) -> Labels:
    """Label the basins of the h-maxima of the measure, averaged over 3 x 3 x 3 voxels.

    Averaged, because on a thin shell the height of single voxels depends on how the boundary falls
    between them; that would make every other voxel a hot spot.

    Parameters
    ----------
    measure : (Z, Y, X) float32
    inside : (n,) int64
        Flat indices of the voxels to label; ties in height are settled by their order.
    h : float
        Least height of a peak above the pass to a higher one, in the measure's unit.

    Returns
    -------
    (n,) int32
        Labels 0, 1, ... in order of the peaks' height.

    References
    ----------
    Edelsbrunner, Letscher & Zomorodian, "Topological persistence and simplification", 2002
    (the elder rule, here for the superlevel sets of a volume).
    """
    shape = np.array(measure.shape)
    heights = _local_means(measure.reshape(-1), shape, inside)
    order = np.argsort(-heights, kind="stable")
    rank = np.full(measure.size, -1, dtype=np.int32)
    labels = np.empty(inside.size, dtype=np.int32)
    labels[order] = _flood(heights[order], shape, inside[order], rank, float(h))
    return labels


@compiled
def _local_means(values: NDArray[np.float32], shape: Indices, inside: Indices) -> Doubles:
    """Mean of every voxel and its neighbours, without those that are NaN."""
    means = np.empty(inside.size)
    found = np.empty(27, dtype=np.int64)
    for n in range(inside.size):
        total, count = np.float64(values[inside[n]]), 1
        for k in range(find_neighbours(inside[n], shape, found)):
            value = values[found[k]]
            if not np.isnan(value):
                total += value
                count += 1
        means[n] = total / count
    return means


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
