from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.binomial_bound import binomial_interval, binomial_upper_bound

SHARES = np.concatenate([np.geomspace(1e-4, 0.1, 60), np.linspace(0.1, 1, 91)])


@pytest.mark.parametrize("trials", [1, 2, 50, 1000])
def test_closed_forms_at_both_ends(trials: int) -> None:
    assert binomial_upper_bound(0, trials) == pytest.approx(1 - 0.05 ** (1 / trials), rel=1e-12)
    assert binomial_upper_bound(trials, trials) == 1
    low, high = binomial_interval(0, trials)
    assert (low, high) == (0, pytest.approx(1 - 0.025 ** (1 / trials), rel=1e-12))
    low, high = binomial_interval(trials, trials)
    assert (low, high) == (pytest.approx(0.025 ** (1 / trials), rel=1e-12), 1)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_at_the_bound_the_tail_is_what_was_asked_for(case: tuple[int, int]) -> None:
    """By the binomial distribution itself, which the bound doesn't use; and by scipy's interval."""
    hits, trials = case
    if hits < trials:
        bound = binomial_upper_bound(hits, trials, 0.9)
        assert stats.binom.cdf(hits, trials, bound) == pytest.approx(0.1, rel=1e-7)
    found = stats.binomtest(hits, trials).proportion_ci(0.95, method="exact")
    assert binomial_interval(hits, trials) == pytest.approx((found.low, found.high), abs=1e-9)


@pytest.mark.parametrize("trials", [1, 7, 50, 200])
def test_coverage_by_enumeration_of_every_outcome(trials: int) -> None:
    """At least 95 %, whatever the true share; not by chance but summed over all outcomes."""
    outcomes = np.arange(trials + 1)
    upper = np.array([binomial_upper_bound(int(k), trials) for k in outcomes])
    ends = np.array([binomial_interval(int(k), trials) for k in outcomes])
    for share in SHARES:
        chances = stats.binom.pmf(outcomes, trials, share)
        assert chances[upper >= share].sum() >= 0.95 - 1e-12
        inside = (ends[:, 0] <= share) & (share <= ends[:, 1])
        assert chances[inside].sum() >= 0.95 - 1e-12
    # And it is no more careful than it must be: somewhere next to nothing is given away.
    above = upper[:-1] + 1e-12
    tight = [stats.binom.pmf(outcomes, trials, p)[upper >= p].sum() for p in above]
    assert min(tight) == pytest.approx(0.95, abs=1e-6)


@pytest.mark.parametrize("population", [60, 200, 3000])
def test_drawing_without_replacement_is_covered_too(population: int) -> None:
    """An audit draws no voxel twice; the hypergeometric distribution is the narrower one."""
    trials = 50
    outcomes = np.arange(trials + 1)
    upper = np.array([binomial_upper_bound(int(k), trials) for k in outcomes])
    for wrong in range(0, population + 1, max(1, population // 100)):
        chances = stats.hypergeom.pmf(outcomes, population, wrong, trials)
        assert chances[upper >= wrong / population].sum() >= 0.95 - 1e-12


@pytest.mark.parametrize("arguments", [(0, 0), (-1, 5), (6, 5), (1, 5, 0.0), (1, 5, 1.0)])
def test_numbers_out_of_range_are_refused(arguments: tuple[float, ...]) -> None:
    for bound in (binomial_upper_bound, binomial_interval):
        with pytest.raises(SettingsError, match="got"):
            bound(*arguments)
