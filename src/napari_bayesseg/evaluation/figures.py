"""Figures of an evaluation as SVG: one line a method, on one scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.unit_symbols import percent_text
from napari_bayesseg.evaluation.curves import ReliabilityDiagram
from napari_bayesseg.evaluation.evaluation import Evaluation
from napari_bayesseg.io.svg import line, polyline, rectangle, svg, text

__all__ = [
    "METHOD_COLOURS",
    "error_removed_figure",
    "pavpu_figure",
    "reliability_figure",
    "risk_coverage_figure",
]

# Okabe and Ito's colours, which colour-blind people can tell apart.
METHOD_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")

_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 12, 44
_KEY_HEIGHT, _KEYS_A_ROW = 20, 3
_CHARACTER_WIDTH = 7  # of the largest ones, about
_LINE_DASHES = ("", "7 4", "2 3")

Doubles = NDArray[np.float64]
Methods = Mapping[str, Sequence[Evaluation]]


@dataclass(frozen=True)
class _Line:
    name: str
    xs: Doubles
    ys: Doubles


@dataclass(frozen=True)
class _Axes:
    """A frame from 0 to `right` and from 0 to `high`, both shares."""

    title: str
    x_label: str
    y_label: str
    right: float = 1.0
    high: float = 1.0
    top: float = _TOP

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point stands."""
        width = _WIDTH - _LEFT - _RIGHT
        height = _HEIGHT - _TOP - _BOTTOM
        return _LEFT + width * x / self.right, self.top + height * (1 - y / self.high)

    def frame(self) -> list[str]:
        """Return grid, numbers and names of the axes."""
        found = []
        for quarter in range(5):
            x, y = self.right * quarter / 4, self.high * quarter / 4
            across, level = self.place(x, 0), self.place(0, y)
            found += [
                line(level[0], level[1], self.place(self.right, y)[0], level[1], "#ddd"),
                text(level[0] - 6, level[1] + 4, percent_text(y), "end"),
                text(across[0], across[1] + 16, percent_text(x), "middle"),
            ]
        middle = self.place(self.right / 2, 0)
        found.append(text(middle[0], middle[1] + 34, self.x_label, "middle"))
        half = self.place(0, self.high / 2)[1]
        label = escape(self.y_label)
        found.append(
            f'<text transform="translate(12 {half:.1f}) rotate(-90)" text-anchor="middle">'
            f"{label}</text>"
        )
        return found

    def draw(self, xs: Doubles, ys: Doubles, colour: str, dash: str = "") -> str:
        """Return a line, without the points that are NaN or leave the frame to the right."""
        inside = ~np.isnan(ys) & (xs <= self.right * (1 + 1e-9))
        points = [
            self.place(float(x), min(float(y), self.high))
            for x, y in zip(xs[inside], ys[inside], strict=True)
        ]
        return polyline(points, colour, dash=dash) if points else ""


def reliability_figure(methods: Methods) -> str:
    """Return accuracy over confidence, and how many voxels have each confidence."""
    share = "share of voxels that is right"
    axes = _framed("Reliability", "probability of the predicted class", share, methods)
    ends = np.array([0.0, 1.0])
    content = [*_keys(methods), *axes.frame(), axes.draw(ends, ends, "#999", "5 4")]
    for number, cases in enumerate(methods.values()):
        colour = _colour(number)
        diagram = _pooled([one.reliability for one in cases])
        known = diagram.counts > 0
        xs, ys = diagram.confidence[known], diagram.accuracy[known]
        content.append(axes.draw(xs, ys, colour))
        # The area of a dot is the share of the voxels that it speaks for.
        for x, y, weight in zip(xs, ys, diagram.counts[known] / diagram.counts.sum(), strict=True):
            cx, cy = axes.place(float(x), float(y))
            radius = 2.0 + 9.0 * float(np.sqrt(weight))
            content.append(
                f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="{radius:.1f}" fill="{colour}" '
                'fill-opacity="0.55"/>'
            )
    return _figure(axes, content)


def error_removed_figure(methods: Methods) -> str:
    """Return the share of the errors found over the share of the volume looked at."""
    lines = _lines(methods, lambda one: one.scores().error_removed.reviewed, _removed)
    # What is beyond the last thing worth reviewing is flat and would squeeze the rest.
    right = _reach(lines)
    axes = _framed(
        "Errors found over the volume looked at",
        "share of the volume looked at, the most uncertain first",
        "share of all errors found",
        methods,
        right=right,
    )
    ends = np.array([0.0, right])
    chance = axes.draw(ends, ends, "#999", "5 4")
    return _figure(axes, [*_keys(methods), *axes.frame(), chance, *_drawn(axes, lines)])


def risk_coverage_figure(methods: Methods) -> str:
    """Return the share of wrong voxels over the share of the voxels kept."""
    lines = _lines(
        methods,
        lambda one: one.scores().risk_coverage.coverage,
        lambda one: one.scores().risk_coverage.risk,
    )
    axes = _framed(
        "Risk over coverage",
        "share of the volume kept, the surest first",
        "share of it that is wrong",
        methods,
        high=_nice(max(float(np.nanmax(one.ys, initial=0.0)) for one in lines)),
    )
    return _figure(axes, [*_keys(methods), *axes.frame(), *_drawn(axes, lines)])


