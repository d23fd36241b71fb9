"""Kinds of things that look alike, each begun by one that matters and differs from the others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_bayesseg.core.errors import SettingsError

__all__ = ["find_kinds", "in_turns"]


def find_kinds(features: ArrayLike, weights: ArrayLike, count: int) -> NDArray[np.int64]:
    """Part things into kinds of look-alikes.

    The first kind begins with the greatest weight; each next one with the thing of the greatest
    weight times squared distance to the beginnings so far (the greedy k-centre, and k-means++ with
    the choice that is likeliest instead of a random one). Then each thing joins the beginning that
    it resembles most, the older one among equals. The same input gives the same kinds.

    Parameters
    ----------
    features : (n, f) float
        Comparable among each other: a Euclidean distance is taken.
    weights : (n,) float
        How much each thing matters, not negative.
    count : int
        Kinds, at most; fewer where there are fewer different things.

    Returns
    -------
    (n,) int64
        Number of the kind, from 0.

    Raises
    ------
    SettingsError
        If `count` is below 1, or the lengths differ.

    References
    ----------
    Gonzalez, "Clustering to minimize the maximum intercluster distance", Theoretical Computer
    Science 38 (1985) 293.
    """
    values, worth = np.asarray(features, np.float64), np.asarray(weights, np.float64)
    if count < 1:
        raise SettingsError(f"the number of kinds must be at least 1; got {count}")
    if values.ndim != 2 or worth.shape != values.shape[:1]:
        raise SettingsError(
            f"features must be (n, f) and weights (n,); they are {values.shape} and {worth.shape}"
        )
    kinds = np.zeros(len(values), np.int64)
    if not len(values):
        return kinds
    nearest = _squares(values, int(worth.argmax()))
    for kind in range(1, count):
        scores = worth * nearest
        beginning = int(scores.argmax())
        if not scores[beginning] > 0:
            break  # all that matter look like one of those that were found
        distances = _squares(values, beginning)
        closer = distances < nearest
        kinds[closer] = kind
        nearest[closer] = distances[closer]
    return kinds


def in_turns(groups: ArrayLike, weights: ArrayLike) -> NDArray[np.int64]:
    """Return an order that takes one thing of each group in turn.

    In every turn each group gives its greatest weight that is left, and these are sorted by falling
    weight; ties keep the given order.

    Parameters
    ----------
    groups : (n,) int
    weights : (n,) float

    Returns
    -------
    (n,) int64
        A permutation of 0 to n - 1.
    """
    numbers, worth = np.asarray(groups, np.int64), np.asarray(weights, np.float64)
    by_group = np.lexsort((-worth, numbers))
    sorted_groups = numbers[by_group]
    firsts = np.searchsorted(sorted_groups, sorted_groups)
    turns = np.empty(numbers.size, np.int64)
    turns[by_group] = np.arange(numbers.size) - firsts
    return np.lexsort((-worth, turns))


def _squares(values: NDArray[Any], beginning: int) -> NDArray[np.float64]:
    difference = values - values[beginning]
    squares: NDArray[np.float64] = np.einsum("ij,ij->i", difference, difference)
    return squares
