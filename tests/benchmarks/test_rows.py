from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.rows import (
    Goal,
    Outcome,
    Row,
    at_least,
    at_most,
    read_outcomes,
    skipped,
    write_outcomes,
)

NAN = float("nan")


@pytest.mark.parametrize(
    ("goal", "value", "holds"),
    [
        (at_least(0.98), 0.98, True),
        (at_least(0.98), 0.9799, False),
        (at_most(30), 30, True),
        (at_most(30), 30.01, False),
        (at_most(0), 0, True),
        (at_least(1), NAN, False),
        (at_most(1), NAN, False),
        (at_most(1), None, False),
        (at_most(1), "not measured", False),
    ],
)
def test_a_goal_is_kept_or_missed(goal: Goal, value: float | str | None, holds: bool) -> None:
    assert goal.holds(value) is holds
    assert Row("x", value, goal).holds is holds


def test_a_row_has_the_four_keys_of_the_contract() -> None:
    row = Row.of("ordinary scans", "Dice of pore", "model", value=0.99, goal=at_least(0.98))
    assert row.as_json() == {
        "metric": "ordinary scans | Dice of pore | model",
        "value": 0.99,
        "goal": ">= 0.98",
        "holds": True,
    }


def test_a_row_without_a_goal_neither_holds_nor_fails() -> None:
    assert Row("x", 1.0).as_json() == {"metric": "x", "value": 1.0, "goal": None, "holds": None}
    assert skipped("no data").as_json()["holds"] is None


@pytest.mark.parametrize("value", [NAN, float("inf")])
def test_numbers_that_json_does_not_know_become_null(value: float) -> None:
    entry = Row("x", value, at_least(1)).as_json()
    assert entry["value"] is None


def test_outcomes_survive_the_file(tmp_path: Path) -> None:
    rows = [Row("a", 1, at_most(2)), Row("b", 3.5, at_most(2)), skipped("no data")]
    outcome = Outcome.of("name", "2 cores", rows)
    path = tmp_path / "new" / "file.json"
    write_outcomes(path, [outcome])
    assert read_outcomes(path) == [outcome]
    (entry,) = json.loads(path.read_text(encoding="utf-8"))
    assert set(entry) == {"name", "machine", "results"}
    assert [missed["metric"] for missed in outcome.missed] == ["b"]
