"""What the pictures of results share: colours, sizes, and numbers taken out of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.rows import Outcome
from benchmarks.tables import split_metric

__all__ = [
    "DPI",
    "LINE",
    "OURS",
    "PEERS",
    "WIDTH",
    "Cells",
    "column_of",
    "panels",
    "style",
    "tables_of",
]

Cells = Mapping[tuple[str, str], float]

# Okabe and Ito: told apart with any colour vision; ours and others differ in lightness too.
OURS, PEERS, LINE = "#0072B2", "#E69F00", "#D55E00"
DPI = 100
WIDTH = 8.0  # inches, so 800 pixels


def tables_of(outcome: Outcome) -> dict[str, dict[tuple[str, str], float]]:
    """Return the numbers of each table: (line, column) to value."""
    found: dict[str, dict[tuple[str, str], float]] = {}
    for entry in outcome.results:
        table, line, column = split_metric(entry["metric"])
        if isinstance(entry["value"], int | float):
            found.setdefault(table, {})[line, column] = float(entry["value"])
    return found


def column_of(cells: Cells, ending: str) -> dict[str, float]:
    """Return the values of the column whose name ends so, by line."""
    return {line: value for (line, column), value in cells.items() if column.endswith(ending)}


def style(axes: Axes, title: str) -> None:
    """Give axes a title and take away the frame at the top and at the right."""
    axes.set_title(title, fontsize=10, loc="left")
    axes.tick_params(labelsize=9)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def panels(count: int, height: float) -> tuple[Figure, Sequence[Axes]]:
    """Return a figure of several panels, one below the other, each so many inches high."""
    figure = Figure(figsize=(WIDTH, count * height), dpi=DPI, layout="constrained")
    axes = figure.subplots(count, 1, squeeze=False)
    return figure, list(axes[:, 0])
