"""What a benchmark gives: rows of one number each, some with a goal."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = [
    "SEPARATOR",
    "Goal",
    "Outcome",
    "Row",
    "at_least",
    "at_most",
    "read_outcomes",
    "skipped",
    "write_outcomes",
]

Value = float | int | str | None

SEPARATOR = " | "
"""Between the parts of a metric: the table, its line and its column (each may be left out)."""


@dataclass(frozen=True)
class Goal:
    """A bound that a value must keep.

    Attributes
    ----------
    relation : str
        ``">="`` or ``"<="``.
    bound : float
        In the unit of the value.
    """

    relation: Literal[">=", "<="]
    bound: float

    def holds(self, value: Value) -> bool:
        """Whether the value keeps the bound; a missing one, a text or NaN does not."""
        if not isinstance(value, int | float) or math.isnan(value):
            return False
        return value >= self.bound if self.relation == ">=" else value <= self.bound

    def __str__(self) -> str:
        return f"{self.relation} {self.bound:g}"


def at_least(bound: float) -> Goal:
    """Return the goal of reaching `bound`."""
    return Goal(">=", bound)


def at_most(bound: float) -> Goal:
    """Return the goal of staying within `bound`."""
    return Goal("<=", bound)


@dataclass(frozen=True)
class Row:
    """One measured number.

    Attributes
    ----------
    metric : str
        What it is, with its unit; parts are separated by ``" | "``: the table, its line, its
        column.
    value : float, int, str or None
        A text where nothing could be measured.
    goal : Goal or None
        None for a number that is only reported.
    """

    metric: str
    value: Value
    goal: Goal | None = None

    @classmethod
    def of(cls, *parts: str, value: Value, goal: Goal | None = None) -> Row:
        """Build a row from the parts of its metric."""
        return cls(SEPARATOR.join(parts), value, goal)

    @property
    def holds(self) -> bool | None:
        """Whether the goal is kept; None where there is none."""
        return None if self.goal is None else self.goal.holds(self.value)

    def as_json(self) -> dict[str, Any]:
        """Return the entry of the JSON file; NaN and infinity become null."""
        value = self.value
        if isinstance(value, float) and not math.isfinite(value):
            value = None
        goal = None if self.goal is None else str(self.goal)
        return {"metric": self.metric, "value": value, "goal": goal, "holds": self.holds}


def skipped(reason: str) -> Row:
    """Return the row of a benchmark, or a part of one, that could not run."""
    return Row("skipped", reason)


@dataclass(frozen=True)
class Outcome:
    """The rows of one benchmark as they stand in the JSON file.

    Attributes
    ----------
    name : str
        Of the benchmark.
    machine : str
        On what, without names of hosts.
    results : tuple of dict
        Keys ``metric``, ``value``, ``goal``, ``holds``.
    """

    name: str
    machine: str
    results: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, name: str, machine: str, rows: Sequence[Row]) -> Outcome:
        """Build from rows."""
        return cls(name, machine, tuple(row.as_json() for row in rows))

    @property
    def missed(self) -> tuple[dict[str, Any], ...]:
        """Results whose goal is not kept."""
        return tuple(entry for entry in self.results if entry["holds"] is False)


def write_outcomes(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write the JSON file."""
    entries = [{"name": o.name, "machine": o.machine, "results": o.results} for o in outcomes]
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(entries, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_outcomes(path: Path) -> list[Outcome]:
    """Read a file made by :func:`write_outcomes`."""
    entries = json.loads(path.read_text(encoding="utf-8"))
    return [Outcome(e["name"], e["machine"], tuple(e["results"])) for e in entries]
