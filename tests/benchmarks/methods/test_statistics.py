"""Means, spreads and intervals against what can be computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.methods.statistics import Sample, paired, ratio


def test_mean_and_spread_are_over_seeds_of_means_over_scans() -> None:
    sample = Sample.of([[1.0, 3.0], [2.0, 6.0]])
    assert sample.by_seed.tolist() == [2.0, 4.0]
    assert sample.mean == 3.0
    assert sample.spread == pytest.approx(math.sqrt(2.0))
    assert math.isnan(Sample.of([[1.0, 2.0]]).spread)


def test_scans_without_a_score_are_left_out() -> None:
    sample = Sample.of([[1.0, None, 3.0]])
    assert sample.mean == 2.0
    low, high = sample.interval()
    assert 1.0 <= low <= high <= 3.0


def test_the_interval_is_that_of_the_mean() -> None:
    values = np.random.default_rng(0).normal(10.0, 2.0, (1, 400))
    low, high = Sample(values).interval()
    error = 1.96 * values.std() / math.sqrt(400)
    assert low == pytest.approx(values.mean() - error, abs=0.03)
    assert high == pytest.approx(values.mean() + error, abs=0.03)
    assert Sample(values).interval() == (low, high)


def test_a_constant_difference_has_an_interval_of_a_point() -> None:
    first = Sample.of([[1.0, 2.0, 7.0], [2.0, 3.0, 8.0]])
    second = Sample(first.values - 0.5)
    difference = paired(first, second)
    assert difference.mean == 0.5
    assert difference.interval() == (0.5, 0.5)


def test_only_the_seeds_that_both_have_are_compared() -> None:
    first, second = Sample.of([[1.0, 2.0], [3.0, 4.0]]), Sample.of([[2.0, 4.0]])
    assert paired(first, second).values.tolist() == [[-1.0, -2.0]]
    assert ratio(first, second).values.tolist() == [[0.5, 0.5]]
