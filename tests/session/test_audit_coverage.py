"""The bound holds: simulated sessions with known errors, through the desk and the journal."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.audit import Audited, audit_again_and_again, exact_coverage
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.desk import ReviewDesk

SESSIONS = 50
PLACES = 60


def with_errors(desk: ReviewDesk, share: float, seed: int) -> np.ndarray:
    """Return a truth from which the labels differ in so many voxels, in lumps."""
    rng = np.random.default_rng(seed)
    shape = desk.result.spec.shape
    lumps = rng.random([-(-n // 2) for n in shape])
    lumps = lumps.repeat(2, 0).repeat(2, 1).repeat(2, 2)[: shape[0], : shape[1], : shape[2]]
    truth = desk.review.labels()
    truth[lumps < share] += 1
    return truth


def test_of_200_sessions_at_least_95_percent_are_covered(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    """Seeds were chosen once: 0 to 49 for the samples, 1 to 4 for the errors."""
    # Some disks take 20 ms to be sure of a row; nobody pulls the plug here.
    desk.review._record._journal._connection.execute("PRAGMA synchronous=OFF")
    for region in desk.table.regions[::3]:
        desk.go_to(region.id)
        desk.accept()
    rates = (0.01, 0.08, 0.15, 0.25)
    found: list[Audited] = []
    for seed, share in enumerate(rates, start=1):
        truth = with_errors(desk, share, seed)
        found.append(audit_again_and_again(desk, background, truth, SESSIONS, PLACES))
    shares = [audited.true_share for audited in found]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.03 < shares[1] < 0.1 < shares[-1] < 0.3
    covered = [audited.coverage for audited in found]
    assert np.mean(covered) >= 0.95
    for audited in found:
        assert exact_coverage(audited.wrong, audited.population, PLACES) >= 0.95
        observed = np.mean([outcome.observed for outcome in audited.outcomes])
        # An unbiased sample: the mean of 3000 looks, within four standard errors.
        spread = np.sqrt(audited.true_share / (SESSIONS * PLACES))
        assert observed == pytest.approx(audited.true_share, abs=4 * spread)
    # The bound says something: it is no constant, and rarely far off.
    bounds = [np.mean([outcome.bound for outcome in audited.outcomes]) for audited in found]
    assert bounds == sorted(bounds)
    assert bounds[0] < 0.15


def test_the_benchmark_counts_the_truth_by_itself(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    truth = desk.review.labels()
    truth[0, 0, :6] += 1
    truth[desk.table.region_labels[:] == 18] += 1  # it must be seen: no part of the population
    found = audit_again_and_again(desk, background, truth, 1, 5)
    assert (found.wrong, found.population) == (6, truth.size - 4 * 27)
    assert found.population == desk.audit.former[-1].audit.population
