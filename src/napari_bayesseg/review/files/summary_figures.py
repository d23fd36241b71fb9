"""Figures of a summary as inline SVG: crisp at any size, a few hundred bytes each."""

from __future__ import annotations

from collections.abc import Sequence

from napari_bayesseg.core.unit_symbols import percent_text
from napari_bayesseg.io.svg import line, polyline, rectangle, svg, text
from napari_bayesseg.review.audit.audit import AuditRecord
from napari_bayesseg.review.files.summary import SessionSummary
from napari_bayesseg.review.status import Status

__all__ = ["STATUS_COLOURS", "audit_figure", "curve_figure", "status_figure"]

# Okabe and Ito's colours, which colour-blind people can tell apart; words stand beside them.
STATUS_COLOURS = {
    Status.ACCEPTED: "#009e73",
    Status.REJECTED: "#d55e00",
    Status.EDITED: "#56b4e9",
    Status.DEFERRED: "#cc79a7",
    Status.PENDING: "#e69f00",
}
_WIDTH = 640
_LEFT, _RIGHT = 48, 24  # half of "100 %" stands beyond an axis
_PLOT = _WIDTH - _LEFT - _RIGHT


def status_figure(summary: SessionSummary) -> str:
    """Return a bar in which each status takes the share of the regions that have it."""
    total = summary.regions
    parts, keys = [], []
    x = 0.0
    for number, (status, colour) in enumerate(STATUS_COLOURS.items()):
        count = summary.statuses.get(status, 0)
        width = _WIDTH * count / total if total else 0.0
        if count:
            parts.append(rectangle(x, 0, width, 28, colour))
        x += width
        key_x = number * _WIDTH / len(STATUS_COLOURS)
        keys.append(rectangle(key_x, 40, 12, 12, colour))
        keys.append(text(key_x + 18, 51, f"{count:,} {status}"))
    return svg(_WIDTH, 60, "Regions by status", [*parts, *keys])


def curve_figure(summary: SessionSummary) -> str:
    """Return the share of the scan's expected error that was resolved, over decisions."""
    height, top, bottom = 220, 10, 36
    plot = height - top - bottom
    steps = max((step for step, _ in summary.curve), default=0)
    highest = _nice(max((share for _, share in summary.curve), default=0.0))

    def place(step: float, share: float) -> tuple[float, float]:
        return _LEFT + _PLOT * step / max(steps, 1), top + plot * (1 - share / highest)

    content = []
    for quarter in range(5):
        share = highest * quarter / 4
        y = place(0, share)[1]
        content.append(line(_LEFT, y, _WIDTH - _RIGHT, y, "#ddd"))
        content.append(text(_LEFT - 6, y + 4, f"{100 * share:g} %", "end"))
    for step in _ticks(steps):
        content.append(text(place(step, 0)[0], top + plot + 16, f"{step:,}", "middle"))
    content.append(text(_LEFT + _PLOT / 2, height - 4, "decisions", "middle"))
    points = []
    former = 0.0
    for step, share in summary.curve:
        points += [place(step, former), place(step, share)]
        former = share
    content.append(polyline(points, "#0072b2"))
    return svg(_WIDTH, height, "Expected error resolved over decisions", content)


def audit_figure(records: Sequence[AuditRecord]) -> str:
    """Return a line an audit: what was observed, its 95 % interval, and what was promised."""
    outcomes = [record.outcome for record in records]
    highest = _nice(max([*(o.interval[1] for o in outcomes), *(o.promised for o in outcomes)]))

    def place(share: float) -> float:
        return _LEFT + _PLOT * share / highest

    content = []
    row = 34
    for number, (record, outcome) in enumerate(zip(records, outcomes, strict=True)):
        y = 22 + row * number
        low, high = outcome.interval
        dash = "" if outcome.is_finished else ' stroke-dasharray="5 4"'
        content += [
            text(0, y + 4, f"{record.audit.time_utc[5:10]}"),
            f'<line x1="{place(low):.1f}" y1="{y}" x2="{place(high):.1f}" y2="{y}" '
            f'stroke="#0072b2" stroke-width="3"{dash}/>',
            line(place(low), y - 6, place(low), y + 6, "#0072b2"),
            line(place(high), y - 6, place(high), y + 6, "#0072b2"),
            f'<circle cx="{place(outcome.observed):.1f}" cy="{y}" r="5" fill="#0072b2"/>',
            _diamond(place(outcome.promised), y),
        ]
    base = 22 + row * len(outcomes)
    content.append(line(_LEFT, base, _WIDTH - _RIGHT, base, "#999"))
    for quarter in range(5):
        share = highest * quarter / 4
        content.append(text(place(share), base + 16, percent_text(share), "middle"))
    content += [
        f'<circle cx="{_LEFT + 5}" cy="{base + 34}" r="5" fill="#0072b2"/>',
        text(_LEFT + 16, base + 38, "observed, with its 95 % interval"),
        _diamond(_LEFT + 260, base + 34),
        text(_LEFT + 272, base + 38, "promised by the model"),
    ]
    return svg(_WIDTH, base + 46, "Audits: share of wrong labels", content)


def _nice(value: float) -> float:
    """Return the next round number from 0.001 to 1 that is not below a share."""
    rounds = (n * 10.0**power for power in (-3, -2, -1) for n in (1, 2, 4, 6, 8))
    return next((number for number in rounds if number >= value), 1.0)


def _ticks(steps: int) -> list[int]:
    return sorted({round(steps * quarter / 4) for quarter in range(5)})


def _diamond(x: float, y: float) -> str:
    corners = f"{x:.1f},{y - 6} {x + 6:.1f},{y} {x:.1f},{y + 6} {x - 6:.1f},{y}"
    return f'<polygon points="{corners}" fill="#e69f00" stroke="#333"/>'
