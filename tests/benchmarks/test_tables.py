from __future__ import annotations

from typing import Any

import pytest

from benchmarks.rows import Outcome, Row, at_least, at_most, skipped
from benchmarks.tables import PLUS_MINUS, format_cell, format_value, markdown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.98765, "0.9877"),
        (0.0, "0"),
        (1.234e-7, "1.2e-07"),
        (123456.7, "123457"),
        (12.0, "12"),
        (1234567, "1,234,567"),
        ("8 of 64", "8 of 64"),
        (None, "-"),
    ],
)
def test_values_are_short(value: Any, text: str) -> None:
    assert format_value(value) == text


def test_a_missed_goal_stands_out() -> None:
    assert format_cell(Row("x", 2.0, at_least(3)).as_json()) == "**2 ✗ (≥ 3)**"
    assert format_cell(Row("x", 2.0, at_most(3)).as_json()) == "2 ✓ (≤ 3)"
    assert format_cell(Row("x", 2.0).as_json()) == "2"
    assert format_cell(None) == ""


def test_lines_and_columns_come_from_the_metrics() -> None:
    rows = [
        Row.of("scans", "Dice", "one", value=0.5),
        Row.of("scans", "Dice", "other", value=0.25),
        Row.of("scans", "errors", "other", value=3),
        Row.of("times", "wall", "one", value=1.5),
    ]
    assert markdown(Outcome.of("x", "machine", rows)).splitlines() == [
        "| scans | one | other |",
        "|---|---:|---:|",
        "| Dice | 0.5 | 0.25 |",
        "| errors |  | 3 |",
        "",
        "| times | one |",
        "|---|---:|",
        "| wall | 1.5 |",
    ]


def test_a_skipped_benchmark_says_why() -> None:
    table = markdown(Outcome.of("x", "machine", [skipped("no data here")]))
    assert "| skipped | no data here |" in table


def test_a_spread_stands_beside_its_value() -> None:
    rows = [
        Row.of("scans", "one", "Dice", value=0.87654, goal=at_least(0.8)),
        Row.of("scans", "one", f"Dice{PLUS_MINUS}", value=0.00321),
        Row.of("scans", "other", "Dice", value=0.5),
    ]
    assert markdown(Outcome.of("x", "machine", rows)).splitlines() == [
        "| scans | Dice |",
        "|---|---:|",
        "| one | 0.8765 ± 0.0032 ✓ (≥ 0.8) |",
        "| other | 0.5 |",
    ]
