from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.tours import short_tour, tour_length

ORIGIN = (0.0, 0.0, 0.0)


def greedy(points: np.ndarray, start: tuple[float, ...]) -> list[int]:
    """Nearest neighbour by brute force."""
    left, here, order = list(range(len(points))), np.array(start), []
    while left:
        best = min(left, key=lambda n: (np.linalg.norm(points[n] - here), n))
        left.remove(best)
        order.append(best)
        here = points[best]
    return order


@pytest.mark.parametrize("count", [1, 2, 3, 9, 10, 40, 300])
def test_it_visits_all_and_is_no_longer_than_the_greedy_or_the_sorted_way(count: int) -> None:
    for seed in range(6):
        points = np.random.default_rng(seed).normal(size=(count, 3)) * [5.0, 1.0, 1.0]
        tour = short_tour(points, ORIGIN)
        assert sorted(tour.tolist()) == list(range(count))
        length = tour_length(points, ORIGIN, tour)
        by_slice = np.lexsort(points.T[::-1])
        assert length <= tour_length(points, ORIGIN, greedy(points, ORIGIN)) * (1 + 1e-12)
        assert length <= tour_length(points, ORIGIN, by_slice) * (1 + 1e-12)
        np.testing.assert_array_equal(tour, short_tour(points.copy(), ORIGIN))


def test_it_is_close_to_the_best_of_all_ways() -> None:
    ratios = []
    for seed in range(30):
        points = np.random.default_rng(seed).random((7, 3))
        best = min(tour_length(points, ORIGIN, order) for order in permutations(range(7)))
        ratios.append(tour_length(points, ORIGIN, short_tour(points, ORIGIN)) / best)
    assert np.mean(ratios) < 1.02
    assert max(ratios) < 1.15


def test_known_ways() -> None:
    line = np.array([[0.0, 0.0, x] for x in (5, 1, 4, 2, 3)])
    assert short_tour(line, ORIGIN).tolist() == [1, 3, 4, 2, 0]
    grid = np.argwhere(np.ones((4, 9, 9))).astype(float)
    length = tour_length(grid, ORIGIN, short_tour(grid, ORIGIN))
    assert len(grid) - 1 <= length < 1.02 * (len(grid) - 1)  # a step of 1 each, if it is best
    same = np.zeros((30, 3))
    assert sorted(short_tour(same, ORIGIN).tolist()) == list(range(30))


def test_moving_and_turning_everything_changes_no_length() -> None:
    rng = np.random.default_rng(4)
    points = rng.random((200, 3))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    moved, start = points @ turn + 7.0, (np.zeros(3) @ turn + 7.0).tolist()
    one = tour_length(points, ORIGIN, short_tour(points, ORIGIN))
    other = tour_length(moved, start, short_tour(moved, start))
    assert other == pytest.approx(one, rel=0.03)


def test_no_points_and_other_dimensions() -> None:
    assert short_tour(np.zeros((0, 3)), ORIGIN).size == 0
    with pytest.raises(SettingsError, match=r"points must be \(n, 3\)"):
        short_tour(np.zeros((4, 2)), ORIGIN)