def pavpu_figure(methods: Methods) -> str:
    """Return the three patch scores over the threshold, as a share of the measure's range."""
    axes = _framed(
        "Patch accuracy against patch uncertainty",
        "threshold, from the surest patch to the most uncertain one",
        "share of patches",
        methods,
        rows_below=1,
    )
    names = ("accurate, if certain", "uncertain, if inaccurate", "PAvPU")
    content = [*_keys(methods), *axes.frame()]
    for number, (name, dash) in enumerate(zip(names, _LINE_DASHES, strict=True)):
        x, y = _LEFT + 190 * number, _KEY_HEIGHT * (_key_rows(methods) + 0.5)
        content.append(polyline([(x, y), (x + 28, y)], "#555", dash=dash))
        content.append(text(x + 36, y + 4, name))
    keys = ("accurate_given_certain", "uncertain_given_inaccurate", "pavpu")
    for number, cases in enumerate(methods.values()):
        for key, dash in zip(keys, _LINE_DASHES, strict=True):
            ys = _mean([getattr(one.scores().patch_curve, key) for one in cases])
            xs = (np.arange(len(ys)) / max(len(ys) - 1, 1)) ** 2
            content.append(axes.draw(xs, ys, _colour(number), dash))
    return _figure(axes, content)


def _framed(
    title: str,
    x_label: str,
    y_label: str,
    methods: Methods,
    *,
    right: float = 1.0,
    high: float = 1.0,
    rows_below: int = 0,
) -> _Axes:
    """Return axes below the names of the methods and so many more rows."""
    rows = _key_rows(methods) + rows_below
    return _Axes(title, x_label, y_label, right, high, _TOP + _KEY_HEIGHT * rows)


def _figure(axes: _Axes, content: Sequence[str]) -> str:
    return svg(_WIDTH, _HEIGHT + axes.top - _TOP, axes.title, content)


def _key_rows(methods: Methods) -> int:
    """Return the rows that the names take; a single method needs none."""
    return -(-len(methods) // _KEYS_A_ROW) if len(methods) > 1 else 0


def _keys(methods: Methods) -> list[str]:
    if len(methods) < 2:
        return []
    found = []
    step = (_WIDTH - _LEFT) / min(len(methods), _KEYS_A_ROW)
    longest = int(step / _CHARACTER_WIDTH) - 3
    for number, name in enumerate(methods):
        x = _LEFT + step * (number % _KEYS_A_ROW)
        y = 2 + _KEY_HEIGHT * (number // _KEYS_A_ROW)
        found.append(rectangle(x, y, 12, 12, _colour(number)))
        found.append(text(x + 18, y + 10, name if len(name) <= longest else name[:longest] + "…"))
    return found


def _colour(number: int) -> str:
    return METHOD_COLOURS[number % len(METHOD_COLOURS)]


def _drawn(axes: _Axes, lines: Sequence[_Line]) -> list[str]:
    return [axes.draw(one.xs, one.ys, _colour(number)) for number, one in enumerate(lines)]


def _lines(
    methods: Methods,
    xs: Callable[[Evaluation], Sequence[float]],
    ys: Callable[[Evaluation], Sequence[float]],
) -> list[_Line]:
    """Return the mean curve of each method over its cases, which share their places along x."""
    return [
        _Line(name, np.array(xs(cases[0])), _mean([ys(one) for one in cases]))
        for name, cases in methods.items()
    ]


def _removed(one: Evaluation) -> Sequence[float]:
    return one.scores().error_removed.removed


def _mean(curves: Sequence[Sequence[float]]) -> Doubles:
    """Return the mean curve; NaN only where no case has a value."""
    table = np.array([curve for curve in curves if len(curve)], np.float64)
    if not table.size:
        return np.full(0, np.nan)
    known = ~np.isnan(table)
    total = np.where(known, table, 0.0).sum(axis=0)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)


def _reach(lines: Sequence[_Line]) -> float:
    """Return the round share of the volume at which all methods have found 98 % of the errors."""
    ends = [float(one.xs[one.ys >= 0.98][0]) for one in lines if np.any(one.ys >= 0.98)]
    return _nice(max(ends, default=1.0))


def _nice(value: float) -> float:
    """Return the next round number from 0.0001 to 1 that is not below a share."""
    rounds = (n * 10.0**power for power in (-4, -3, -2, -1) for n in (1, 2, 4, 6, 8))
    return next((number for number in rounds if number >= value), 1.0)


@dataclass(frozen=True)
class _Pooled:
    counts: Doubles
    confidence: Doubles
    accuracy: Doubles


def _pooled(diagrams: Sequence[ReliabilityDiagram]) -> _Pooled:
    """Return the diagram of all cases together."""
    counts = np.array([one.counts for one in diagrams], np.float64)
    total = counts.sum(axis=0)
    means = [
        np.nansum(counts * np.array(values, np.float64), axis=0) / np.maximum(total, 1)
        for values in (
            [one.confidence for one in diagrams],
            [one.accuracy for one in diagrams],
        )
    ]
    return _Pooled(total, means[0], means[1])
