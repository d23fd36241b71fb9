"""What a decision is worth: how many wrong voxels a review removes, in our order and in others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks import hippocampus
from benchmarks.case_worth import REJECT, TAKE, VOXELWISE, CaseWorth, case_worth
from benchmarks.data import MODELS, sample, workspace
from benchmarks.plain_pass import save_mean_network
from benchmarks.reviewer import Places, WorthCurve
from benchmarks.rows import Goal, Row, at_least, at_most, skipped

__all__ = ["ORDERS", "run"]

OURS, LARGEST, RANDOM, BEST = "ours", "largest first", "random", "best possible"
EXPECTED, SMOOTHED, PLAIN = "expected error", "smoothed disagreement", "one plain pass"
ORDERS = (OURS, SMOOTHED, EXPECTED, LARGEST, RANDOM, PLAIN, BEST)
"""Columns of the tables: orders of the default measure's regions, and regions of other maps."""
SPREAD = "ours, standard deviation"

_LOOKED = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05)
_DECISIONS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 100, 200)
_SEEDS = range(20)
_SHARE, _REMOVED = 0.05, 0.8

# Aims: a plain softmax entropy reached 0.91 in 5 % of the volume.
_GOAL_SHARE, _GOAL_RATIO = at_least(0.95), at_most(0.5)


def run(quick: bool) -> list[Row]:
    """Review the sample; without `quick` the hippocampi too, with a network trained for them."""
    rows = _rows("sample", [case_worth(sample(), MODELS[0], _plain(MODELS[0]))], with_goals=False)
    if quick:
        return rows
    reason = hippocampus.missing()
    if reason is not None:
        return [*rows, skipped(reason)]
    model = hippocampus.bayesian_model()
    plain = _plain(model)
    worths = [case_worth(case, model, plain) for case in hippocampus.cases_for_testing()]
    return [*_rows("hippocampus", worths, with_goals=True), *rows]


def _plain(model: str | Path) -> Path:
    return save_mean_network(model, workspace() / f"{Path(model).name}-mean")


def _reviews(places: Places) -> dict[str, list[WorthCurve]]:
    """Return the curves of each order of some regions; several where it depends on a seed."""
    return {
        OURS: [places.review(places.by_expected_error())],
        LARGEST: [places.review(places.by_size())],
        RANDOM: [places.review(places.at_random(seed)) for seed in _SEEDS],
        BEST: [places.review(places.best())],
    }


def _all_reviews(worth: CaseWorth) -> dict[str, list[WorthCurve]]:
    """Return the curves of every order, those of other maps too."""
    plain = worth.plain
    reviews = {
        **_reviews(worth.wide),
        SMOOTHED: [worth.smoothed.review(worth.smoothed.by_expected_error())],
        EXPECTED: [worth.expected.review(worth.expected.by_expected_error())],
        PLAIN: [plain.review(plain.by_measure())],
    }
    return {name: reviews[name] for name in ORDERS}


def _rows(name: str, worths: Sequence[CaseWorth], *, with_goals: bool) -> list[Row]:
    data = f"{name}, {len(worths)} test cases" if len(worths) > 1 else name
    return [
        *_voxelwise_rows(data, worths, with_goals=with_goals),
        *_curve_rows(data, worths, with_goals=with_goals),
        *_default_rows(data, worths, with_goals=with_goals),
        *_key_rows(data, worths),
    ]


def _voxelwise_rows(data: str, worths: Sequence[CaseWorth], *, with_goals: bool) -> list[Row]:
    table = f"{data}: share of the wrong voxels among the most uncertain"
    rows = []
    for name in worths[0].voxelwise:
        found = np.array([worth.voxelwise[name] for worth in worths])
        for place, share in enumerate(VOXELWISE):
            is_aim = with_goals and share == _SHARE and name == "expected_error"
            goal = _GOAL_SHARE if is_aim else None
            value = float(found[:, place].mean())
            rows.append(Row.of(table, name, _percent(share), value=value, goal=goal))
        if len(worths) > 1:
            spread = float(found[:, VOXELWISE.index(_SHARE)].std(ddof=1))
            rows.append(Row.of(table, name, "5 %, standard deviation", value=spread))
    for index, name in enumerate(
        ("wrong voxels, mean of the draws", "wrong voxels, one plain pass")
    ):
        share = float(np.mean([worth.wrong_share[index] for worth in worths]))
        rows.append(Row.of(f"{data}: before any review", name, "share", value=share))
    return rows


