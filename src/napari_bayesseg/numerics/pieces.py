"""What giant components are cut into: pieces around hot spots, none longer than a given extent.

Pieces are found once, on cells of a few voxels, for all thresholds together: a component above any
threshold that is too long is cut along the faces of the pieces.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.numerics.bounding_boxes import bounding_boxes
from napari_bayesseg.numerics.compilation import compiled
from napari_bayesseg.numerics.hot_spots import label_hot_spots
from napari_bayesseg.numerics.patches import label_patches
from napari_bayesseg.numerics.sparse_voxels import SparseVoxels

__all__ = ["Pieces", "cell_shape", "find_pieces", "longest"]

Indices = NDArray[np.int64]
Places = NDArray[np.int32]
Singles = NDArray[np.float32]
Doubles = NDArray[np.float64]
Spacing = tuple[float, float, float]

_CELLS_PER_EXTENT = 8
# A cell with fewer voxels is as high as if this share of it were filled with zeros besides.
_FILLED_SHARE = 1 / 8


def cell_shape(spacing: Spacing, extent: float) -> Index3:
    """Return the voxels of a cell along each axis: an eighth of the extent, at least one."""
    z, y, x = (max(1, int(extent / (_CELLS_PER_EXTENT * step))) for step in spacing)
    return z, y, x


def longest(spacing: Spacing, extent: float) -> Doubles:
    """Return how many voxels an extent holds along each axis ``(3,)``, at least one."""
    return np.maximum(np.floor(extent / np.asarray(spacing) * (1 + 1e-9)), 1.0)


@dataclass(frozen=True, eq=False)
class Pieces:
    """A division of a volume into pieces, by cells.

    Attributes
    ----------
    shape : (Z, Y, X)
        Of the volume, in voxels.
    cell : (z, y, x)
        Voxels of a cell along each axis.
    labels : (Z, Y, X) int32
        Piece of each cell, 0, 1, ...; -1 where it holds no voxel above the floor. A piece need not
        be connected.
    """

    shape: Index3
    cell: Index3
    labels: Places

    def of(self, voxels: SparseVoxels) -> Places:
        """Return the piece of each of some voxels ``(n,)``."""
        cells = np.empty(voxels.count, np.int64)
        grid = np.array(self.labels.shape)
        _find_cells(voxels.indices, np.array(self.shape), np.array(self.cell), grid, cells)
        return np.asarray(self.labels.reshape(-1)[cells], np.int32)


def find_pieces(
    parts: Iterable[tuple[SparseVoxels, Singles]],
    shape: Index3,
    spacing: Spacing,
    extent: float,
    h: float,
) -> Pieces:
    """Divide a volume into pieces around the hot spots of a measure.

    Parameters
    ----------
    parts : iterable of (SparseVoxels, (n,) float32)
        The voxels above a floor, in one part or in several, and their height above it.
    shape : (Z, Y, X)
        Of the volume.
    spacing : (z, y, x)
        Distance between voxel centres.
    extent : float
        Largest length of a piece along an axis, in the spacing's unit; a voxel that is longer is
        a piece.
    h : float
        Least height of a hot spot above the pass to a higher one, in the measure's unit. Heights
        are means over cells, because on a thin shell the height of single voxels depends on how
        the boundary falls between them.
    """
    cell = cell_shape(spacing, extent)
    z, y, x = (-(-length // side) for length, side in zip(shape, cell, strict=True))
    grid = (z, y, x)
    sums, counts = np.zeros(z * y * x), np.zeros(z * y * x, np.int32)
    for voxels, heights in parts:
        cells = np.empty(voxels.count, np.int64)
        _find_cells(voxels.indices, np.array(shape), np.array(cell), np.array(grid), cells)
        _add_heights(cells, heights, sums, counts)
    filled = np.flatnonzero(counts)
    labels = np.full(z * y * x, -1, np.int32)
    if filled.size:
        least = max(1.0, _FILLED_SHARE * float(np.prod(cell)))
        means = sums[filled] / np.maximum(counts[filled], least)
        descending = np.argsort(-means, kind="stable")
        order = filled[descending]
        labels[order] = _label(means[descending], grid, order, cell, spacing, extent, h)
    return Pieces(shape, cell, labels.reshape(grid))


def _label(
    means: Doubles,
    grid: Index3,
    order: Indices,
    cell: Index3,
    spacing: Spacing,
    extent: float,
    h: float,
) -> Places:
    """Return basins of hot spots, those that are too long cut into patches."""
    labels = label_hot_spots(means, grid, order, h)
    z, y, x = (side * step for side, step in zip(cell, spacing, strict=True))
    boxes = bounding_boxes(order, labels, grid)
    sides = (boxes[:, 3:] - boxes[:, :3]) * np.array([z, y, x])
    large = (sides > extent * (1 + 1e-9)).any(axis=1)[labels]
    if large.any():
        patches = label_patches(grid, order[large], labels[large], (z, y, x), extent)
        labels[large] = labels.max() + 1 + patches
    return labels


@compiled
def _find_cells(
    indices: Indices, shape: Indices, cell: Indices, grid: Indices, cells: Indices
) -> None:
    for n in range(indices.size):
        row = indices[n] // shape[2]
        x = (indices[n] - row * shape[2]) // cell[2]
        z = row // shape[1]
        y = (row - z * shape[1]) // cell[1]
        cells[n] = ((z // cell[0]) * grid[1] + y) * grid[2] + x


@compiled
def _add_heights(cells: Indices, heights: Singles, sums: Doubles, counts: Places) -> None:
    for n in range(cells.size):
        sums[cells[n]] += heights[n]
        counts[cells[n]] += 1
