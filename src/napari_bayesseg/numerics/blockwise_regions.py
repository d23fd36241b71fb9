"""Regions above one threshold, labelled slab by slab: for more voxels than a tree has room for."""

from __future__ import annotations

from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.bounding_boxes import bounding_boxes
from napari_bayesseg.numerics.compilation import compiled
from napari_bayesseg.numerics.neighbourhood import find_root, renumber
from napari_bayesseg.numerics.pieces import Pieces, longest
from napari_bayesseg.numerics.region_groups import RegionGroups
from napari_bayesseg.numerics.sparse_voxels import SparseVoxels, neighbour_places

__all__ = ["BYTES_PER_VOXEL", "find_regions_blockwise", "label_components"]

Places = NDArray[np.int32]
Indices = NDArray[np.int64]
Singles = NDArray[np.float32]
Spacing = tuple[float, float, float]

BYTES_PER_VOXEL = 80
"""Memory for each voxel above the threshold, at the highest, besides a slab of the volume."""

_SLAB_VOXELS = 2**25


def find_regions_blockwise(
    voxels: SparseVoxels,
    values: Singles,
    expected_error: Singles,
    pieces: Pieces,
    spacing: Spacing,
    extent: float,
    min_count: int = 1,
    *,
    depth: int | None = None,
) -> RegionGroups:
    """Find the same regions as a component tree does, above one threshold.

    Parameters
    ----------
    voxels : SparseVoxels
        All voxels above the threshold.
    values, expected_error : (n,) float32
    pieces : Pieces
        What components that are too long are cut into.
    spacing : (z, y, x)
        Distance between voxel centres.
    extent : float
        Longer components are cut, in the spacing's unit.
    min_count : int
        Smaller regions are left out, in voxels.
    depth : int, optional
        Planes of a slab; the regions are the same for all.
    """
    groups = label_components(voxels, np.zeros(voxels.count, np.int32), depth)
    boxes = bounding_boxes(voxels.indices, groups, voxels.shape)
    too_long = np.any(boxes[:, 3:] - boxes[:, :3] > longest(spacing, extent), axis=1)
    long_ones = np.flatnonzero(np.asarray(too_long)[groups])
    if long_ones.size:
        part = SparseVoxels.of(voxels.shape, voxels.indices[long_ones])
        groups[long_ones] = groups.max() + 1 + label_components(part, pieces.of(part), depth)
        groups = np.unique(groups, return_inverse=True)[1].astype(np.int32)
    counts = np.bincount(groups)
    errors = np.bincount(groups, expected_error).astype(np.float64)
    sums = np.bincount(groups, values).astype(np.float64)
    ranking = np.argsort(-errors, kind="stable")
    ranking = ranking[counts[ranking] >= min_count]
    rank = np.full(counts.size, ranking.size, np.int32)
    rank[ranking] = np.arange(ranking.size, dtype=np.int32)
    members = np.argsort(rank[groups], kind="stable")[: int(counts[ranking].sum())]
    boxes = bounding_boxes(voxels.indices, groups, voxels.shape)
    return RegionGroups(
        voxels,
        members.astype(np.int32),
        np.cumsum(counts[ranking]),
        errors[ranking],
        sums[ranking],
        _peaks(groups, values, counts.size)[ranking],
        boxes[ranking],
    )


def label_components(voxels: SparseVoxels, kinds: Places, depth: int | None = None) -> Places:
    """Label the 26-connected components of voxels of one kind.

    Parameters
    ----------
    voxels : SparseVoxels
    kinds : (n,) int32
        Not below 0; voxels of different kinds are never connected.
    depth : int, optional
        Planes of a slab that is labelled at once; the components are the same for all.

    Returns
    -------
    (n,) int32
        0, 1, ... without gaps.
    """
    height, width, length = voxels.shape
    planes = depth or max(1, _SLAB_VOXELS // (width * length))
    labels = np.empty(voxels.count, np.int32)
    count = 0
    for start in range(0, height, planes):
        stop = min(start + planes, height)
        first, last = (int(voxels.row_starts[z * width]) for z in (start, stop))
        inside = voxels.indices[first:last] - start * width * length
        slab = np.zeros((stop - start, width, length), np.uint32)
        slab.reshape(-1)[inside] = kinds[first:last] + 1
        found, number = cc3d.connected_components(slab, connectivity=26, return_N=True)
        labels[first:last] = found.reshape(-1)[inside].astype(np.int64) - 1 + count
        count += number
    parents = np.arange(count, dtype=np.int32)
    shape = np.array(voxels.shape)
    _join_slabs(voxels.indices, voxels.row_starts, shape, kinds, planes, labels, parents)
    return renumber(labels, parents, count)


@compiled
def _join_slabs(
    indices: Indices,
    row_starts: Indices,
    shape: Indices,
    kinds: Places,
    planes: int,
    labels: Places,
    parents: Places,
) -> None:
    """Join what touches across the faces of the slabs."""
    found = np.empty(27, dtype=np.int64)
    for z in range(planes, shape[0], planes):
        for place in range(row_starts[z * shape[1]], row_starts[(z + 1) * shape[1]]):
            for k in range(neighbour_places(place, indices, row_starts, shape, found)):
                other = found[k]
                if indices[other] >= z * shape[1] * shape[2] or kinds[other] != kinds[place]:
                    continue
                a, b = find_root(parents, labels[place]), find_root(parents, labels[other])
                parents[max(a, b)] = min(a, b)


@compiled
def _peaks(groups: Places, values: Any, count: int) -> Places:
    peaks = np.full(count, -1, dtype=np.int32)
    for place in range(groups.size):
        peak = peaks[groups[place]]
        if peak < 0 or values[place] > values[peak]:
            peaks[groups[place]] = place
    return peaks
