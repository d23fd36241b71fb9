"""Rows as Markdown: one table for each first part of their metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.rows import SEPARATOR, Outcome

__all__ = ["PLUS_MINUS", "format_cell", "format_value", "markdown", "split_metric"]

PLUS_MINUS = " ±"
"""Ends the name of a column that is the spread of the column before; they are shown as one."""

_KEPT, _MISSED = "✓", "✗"
_RELATIONS = {">=": "≥", "<=": "≤"}
_SMALL = 1e-3
_LARGE = 1e5


def format_value(value: Any) -> str:
    """Write a value with four digits, or two where only its size matters."""
    if value is None:
        return "-"
    if isinstance(value, float):
        if value and abs(value) < _SMALL:
            return f"{value:.1e}"
        return f"{value:.0f}" if abs(value) >= _LARGE else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def format_cell(entry: dict[str, Any] | None, spread: dict[str, Any] | None = None) -> str:
    """Write a value, its spread, and beside it whether its goal is kept."""
    if entry is None:
        return ""
    text = format_value(entry["value"])
    if spread is not None and spread["value"] is not None:
        text = f"{text} ± {_two_digits(spread['value'])}"
    if entry["goal"] is None:
        return text
    goal = entry["goal"]
    for plain, sign in _RELATIONS.items():
        goal = goal.replace(plain, sign)
    return f"{text} {_KEPT} ({goal})" if entry["holds"] else f"**{text} {_MISSED} ({goal})**"


def _two_digits(spread: float) -> str:
    """Write a spread with as few digits as it deserves."""
    return f"{spread:.1e}" if 0 < spread < _SMALL / 10 else f"{spread:.2g}"


def split_metric(metric: str) -> tuple[str, str, str]:
    """Split a metric into table, line and column; what is left out is empty."""
    parts = metric.split(SEPARATOR)
    if len(parts) == 1:
        return "", parts[0], "value"
    if len(parts) == 2:
        return "", parts[0], parts[1]
    return parts[0], parts[1], SEPARATOR.join(parts[2:])


def markdown(outcome: Outcome) -> str:
    """Return the tables of one benchmark, in the order in which their rows came."""
    tables: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
    for entry in outcome.results:
        table, line, column = split_metric(entry["metric"])
        tables.setdefault(table, {})[line, column] = entry
    return "\n\n".join(_table(title, cells) for title, cells in tables.items())


def _table(title: str, cells: dict[tuple[str, str], dict[str, Any]]) -> str:
    lines = list(dict.fromkeys(line for line, _ in cells))
    columns = [
        column
        for column in dict.fromkeys(column for _, column in cells)
        if not column.endswith(PLUS_MINUS)
    ]
    head = [f"| {title} | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    return "\n".join(head + [_line(line, columns, cells) for line in lines])


def _line(line: str, columns: Sequence[str], cells: dict[tuple[str, str], dict[str, Any]]) -> str:
    found = [
        format_cell(cells.get((line, column)), cells.get((line, f"{column}{PLUS_MINUS}")))
        for column in columns
    ]
    return f"| {line} | {' | '.join(found)} |"
