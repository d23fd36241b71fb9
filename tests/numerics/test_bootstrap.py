import math

import numpy as np
import pytest
from scipy.stats import bootstrap

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.bootstrap import mean_interval


@pytest.mark.parametrize("kind", ["normal", "lognormal"])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_interval_is_that_of_scipy(kind, confidence, rng):
    """To the noise of 100,000 resamples on either side."""
    values = getattr(rng, kind)(size=15)
    found = mean_interval(values, confidence=confidence, num_resamples=100_000)
    expected = bootstrap(
        (values,), np.mean, confidence_level=confidence, n_resamples=100_000, method="BCa",
        rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    tolerance = 0.02 * (expected.high - expected.low)
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(expected.low, abs=tolerance)
    assert found.high == pytest.approx(expected.high, abs=tolerance)


def test_it_covers_the_truth_about_as_often_as_it_says():
    """30 cases of a skewed score, 300 times: 95 % less what the bootstrap is known to miss."""
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(300):
        found = mean_interval(rng.exponential(size=30), num_resamples=1000)
        hits += found.low <= 1.0 <= found.high
    assert 0.88 <= hits / 300 <= 0.98


def test_a_paired_difference_is_narrower_than_the_spread_of_the_cases(rng):
    hard = rng.normal(0, 1, 12)
    one, other = hard + rng.normal(0.1, 0.01, (2, 12))
    paired = mean_interval(one - other)
    assert paired.high - paired.low < 0.05 * (mean_interval(one).high - mean_interval(one).low)


def test_it_is_deterministic_by_seed(rng):
    values = rng.random(9)
    assert mean_interval(values, seed=4) == mean_interval(values, seed=4)
    assert mean_interval(values, seed=4) != mean_interval(values, seed=5)


def test_it_moves_and_grows_with_the_values(rng):
    values = rng.random(9)
    found, moved = mean_interval(values), mean_interval(3 * values - 7)
    assert moved.low == pytest.approx(3 * found.low - 7)
    assert moved.high == pytest.approx(3 * found.high - 7)


def test_cases_without_the_score_are_left_out():
    found = mean_interval(np.array([0.2, np.nan, 0.4, 0.9]))
    assert found == mean_interval(np.array([0.2, 0.4, 0.9]))
    assert found.num_cases == 3


def test_too_few_cases_have_no_interval():
    one = mean_interval(np.array([0.3]))
    assert (one.mean, one.num_cases) == (0.3, 1)
    assert math.isnan(one.low)
    assert math.isnan(one.high)
    assert math.isnan(mean_interval(np.array([])).mean)
    same = mean_interval(np.full(5, 0.7))
    assert (same.low, same.high) == (0.7, 0.7)


@pytest.mark.parametrize("values", [[0.0, 1.0], [0.0, 0.0, 0.0, 9.0]])
def test_two_values_give_an_interval_within_them(values):
    found = mean_interval(np.array(values))
    assert min(values) <= found.low < found.mean < found.high <= max(values)


def test_refusals():
    with pytest.raises(SettingsError, match="between 0 and 1; got 95"):
        mean_interval(np.array([1.0]), confidence=95)
