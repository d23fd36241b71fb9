"""A short tour through points: where to go next so that little is travelled in all."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.compilation import compiled

__all__ = ["short_tour", "tour_length"]

_NEIGHBOURS = 8
_LONGEST_SEGMENT = 3  # points that are moved elsewhere together
_VISITS = 60  # of every point, at most: the search ends long before

Points = NDArray[np.float64]
Indices = NDArray[np.int64]


def short_tour(points: ArrayLike, start: Sequence[float]) -> Indices:
    """Return an order of points that makes for a short way from a start through all of them.

    The nearest neighbour each time, or the points as they are sorted (by the first coordinate,
    then the next ones) where that is shorter; then parts are turned round (2-opt) and short runs
    moved elsewhere (or-opt) as long as that shortens the way. So it is never longer than the two.
    The same points give the same tour.

    Parameters
    ----------
    points : (n, d) float
        In units in which a straight distance is what a move costs.
    start : d floats
        Where the way begins; it ends anywhere.

    Returns
    -------
    (n,) int64
        A permutation of 0 to n - 1.

    Raises
    ------
    SettingsError
        If the start has another number of coordinates than the points.

    References
    ----------
    Bentley, "Fast algorithms for geometric traveling salesman problems", ORSA Journal on Computing
    4 (1992) 387.
    """
    places = np.asarray(points, np.float64)
    if places.ndim != 2 or places.shape[1] != len(start):
        raise SettingsError(
            f"points must be (n, {len(start)}), as the start is; they are {places.shape}"
        )
    count = len(places)
    if count == 0:
        return np.zeros(0, np.int64)
    # The start is a point like the others, which stays in front.
    nodes = np.vstack([np.asarray(start, np.float64)[None], places])
    near = cKDTree(nodes).query(nodes, k=min(_NEIGHBOURS + 1, count + 1))[1].astype(np.int64)
    tours = (_nearest_first(nodes, near), _sorted_first(nodes))
    tour = min(tours, key=lambda tried: _length(nodes, tried))
    _shorten(nodes, near, tour)
    return tour[1:] - 1


def tour_length(points: ArrayLike, start: Sequence[float], order: ArrayLike) -> float:
    """Return the length of the way from a start through points in an order."""
    places = np.asarray(points, np.float64)[np.asarray(order, np.int64)]
    way = np.vstack([np.asarray(start, np.float64)[None], places])
    return float(np.linalg.norm(np.diff(way, axis=0), axis=1).sum())


def _sorted_first(nodes: Points) -> Indices:
    keys = np.lexsort(nodes[1:].T[::-1])
    return np.concatenate([[0], keys + 1]).astype(np.int64)


@compiled
def _distance(nodes: Points, first: int, second: int) -> float:
    total = 0.0
    for axis in range(nodes.shape[1]):
        step = nodes[first, axis] - nodes[second, axis]
        total += step * step
    return math.sqrt(total)


@compiled
def _length(nodes: Points, tour: Indices) -> float:
    total = 0.0
    for place in range(tour.size - 1):
        total += _distance(nodes, tour[place], tour[place + 1])
    return total


@compiled
def _nearest_first(nodes: Points, near: Indices) -> Indices:
    """Go to the nearest point that is left, the first one among equals."""
    count = nodes.shape[0]
    tour = np.zeros(count, np.int64)
    left = np.arange(count)  # those not visited, in the first `size` places
    where = np.arange(count)
    size = count
    here = 0
    for step in range(count):
        tour[step] = here
        size -= 1
        last = left[size]
        left[where[here]] = last
        where[last] = where[here]
        where[here] = -1
        best, least = -1, np.inf
        for other in near[here]:
            if where[other] >= 0:
                distance = _distance(nodes, here, other)
                if distance < least or (distance == least and other < best):
                    best, least = other, distance
        if best < 0:  # all near ones are visited: look everywhere
            for place in range(size):
                distance = _distance(nodes, here, left[place])
                if distance < least or (distance == least and left[place] < best):
                    best, least = left[place], distance
        here = best
    return tour


@compiled
def _shorten(nodes: Points, near: Indices, tour: Indices) -> None:
    """Shorten a tour in place as long as a change near some point does."""
    count = tour.size
    place_of = np.zeros(count, np.int64)
    for place in range(count):
        place_of[tour[place]] = place
    waiting = np.ones(count, np.bool_)
    queue = np.zeros(count, np.int64)  # a ring: every point waits at most once
    queue[:] = tour
    head, size = 0, count
    least = 1e-9 * _length(nodes, tour) / count
    for _ in range(_VISITS * count):
        if size == 0:
            break
        point = queue[head]
        head = (head + 1) % count
        size -= 1
        waiting[point] = False
        low, high = _turn(nodes, near, tour, place_of, point, least)
        if high < 0:
            low, high = _move(nodes, near, tour, place_of, point, least)
        if high < 0:
            continue
        # Whatever has a new neighbour is looked at again, and the point itself.
        for place in (low - 1, low, high, high + 1, place_of[point] - 1, place_of[point]):
            if 0 <= place < count and not waiting[tour[place]]:
                waiting[tour[place]] = True
                queue[(head + size) % count] = tour[place]
                size += 1


@compiled
def _edge(nodes: Points, tour: Indices, place: int) -> float:
    """Return the length of the step after a place; 0 after the last."""
    if place + 1 >= tour.size:
        return 0.0
    return _distance(nodes, tour[place], tour[place + 1])


@compiled
def _turn(
    nodes: Points, near: Indices, tour: Indices, place_of: Indices, point: int, least: float
) -> tuple[int, int]:
    """Turn the best part that begins or ends at a point round; return the part, or (0, -1)."""
    count = tour.size
    here = place_of[point]
    best, low, high = least, 0, -1
    for other in near[point]:
        there = place_of[other]
        if there == here:
            continue
        reach = _distance(nodes, point, other)
        # The two become neighbours, and so do those that follow them ...
        first, last = min(here, there), max(here, there)
        gain = _edge(nodes, tour, first) + _edge(nodes, tour, last) - reach
        if last + 1 < count:
            gain -= _distance(nodes, tour[first + 1], tour[last + 1])
        if gain > best:
            best, low, high = gain, first + 1, last
        # ... or those that stand before them.
        if first > 0:
            gain = _edge(nodes, tour, first - 1) + _edge(nodes, tour, last - 1) - reach
            gain -= _distance(nodes, tour[first - 1], tour[last - 1])
            if gain > best:
                best, low, high = gain, first, last - 1
    if high >= 0:
        _reverse(tour, place_of, low, high)
    return low, high


@compiled
def _move(
    nodes: Points, near: Indices, tour: Indices, place_of: Indices, point: int, least: float
) -> tuple[int, int]:
    """Move the best short run that ends in a point beside a near one; return what changed."""
    count = tour.size
    here = place_of[point]
    best = least
    run_low, run_high, target, turned = 0, -1, 0, False
    for length in range(1, _LONGEST_SEGMENT + 1):
        for side in range(2):
            low = here if side == 0 else here - length + 1
            high = low + length - 1
            if low < 1 or high >= count:
                continue
            far = tour[high] if side == 0 else tour[low]
            gone = _edge(nodes, tour, low - 1) + _edge(nodes, tour, high)
            if high + 1 < count:
                gone -= _distance(nodes, tour[low - 1], tour[high + 1])
            for other in near[point]:
                there = place_of[other]
                if low <= there <= high:
                    continue
                reach = _distance(nodes, point, other)
                if gone - reach <= best:
                    continue
                # Between the near point and the one after it, or the one before it.
                for after in range(2):
                    gap = there if after == 0 else there - 1
                    # Nothing comes before the start, and the run's own gaps are no other place.
                    if gap < 0 or low - 1 <= gap <= high:
                        continue
                    gain = gone - reach + _edge(nodes, tour, gap)
                    beyond = there + 1 if after == 0 else there - 1
                    if beyond < count:
                        gain -= _distance(nodes, far, tour[beyond])
                    if gain > best:
                        best, run_low, run_high, target = gain, low, high, gap
                        turned = (side == 0) != (after == 0)
    if run_high < 0:
        return 0, -1
    return _carry(tour, place_of, run_low, run_high, target, turned)


@compiled
def _carry(
    tour: Indices, place_of: Indices, low: int, high: int, gap: int, turned: bool
) -> tuple[int, int]:
    """Put a run into the gap after a place outside it; return the part that changed."""
    run = tour[low : high + 1].copy()
    if turned:
        run = run[::-1].copy()
    length = run.size
    if gap < low:
        first, last = gap + 1, high
        for place in range(high, gap + length, -1):
            tour[place] = tour[place - length]
        tour[first : first + length] = run
    else:
        first, last = low, gap
        for place in range(low, gap - length + 1):
            tour[place] = tour[place + length]
        tour[gap - length + 1 : gap + 1] = run
    for place in range(first, last + 1):
        place_of[tour[place]] = place
    return first, last


@compiled
def _reverse(tour: Indices, place_of: Indices, low: int, high: int) -> None:
    while low < high:
        first, last = tour[low], tour[high]
        tour[low], tour[high] = last, first
        place_of[last], place_of[first] = low, high
        low += 1
        high -= 1
    if low == high:
        place_of[tour[low]] = low
