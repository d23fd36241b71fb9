"""The simulated reviewer, on a volume whose every voxel is given here."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.reviewer import (
    Places,
    WorthCurve,
    inspect,
    most_uncertain,
    runner_up,
    voxelwise_curve,
)
from napari_bayesseg.review.regions.region_table import find_result_regions
from tests.results import write_result

SHAPE = (2, 6, 10)
ALL = 120
# Eight voxels, all of the runner-up class; eight, half of them right; four, all right.
TAKEN, MIXED, RIGHT = np.s_[:, :2, :2], np.s_[:, 4:, :2], np.s_[0, 0, 6:]
OUTSIDE = np.s_[1, 5, 6:]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    mean = np.empty((3, *SHAPE))
    mean[:] = np.reshape((0.98, 0.01, 0.01), (3, 1, 1, 1))
    for place, probabilities in (
        (TAKEN, (0.5, 0.4, 0.1)),
        (MIXED, (0.6, 0.1, 0.3)),
        (RIGHT, (0.6, 0.3, 0.1)),
    ):
        for label, value in enumerate(probabilities):
            mean[label][place] = value
    truth = np.zeros(SHAPE, np.int64)
    truth[TAKEN] = 1
    truth[0, 4:, :2] = 2
    truth[OUTSIDE] = 1
    path = tmp_path_factory.mktemp("reviewer") / "made.zarr"
    result = write_result(path, mean, {"expected_error": 1.0 - mean.max(axis=0)})
    table = find_result_regions(result, "expected_error", 0.1)
    second = runner_up(result.read("mean_probability"))
    keys = {"reject": [second], "reject or class 2": [second, np.full(SHAPE, 2)]}
    return inspect(table, result.read("labels"), truth, keys)


def test_every_region_is_compared_with_the_truth(places: Places) -> None:
    order = places.by_expected_error()
    np.testing.assert_array_equal(places.voxels[order], [8, 8, 4])
    np.testing.assert_array_equal(places.wrong[order], [8, 4, 0])
    # Rejecting puts the first right as a whole, and trades right for wrong in the second.
    np.testing.assert_array_equal(places.wrong_left["reject"][order], [0, 4, 0])
    np.testing.assert_array_equal(places.wrong_left["reject or class 2"][order], [0, 4, 0])
    np.testing.assert_allclose(places.measure[order], [8 * 0.5, 8 * 0.4, 4 * 0.4], rtol=1e-6)
    assert (places.volume_voxels, places.all_wrong) == (ALL, 16)


def test_a_review_in_our_order(places: Places) -> None:
    curve = places.review(places.by_expected_error())
    np.testing.assert_allclose(curve.looked, np.array([0, 8, 16, 20]) / ALL)
    np.testing.assert_allclose(curve.removed, np.array([0, 8, 12, 12]) / 16)
    keys = places.review(places.by_expected_error(), "reject")
    np.testing.assert_allclose(keys.removed, np.array([0, 8, 8, 8]) / 16)


def test_no_order_removes_more_than_the_best_nor_ends_elsewhere(places: Places) -> None:
    best = places.review(places.best())
    for order in (places.by_size(), places.by_measure(), *map(places.at_random, range(20))):
        curve = places.review(order)
        assert np.all(curve.removed <= best.removed)
        assert (curve.looked[-1], curve.removed[-1]) == (best.looked[-1], best.removed[-1])


def test_random_orders_gain_the_same_by_every_decision_on_average(places: Places) -> None:
    curves = [places.review(places.at_random(seed)).removed for seed in range(600)]
    np.testing.assert_allclose(np.mean(curves, axis=0), np.arange(4) / 3 * 12 / 16, atol=0.04)


def test_curves_are_read_between_and_after_their_points() -> None:
    curve = WorthCurve(np.array([0.0, 0.02, 0.06]), np.array([0.0, 0.5, 0.9]))
    assert curve.at_share(0.01) == pytest.approx(0.25)
    assert curve.at_share(0.5) == 0.9
    assert [curve.after(n) for n in (0, 1, 2, 99)] == [0.0, 0.5, 0.9, 0.9]
    assert [curve.decisions_for(x) for x in (0.0, 0.5, 0.51, 0.95)] == [0, 1, 2, np.inf]


def test_the_most_uncertain_voxels_come_first_and_equals_in_proportion() -> None:
    values = np.array([[3.0, 2.0], [2.0, np.nan]])
    wrong = np.array([[True, True], [False, False]])
    found = voxelwise_curve(values, wrong, [0.0, 0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(found, [0.0, 0.5, 0.75, 1.0, 1.0])
    assert most_uncertain(-values, wrong, 0.5) == pytest.approx(0.5)


def test_nothing_wrong_is_nothing_removed(places: Places) -> None:
    none = np.zeros_like(places.wrong)
    right = Places(places.voxels, places.expected_error, places.measure, none, {}, ALL, 0)
    assert right.review(right.best()).removed.tolist() == [0, 0, 0, 0]
