from __future__ import annotations

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.kinds import find_kinds, in_turns


def clouds(sizes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    middles = 100.0 * np.eye(len(sizes))
    points = [m + rng.normal(size=(n, len(sizes))) for m, n in zip(middles, sizes, strict=True)]
    return np.vstack(points), np.repeat(np.arange(len(sizes)), sizes)


def test_clouds_far_apart_are_the_kinds() -> None:
    points, truth = clouds((40, 7, 1, 20))
    weights = np.random.default_rng(1).random(len(points)) + 0.5
    kinds = find_kinds(points, weights, 4)
    pairs = set(zip(kinds.tolist(), truth.tolist(), strict=True))
    assert len(pairs) == 4 == len({kind for kind, _ in pairs})
    assert kinds[weights.argmax()] == 0


def test_each_joins_its_nearest_beginning() -> None:
    rng = np.random.default_rng(2)
    points, weights = rng.random((60, 3)), rng.random(60)
    kinds = find_kinds(points, weights, 6)
    nearest = np.full(60, np.inf)
    beginnings = []
    for _ in range(6):
        choice = weights.argmax() if not beginnings else (weights * nearest).argmax()
        beginnings.append(choice)
        nearest = np.minimum(nearest, ((points - points[choice]) ** 2).sum(1))
    squares = ((points[:, None] - points[beginnings]) ** 2).sum(2)
    np.testing.assert_array_equal(kinds, squares.argmin(1))


def test_there_are_no_more_kinds_than_different_things() -> None:
    assert set(find_kinds(np.ones((9, 2)), np.ones(9), 5).tolist()) == {0}
    assert set(find_kinds(np.eye(2)[[0, 1, 0]], np.ones(3), 5).tolist()) == {0, 1}
    assert find_kinds(np.zeros((0, 2)), np.zeros(0), 3).size == 0
    with pytest.raises(SettingsError, match="features must be"):
        find_kinds(np.ones((2, 2)), np.ones(3), 1)
    with pytest.raises(SettingsError, match="at least 1; got 0"):
        find_kinds(np.ones((2, 2)), np.ones(2), 0)


def test_turns_take_one_of_each_group() -> None:
    groups = [0, 0, 0, 1, 1, 2]
    weights = [9.0, 8.0, 7.0, 3.0, 5.0, 4.0]
    assert in_turns(groups, weights).tolist() == [0, 4, 5, 1, 3, 2]
    assert in_turns([], []).tolist() == []
    assert in_turns([1, 0, 1], [1.0, 1.0, 1.0]).tolist() == [0, 1, 2]