def _curve_rows(data: str, worths: Sequence[CaseWorth], *, with_goals: bool) -> list[Row]:
    """Return two tables: the share removed against volume looked at, and against decisions."""
    reviews = [_all_reviews(worth) for worth in worths]
    by_share = {_percent(x): _reading(WorthCurve.at_share, x) for x in _LOOKED}
    most = max(len(review[OURS][0].looked) - 1 for review in reviews)
    numbers = [n for n in _DECISIONS if n <= most]
    by_number = {str(n): _reading(WorthCurve.after, n) for n in numbers}
    goals = {_percent(_SHARE): _GOAL_SHARE} if with_goals else {}
    return [
        *_table(f"{data}: share removed, by volume looked at", reviews, by_share, goals),
        *_table(f"{data}: share removed, by decisions", reviews, by_number, {}),
    ]


def _reading(read: Callable[[WorthCurve, float], float], at: float) -> Callable[..., float]:
    return lambda curve: read(curve, at)


def _table(
    table: str,
    reviews: Sequence[Mapping[str, Sequence[WorthCurve]]],
    lines: Mapping[str, Callable[[WorthCurve], float]],
    goals: Mapping[str, Goal],
) -> list[Row]:
    """Return means over cases, a line each reading and a column each order."""
    rows = []
    for line, read in lines.items():
        for order in reviews[0]:
            values = [np.mean([read(curve) for curve in review[order]]) for review in reviews]
            goal = goals.get(line) if order == OURS else None
            rows.append(Row.of(table, line, order, value=float(np.mean(values)), goal=goal))
            if order == OURS and len(values) > 1:
                spread = float(np.std(values, ddof=1))
                rows.append(Row.of(table, line, SPREAD, value=spread))
    return rows


def _default_rows(data: str, worths: Sequence[CaseWorth], *, with_goals: bool) -> list[Row]:
    """Return what the regions of the default settings hold, and how fast each order is there."""
    table = f"{data}: the regions that a person is offered at first"
    ends = [worth.default.review(worth.default.by_size()) for worth in worths]
    facts = {
        "regions": np.mean([worth.default.voxels.size for worth in worths]),
        "share of the volume in them": np.mean([end.looked[-1] for end in ends]),
        "share of the wrong voxels in them": np.mean([end.removed[-1] for end in ends]),
    }
    rows = [Row.of(table, name, OURS, value=float(value)) for name, value in facts.items()]
    needed = {}
    for order in (OURS, LARGEST, RANDOM, BEST):
        counts = [
            np.mean([c.decisions_for(_REMOVED * c.removed[-1]) for c in _reviews(w.default)[order]])
            for w in worths
        ]
        needed[order] = float(np.mean(counts))
        name = f"decisions for {100 * _REMOVED:g} % of those"
        rows.append(Row.of(table, name, order, value=needed[order]))
    for order in (OURS, RANDOM, BEST):
        ratio = needed[order] / needed[LARGEST] if needed[LARGEST] else float("nan")
        goal = _GOAL_RATIO if with_goals and order == OURS else None
        rows.append(Row.of(table, "the same, over largest first", order, value=ratio, goal=goal))
    return rows


def _key_rows(data: str, worths: Sequence[CaseWorth]) -> list[Row]:
    """Return what one key a region removes, without painting."""
    table = f"{data}: share of the wrong voxels that one key a region puts right"
    rows = []
    for title, pick in _SETS.items():
        places = [pick(worth) for worth in worths]
        for key in (None, REJECT, TAKE):
            ends = [p.review(p.by_expected_error(), key).removed[-1] for p in places]
            name = "keys and brush" if key is None else f"accept, or {key}"
            rows.append(Row.of(table, name, title, value=float(np.mean(ends))))
    return rows


_SETS: Mapping[str, Callable[[CaseWorth], Places]] = {
    "default regions": lambda worth: worth.default,
    "regions of 5 % of the volume": lambda worth: worth.wide,
}


def _percent(share: float) -> str:
    return f"{100 * share:g} %"
