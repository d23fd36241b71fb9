"""Shapes of a figure as SVG text: crisp at any size, a few hundred bytes each."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

__all__ = ["line", "polyline", "rectangle", "svg", "text"]

Point = tuple[float, float]


def svg(width: float, height: float, title: str, content: Sequence[str]) -> str:
    """Return a figure; `title` is read out where nothing is seen."""
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(title)}</title>'
        + "".join(content)
        + "</svg>"
    )


def rectangle(x: float, y: float, width: float, height: float, colour: str) -> str:
    """Return a filled rectangle; `x` and `y` are its upper left corner."""
    return f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{height}" fill="{colour}"/>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    """Return a thin line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def polyline(points: Sequence[Point], colour: str, *, width: float = 2, dash: str = "") -> str:
    """Return a line through points."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    look = f'fill="none" stroke="{colour}" stroke-width="{width:g}"{dashes}'
    return f'<polyline points="{path}" {look}/>'


def text(x: float, y: float, words: str, anchor: str = "start") -> str:
    """Return words; `y` is their baseline, `anchor` start, middle or end."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
