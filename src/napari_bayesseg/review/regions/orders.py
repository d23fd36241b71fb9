"""In which order regions are looked at."""

from __future__ import annotations

from enum import StrEnum
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.numerics.kinds import find_kinds, in_turns
from napari_bayesseg.numerics.tours import short_tour
from napari_bayesseg.review.regions.region_columns import RegionColumns

__all__ = ["SLICE_COST", "Order", "rank_regions"]

SLICE_COST = 4.0
"""How much further a step along the slice axis counts than the same distance within a slice."""

_MOST_KINDS = 64

Spacing = tuple[float, float, float]
Rows = NDArray[np.int64]


class Order(StrEnum):
    """What comes first.

    The most expected error; the largest; the nearest (a short way through all places); the most
    expected error of every kind in turn; the class with the most expected error; the lowest slice.
    """

    EXPECTED_ERROR = "expected error"
    SIZE = "size"
    PATH = "path"
    DIVERSE = "diverse"
    CLASS = "class"
    POSITION = "position"


def rank_regions(
    columns: RegionColumns,
    order: Order,
    *,
    spacing: Spacing = (1.0, 1.0, 1.0),
    start: Index3 | None = None,
    later: NDArray[np.bool_] | None = None,
) -> Rows:
    """Return the rows of all regions in an order. Ties are settled by the id.

    Parameters
    ----------
    columns : RegionColumns
    order : Order
    spacing : (z, y, x)
        Distance between voxel centres, for what depends on distances and shapes.
    start : (z, y, x), optional
        Voxel at which a path begins; by default the first one in position.
    later : (n,) bool, optional
        Regions that a path leads through after all others: those that were decided.

    Returns
    -------
    (n,) int64
        A permutation of the rows.
    """
    if order is Order.SIZE:
        return np.lexsort((columns.ids, -columns.voxel_counts))
    if order is Order.POSITION:
        return _by_position(columns)
    if order is Order.PATH:
        return _path(columns, spacing, start, later)
    if order is Order.CLASS:
        return _by_class(columns)
    by_error = np.lexsort((columns.ids, -columns.errors))
    if order is Order.DIVERSE and len(columns):
        kinds = find_kinds(
            _features(columns, spacing)[by_error],
            np.sqrt(columns.errors[by_error]),
            min(_MOST_KINDS, max(2, round(np.sqrt(len(columns))))),
        )
        return by_error[in_turns(kinds, columns.errors[by_error])]
    return by_error


def _by_position(columns: RegionColumns) -> Rows:
    z, y, x = columns.positions.T
    return np.lexsort((columns.ids, x, y, z))


def _by_class(columns: RegionColumns) -> Rows:
    """Group by the main class; the groups by falling expected error, and so the regions in them."""
    if not len(columns):
        return np.zeros(0, np.int64)
    totals = np.bincount(columns.main_classes, columns.errors)
    ranks = np.empty(totals.size, np.int64)
    ranks[np.argsort(-totals, kind="stable")] = np.arange(totals.size)
    return np.lexsort((columns.ids, -columns.errors, ranks[columns.main_classes]))


def _path(
    columns: RegionColumns,
    spacing: Spacing,
    start: Index3 | None,
    later: NDArray[np.bool_] | None,
) -> Rows:
    if not len(columns):
        return np.zeros(0, np.int64)
    places = columns.positions * np.asarray(spacing) * (SLICE_COST, 1.0, 1.0)
    here = places[_by_position(columns)[0]]
    if start is not None:
        here = np.asarray(start) * np.asarray(spacing) * (SLICE_COST, 1.0, 1.0)
    is_later = np.zeros(len(columns), np.bool_) if later is None else later
    parts = []
    for part in (np.flatnonzero(~is_later), np.flatnonzero(is_later)):
        if part.size:
            parts.append(part[short_tour(places[part], here.tolist())])
            here = places[parts[-1][-1]]
    return np.concatenate(parts)


def _features(columns: RegionColumns, spacing: Spacing) -> NDArray[np.float64]:
    """Return what a region looks like ``(n, f)``; each aspect weighs the same.

    Size (log voxels), uncertainty (mean and maximum), classes (the most frequent one counts one,
    the next one a half, ...), shape (log ratios of the box's sides, share of it that is filled),
    border, and place.
    """
    sides = (columns.boxes[:, 3:] - columns.boxes[:, :3]) * np.asarray(spacing)
    fill = columns.voxel_counts / np.prod(columns.boxes[:, 3:] - columns.boxes[:, :3], axis=1)
    aspects = (
        np.log(columns.voxel_counts)[:, None],
        np.column_stack((columns.means, columns.maxima)),
        _class_weights(columns),
        np.column_stack((np.log(sides[:, 0] / sides[:, 2]), np.log(sides[:, 1] / sides[:, 2]))),
        fill[:, None],
        columns.at_border[:, None].astype(np.float64),
        columns.positions * np.asarray(spacing),
    )
    return np.hstack([_standardised(aspect) for aspect in aspects])


def _class_weights(columns: RegionColumns) -> NDArray[np.float64]:
    lengths = np.array([len(region.classes) for region in columns.regions], np.int64)
    held = np.fromiter(chain.from_iterable(r.classes for r in columns.regions), np.int64)
    rows = np.repeat(np.arange(len(columns)), lengths)
    ranks = np.arange(held.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    weights = np.zeros((len(columns), int(held.max()) + 1))
    weights[rows, held] = 1.0 / (ranks + 1.0)
    return weights


def _standardised(aspect: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an aspect with mean 0 and a variance of 1 over all its columns together."""
    centred = aspect - aspect.mean(axis=0)
    variance = float(centred.var(axis=0).sum())
    scaled: NDArray[np.float64] = centred / np.sqrt(variance) if variance > 0 else centred
    return scaled
