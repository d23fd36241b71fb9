"""What an audit proves: simulated sessions on the sample, with the truth as the person."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.data import MODELS, sample, workspace
from benchmarks.predictions import predicted
from benchmarks.rows import Row, at_least
from napari_bayesseg.numerics.binomial_bound import binomial_upper_bound
from napari_bayesseg.review.audit.audit import CONFIDENCE, AuditOutcome
from napari_bayesseg.review.status import Status
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.session import Session

__all__ = ["Audited", "audit_again_and_again", "exact_coverage", "run"]

_SESSIONS = 200
_PLACES = 150


def run(quick: bool) -> list[Row]:
    """Audit the sample 200 times; quick and full are the same."""
    case = sample()
    name = f"{MODELS[0]}, {_SESSIONS} audits of {_PLACES} places"
    with _desk(predicted(case, MODELS[0]).path) as (desk, background):
        found = audit_again_and_again(desk, background, case.labels, _SESSIONS, _PLACES)
    outcomes = found.outcomes
    values: tuple[tuple[str, float, Any], ...] = (
        ("share of audits whose bound covers the truth", found.coverage, at_least(CONFIDENCE)),
        (
            "the same by enumeration of every outcome",
            exact_coverage(found.wrong, found.population, _PLACES),
            at_least(CONFIDENCE),
        ),
        ("lowest of it over all true shares", _lowest_coverage(), at_least(CONFIDENCE)),
        ("true share of wrong labels", found.true_share, None),
        ("promised", outcomes[0].promised, None),
        ("observed, mean of the audits", float(np.mean([o.observed for o in outcomes])), None),
        ("bound, mean of the audits", float(np.mean([o.bound for o in outcomes])), None),
        ("voxels accepted unseen", found.population, None),
    )
    return [
        Row.of("audits of the sample", name, column, value=v, goal=g) for column, v, g in values
    ]


@dataclass(frozen=True)
class Audited:
    """Audits of one population.

    Attributes
    ----------
    outcomes : tuple of AuditOutcome
    population, wrong : int
        Voxels that would be accepted unseen; of them, those with a wrong label.
    """

    outcomes: tuple[AuditOutcome, ...]
    population: int
    wrong: int

    @property
    def true_share(self) -> float:
        """Share of the population that is wrong."""
        return self.wrong / self.population

    @property
    def coverage(self) -> float:
        """Share of the audits whose bound is not below the true share."""
        return float(np.mean([o.bound >= self.true_share for o in self.outcomes]))


@contextmanager
def _desk(path: Path) -> Iterator[tuple[ReviewDesk, ThreadBackground]]:
    """Open a review of a copy, in which all that must be seen was seen."""
    copy = workspace() / f"audited-{path.name}"
    if not copy.exists():
        shutil.copytree(path, copy)
    background = ThreadBackground()
    session = Session(background)
    try:
        session.open_result(copy)
        background.drain()
        desk = session.desk
        assert desk is not None
        for region in desk.table.regions:
            if region.maximum >= desk.settings.upper:
                desk.go_to(region.id)
                desk.accept()
        yield desk, background
    finally:
        session.close()


def audit_again_and_again(
    desk: ReviewDesk,
    background: ThreadBackground,
    truth: NDArray[Any],
    sessions: int,
    places: int,
) -> Audited:
    """Audit a review so many times, by the truth; seeds count from 0.

    The true share is counted over the whole volume, not by the sampler: all processed voxels
    outside the regions that were decided one by one.
    """
    seen = [r.id for r in desk.table.regions if desk.statuses.get(r.id) is not Status.PENDING]
    waiting = [
        r.id
        for r in desk.table.regions
        if desk.statuses.get(r.id) is Status.PENDING and r.maximum >= desk.settings.upper
    ]
    labels, ids = desk.review.labels(), np.asarray(desk.table.region_labels[:])
    unseen = desk.source.valid & ~np.isin(ids, [*seen, *waiting])
    outcomes = []
    for seed in range(sessions):
        desk.audit.start(places, seed=seed)
        background.drain()
        while desk.audit.place is not None:
            position = desk.audit.place.position
            right = labels[position] == truth[position]
            (desk.audit.agree if right else desk.audit.disagree)()
        outcomes.append(desk.audit.former[-1].outcome)
    wrong = int(np.count_nonzero(unseen & (labels != truth)))
    return Audited(tuple(outcomes), int(np.count_nonzero(unseen)), wrong)


def exact_coverage(wrong: int, population: int, places: int) -> float:
    """Return the chance that the bound covers the truth, summed over every outcome."""
    outcomes = np.arange(places + 1)
    bounds = np.array([binomial_upper_bound(int(k), places, CONFIDENCE) for k in outcomes])
    chances = stats.hypergeom.pmf(outcomes, population, wrong, places)
    return float(chances[bounds >= wrong / population].sum())


def _lowest_coverage() -> float:
    """Return the lowest chance over a grid of true shares from 0.1 % to 100 %."""
    population = 10**6
    wrongs = np.unique(np.geomspace(1e-3 * population, population, 400).astype(int))
    return min(exact_coverage(int(wrong), population, _PLACES) for wrong in wrongs)
