"""Parts of a page: how it looks, and tables with escaped texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["STYLE", "html_row", "html_table"]

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; background: #fff; max-width: 46rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 0.2rem; }
h2 { font-size: 1.1rem; margin: 1.8rem 0 0.5rem; border-bottom: 1px solid #ccc; }
p.head { color: #555; margin: 0 0 1rem; }
p.line, p.warn { border-left: 4px solid #0072b2; background: #f2f6fa; padding: 0.5rem 0.8rem; }
p.warn { border-color: #d55e00; background: #fdf3e3; }
table { border-collapse: collapse; width: 100%; }
td, th { padding: 0.2rem 0.8rem 0.2rem 0; text-align: left; vertical-align: top; }
th { font-weight: 600; color: #444; }
tr > th:first-child { width: 14rem; }
td.number, th.number { text-align: right; }
td { overflow-wrap: anywhere; }
.number { font-variant-numeric: tabular-nums; }
tr { border-bottom: 1px solid #eee; }
svg { width: 100%; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: #333; }
.sheet { display: flex; flex-wrap: wrap; gap: 0.8rem; }
figure { margin: 0; width: 22rem; break-inside: avoid; }
figure img { width: 100%; image-rendering: pixelated; }
figcaption { font-size: 0.8rem; color: #444; }
.key { display: inline-block; width: 0.8em; height: 0.8em; margin: 0 0.3em 0 0.8em; }
@media print { body { margin: 0; max-width: none; } h2 { break-after: avoid; } }
"""
"""For a screen and for paper."""


def html_table(rows: Iterable[Sequence[str]]) -> str:
    """Return a table; of two cells in a row the first is a heading."""
    return f"<table>{''.join(map(html_row, rows))}</table>"


def html_row(cells: Sequence[str], kind: str = "td", *, numbers_from: int = 2) -> str:
    """Return a row of a table; where it has more than two cells, those from one on are numbers."""
    found = []
    for number, cell in enumerate(cells):
        tag = "th" if number == 0 and len(cells) == 2 else kind
        numeric = ' class="number"' if len(cells) > 2 and number >= numbers_from else ""
        found.append(f"<{tag}{numeric}>{escape(cell)}</{tag}>")
    return f"<tr>{''.join(found)}</tr>"
