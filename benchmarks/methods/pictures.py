"""Pictures of the study: errors found by each method, and how honest its confidence is."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.drawing import DPI, LINE, OURS, WIDTH, Cells, style, tables_of
from benchmarks.methods.contenders import BASELINES
from benchmarks.methods.data import HIPPOCAMPUS, HIPPOCAMPUS_LONGER, TITLES
from benchmarks.methods.tables import AS_THEY_ARE, COLUMNS, GAP, SHIFTED
from benchmarks.rows import Outcome
from benchmarks.tables import PLUS_MINUS

__all__ = ["draw_reliability", "draw_removed"]

_STUDIES = (TITLES[HIPPOCAMPUS_LONGER], TITLES[HIPPOCAMPUS])
_AT_5 = COLUMNS["at_5_percent"]
_COLOURS = ("#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#D55E00", "#000000", "#F0E442")


def draw_removed(outcome: Outcome) -> Figure | None:
    """Points with the spread over seeds: errors among the 5 %, as scans are and under shift."""
    study = _study(outcome)
    tables = {
        label: _own_table(tables_of(outcome), study, ending)
        for label, ending in ((AS_THEY_ARE, f" scans, {AS_THEY_ARE}"), (SHIFTED, f", {SHIFTED}"))
    }
    found = {label: cells for label, cells in tables.items() if cells is not None}
    if not found:
        return None
    names = _names(next(iter(found.values())))[::-1]
    figure = Figure(figsize=(WIDTH, 0.9 + 0.32 * len(names)), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for (label, cells), colour, marker in zip(found.items(), (OURS, LINE), "oD", strict=False):
        here = [name for name in names if (name, _AT_5) in cells]
        values = [cells[name, _AT_5] for name in here]
        spreads = [cells.get((name, f"{_AT_5}{PLUS_MINUS}"), 0.0) for name in here]
        places = [names.index(name) for name in here]
        axes.errorbar(
            values, places, xerr=spreads, fmt=marker, color=colour, capsize=3, label=label
        )
    axes.set_yticks(range(len(names)), names)
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel("share of the wrong voxels among the 5 % most uncertain", fontsize=9)
    figure.legend(loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    style(axes, f"{study.capitalize()}, test scans; bars: standard deviation over seeds")
    return figure


def draw_reliability(outcome: Outcome) -> Figure | None:
    """Lines of accuracy minus confidence: above zero too modest, below too sure."""
    tables, study = tables_of(outcome), _study(outcome)
    found = {
        label: tables[title]
        for label, title in (
            (AS_THEY_ARE, f"{study}, {AS_THEY_ARE}: {GAP}"),
            (SHIFTED, f"{study}, {SHIFTED}: {GAP}"),
        )
        if title in tables
    }
    if not found:
        return None
    figure = Figure(figsize=(WIDTH, 4.2), dpi=DPI, layout="constrained")
    parts = figure.subplots(1, len(found), squeeze=False, sharey=True)[0]
    for axes, (label, cells) in zip(parts, found.items(), strict=True):
        _draw_gaps(axes, cells)
        axes.set_xlabel("confidence", fontsize=9)
        style(axes, label)
    parts[0].set_ylabel("accuracy minus confidence", fontsize=9)
    figure.legend(
        *parts[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9
    )
    return figure


def _draw_gaps(axes: Axes, cells: Cells) -> None:
    names = list(dict.fromkeys(column for _, column in cells))
    axes.axhline(0.0, color="#999999", linewidth=1)
    for name, colour in zip(names, _COLOURS, strict=False):
        points = sorted((float(line), v) for (line, column), v in cells.items() if column == name)
        kind = "--" if name in BASELINES else "-"
        axes.plot(*zip(*points, strict=True), kind, color=colour, marker=".", label=name)


def _study(outcome: Outcome) -> str:
    """Return the study that is shown: that of the longer runs, if it is there."""
    titles = tables_of(outcome)
    return next((s for s in _STUDIES if any(title.startswith(s) for title in titles)), _STUDIES[0])


def _own_table(
    tables: dict[str, dict[tuple[str, str], float]], study: str, ending: str
) -> Cells | None:
    return next(
        (
            cells
            for title, cells in tables.items()
            if title.startswith(study) and title.endswith(ending)
        ),
        None,
    )


def _names(cells: Cells) -> list[str]:
    return list(dict.fromkeys(line for line, _ in cells))
