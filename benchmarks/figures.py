"""Pictures of the results: ``python -m benchmarks.figures [JSON] [--into docs/images]``.

Those that were drawn are linked on the pages, between ``<!-- begin FILE -->`` and its end.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.drawing import (
    DPI,
    LINE,
    OURS,
    PEERS,
    WIDTH,
    Cells,
    column_of,
    panels,
    style,
    tables_of,
)
from benchmarks.methods.pictures import draw_reliability, draw_removed
from benchmarks.report import DOCUMENT, ENGINE, METHODS, RESULTS, markers
from benchmarks.rows import Outcome, read_outcomes

__all__ = ["PICTURES", "Picture", "link", "main", "tables_of"]

_SEVEN = (OURS, "#009E73", "#56B4E9", PEERS, "#999999", LINE, "#000000")
_SPREAD = ", standard deviation"


@dataclass(frozen=True)
class Picture:
    """A picture of one benchmark.

    Attributes
    ----------
    benchmark : str
        Its name.
    caption : str
        For those who can't see it.
    draw : callable
        Makes the figure; None where the outcome has nothing to show.
    """

    benchmark: str
    caption: str
    draw: Callable[[Outcome], Figure | None]


def draw_throughput(outcome: Outcome) -> Figure | None:
    """Bars of the time of all draws; ours and the peers in a colour each."""
    tables = {
        title: column_of(cells, " draws (s)")
        for title, cells in tables_of(outcome).items()
        if column_of(cells, "times run")
    }
    if not tables:
        return None
    figure, parts = panels(len(tables), 3.0)
    for axes, (title, times) in zip(parts, tables.items(), strict=True):
        names = sorted(times, key=lambda name: -times[name])
        colours = [OURS if name.startswith("ours") else PEERS for name in names]
        bars = axes.barh(names, [times[name] for name in names], color=colours)
        axes.bar_label(bars, fmt="%.3g", padding=3, fontsize=9)
        axes.margins(x=0.12)
        axes.set_xlabel("time of all draws (s); peers: one pass times the draws", fontsize=9)
        style(axes, title)
    return figure


def draw_layers(outcome: Outcome) -> Figure | None:
    """Bars of each layer's share of a draw's time; points for its share of the peak."""
    tables = {title: cells for title, cells in tables_of(outcome).items() if "once a draw" in title}
    if not tables:
        return None
    figure, parts = panels(len(tables), 3.4)
    for axes, (title, cells) in zip(parts, tables.items(), strict=True):
        times, peaks = (column_of(cells, f"share of the {of} (%)") for of in ("time", "peak"))
        names = list(times)[::-1]
        axes.barh(names, [times[name] for name in names], color=OURS, label="of the draw's time")
        with_peak = [name for name in names if name in peaks]
        values = [peaks[name] for name in with_peak]
        axes.plot(values, with_peak, "D", color=LINE, label="of the convolution's peak")
        axes.set_xlim(0, max(100.0, *values) * 1.02)
        axes.set_xlabel("share (%)", fontsize=9)
        axes.legend(fontsize=9, loc="lower right", frameon=False)
        style(axes, title)
    return figure


def draw_memory(outcome: Outcome) -> Figure | None:
    """Lines of the peak over the size of the scan, one for each number of draws."""
    peaks = column_of(tables_of(outcome).get("peak memory of the process", {}), "peak (GB)")
    lines = _lines_of_memory(peaks)
    if not lines:
        return None
    figure, (axes,) = panels(1, 3.6)
    styles = zip(sorted(lines.items()), (OURS, PEERS), "os", strict=False)
    for (samples, points), colour, marker in styles:
        sides, values = zip(*sorted(points), strict=True)
        axes.plot(sides, values, color=colour, marker=marker, label=f"T = {samples}")
    axes.axhline(2.0, color=LINE, linestyle="--", label="the budget asked for")
    ticks = sorted({side for points in lines.values() for side, _ in points})
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [f"{side}³" for side in ticks])
    axes.set_ylim(0, 2.2)
    axes.set_xlabel("size of the scan (voxels)", fontsize=9)
    axes.set_ylabel("peak memory of the process (GB)", fontsize=9)
    axes.legend(fontsize=9, frameon=False)
    style(axes, "8 blocks of a sparse scan, --memory 2GB")
    return figure


def draw_review_worth(outcome: Outcome) -> Figure | None:
    """Lines of the share of wrong voxels removed, a row of panels for each set of scans."""
    tables = tables_of(outcome)
    names = [name.split(":")[0] for name in tables if name.endswith("by volume looked at")]
    if not names:
        return None
    figure = Figure(figsize=(WIDTH, 3.2 * len(names) + 0.5), dpi=DPI, layout="constrained")
    rows = figure.subplots(len(names), 2, squeeze=False, sharey="row")
    for name, (left, right) in zip(names, rows, strict=True):
        _draw_orders(left, tables[f"{name}: share removed, by volume looked at"], "%")
        left.set_xlabel("share of the volume looked at (%)", fontsize=9)
        left.set_ylabel("share of the wrong voxels removed", fontsize=9)
        style(left, name)
        _draw_orders(right, tables[f"{name}: share removed, by decisions"], "")
        right.set_xlabel("decisions", fontsize=9)
        right.set_xscale("log")
        right.xaxis.set_major_formatter("{x:g}")
        style(right, "")
    figure.legend(*rows[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _draw_orders(axes: Axes, cells: Cells, unit: str) -> None:
    """Draw a line for each column; a band of one standard deviation where a column gives it."""
    columns = list(dict.fromkeys(column for _, column in cells))
    orders = [column for column in columns if not column.endswith(_SPREAD)]
    for order, colour in zip(orders, _SEVEN, strict=False):
        values = {float(line.removesuffix(unit)): v for line, v in column_of(cells, order).items()}
        places, means = list(values), np.array(list(values.values()))
        style = "--" if order.startswith("best") else "-"
        axes.plot(places, means, style, color=colour, marker="o", markersize=3, label=order)
        spread = np.array(list(column_of(cells, f"{order}{_SPREAD}").values()))
        if spread.size:
            low, high = means - spread, np.minimum(means + spread, 1.0)
            axes.fill_between(places, low, high, color=colour, alpha=0.2, linewidth=0)


def _lines_of_memory(peaks: Mapping[str, float]) -> dict[int, list[tuple[int, float]]]:
    """Sort peaks by number of draws: side of the scan and peak in GB, for the budget of 2 GB."""
    lines: dict[int, list[tuple[int, float]]] = {}
    for line, peak in peaks.items():
        side, samples, memory, *chosen = line.split(", ")
        if memory.endswith("2GB") and not chosen:  # blocks that a run chooses are of other sizes
            point = int(side.rstrip("³")), peak
            lines.setdefault(int(samples.removeprefix("T = ")), []).append(point)
    return lines


PICTURES: Mapping[str, Picture] = {
    "throughput.png": Picture(
        "throughput",
        "Bars: time of sixteen draws by this project and by four other ways through a volume",
        draw_throughput,
    ),
    "layers.png": Picture(
        "roofline",
        "For each layer of a draw: its share of the time, and the share of the peak it reaches",
        draw_layers,
    ),
    "memory.png": Picture(
        "memory",
        "Peak memory against the size of the scan, for 4 and for 64 draws, below the budget",
        draw_memory,
    ),
    "review_worth.png": Picture(
        "review-worth",
        "Share of the wrong voxels that a review removes, against the volume looked at and against "
        "the decisions made: our order, three others, and the best that any order can do",
        draw_review_worth,
    ),
    "methods_errors.png": Picture(
        "methods",
        "For each method: the share of the wrong voxels among the five per cent most uncertain, "
        "on scans as they are and under shift",
        draw_removed,
    ),
    "methods_reliability.png": Picture(
        "methods",
        "Accuracy minus confidence against confidence, on scans as they are and under shift",
        draw_reliability,
    ),
}
"""Pictures by file name."""


def _drawn(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, Figure]]:
    by_name = {outcome.name: outcome for outcome in outcomes}
    for file, picture in PICTURES.items():
        if picture.benchmark in by_name:
            figure = picture.draw(by_name[picture.benchmark])
            if figure is not None:
                yield file, figure


def link(text: str, links: Mapping[str, str]) -> str:
    """Return the page with pictures in the places that their file names mark.

    Parameters
    ----------
    text : str
    links : mapping
        File name to where it lies, seen from the page.
    """
    for file, target in links.items():
        begin, end = markers(file)
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        content = f"{begin}\n![{PICTURES[file].caption}]({target})\n{end}"
        text = pattern.sub(lambda _, content=content: content, text)  # type: ignore[misc]
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw every picture for which there are results, and link it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.figures", description=__doc__)
    parser.add_argument("json", type=Path, nargs="?", default=RESULTS, help="file of results")
    parser.add_argument("--into", type=Path, default=ENGINE.parent / "images", help="folder")
    parser.add_argument(
        "--page",
        type=Path,
        action="append",
        help="page to link them on, can be given again; default benchmarks.md, results.md and "
        "methods.md",
    )
    options = parser.parse_args(arguments)
    options.into.mkdir(parents=True, exist_ok=True)
    paths = {}
    for file, figure in _drawn(read_outcomes(options.json)):
        paths[file] = options.into / file
        figure.savefig(paths[file])
    for page in options.page or [ENGINE, DOCUMENT, METHODS]:
        links = {
            file: Path(os.path.relpath(path, page.parent)).as_posix()
            for file, path in paths.items()
        }
        page.write_text(link(page.read_text(encoding="utf-8"), links), encoding="utf-8")
    sys.stderr.write(f"{', '.join(paths) or 'nothing'} drawn\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
