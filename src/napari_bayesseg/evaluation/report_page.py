"""An evaluation as one page to read, send and print: nothing outside it is needed."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape

from napari_bayesseg.evaluation.comparison import Comparison
from napari_bayesseg.evaluation.evaluation import Evaluation
from napari_bayesseg.evaluation.meanings import FIGURE_MEANINGS
from napari_bayesseg.evaluation.report_tables import (
    case_table,
    class_table,
    difference_table,
    measure_table,
    score_table,
)
from napari_bayesseg.evaluation.report_text import headlines, measure_title, warnings_of
from napari_bayesseg.io.page_parts import STYLE, html_table
from napari_bayesseg.io.provenance import making

__all__ = ["FIGURE_TITLES", "report_page"]

Methods = Mapping[str, Sequence[Evaluation]]

FIGURE_TITLES = {
    "error_removed": "Errors found by looking where it is uncertain",
    "reliability": "Are the probabilities kept?",
    "risk_coverage": "Errors left in what is trusted",
    "pavpu": "Patches: sure and right, unsure and wrong",
}

_STYLE = """
body { max-width: 66rem; }
tr > th:first-child { width: auto; }
td p { margin: 0; color: #666; font-size: 0.82rem; max-width: 42rem; }
td.number, th.number { padding: 0.2rem 0.3rem 0.2rem 0.7rem; }
td.number { white-space: nowrap; }
td.words { color: #666; font-size: 0.85rem; padding-top: 0.6rem; border-bottom: none; }
td.words b { color: #222; font-size: 0.95rem; font-weight: normal; margin-right: 0.4rem; }
tr:has(td.words) { border-bottom: none; }
.scroll td { overflow-wrap: normal; }
.scroll td:first-child:not(.number) { min-width: 8rem; }
th.group { padding-top: 0.7rem; color: #222; }
td .range { color: #777; font-size: 0.8rem; display: block; }
b.clear { color: #0072b2; }
figure { width: 100%; margin: 0 0 1.2rem; }
figure svg { max-width: 44rem; display: block; }
figure img { image-rendering: auto; }
figcaption { max-width: 44rem; font-size: 0.85rem; }
.scroll { overflow-x: auto; }
"""


def report_page(
    methods: Methods,
    comparison: Comparison,
    figures: Mapping[str, str],
    pictures: Sequence[tuple[str, bytes]] = (),
) -> str:
    """Return the page as text.

    Parameters
    ----------
    methods : mapping of str to sequence of Evaluation
        Method -> its cases.
    comparison : Comparison
        Of the same.
    figures : mapping of str to str
        Name of the file -> SVG, those of :data:`FIGURE_TITLES`.
    pictures : sequence of (caption, PNG)
        Slices with their errors.
    """
    title = f"Evaluation of {' and '.join(methods)}" if len(methods) < 3 else "Evaluation"
    first = next(iter(methods.values()))[0]
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        f"<style>{STYLE}{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f'<p class="head">{escape(_head(methods, comparison))}</p>',
        *(f'<p class="line">{escape(text)}</p>' for text in headlines(methods)),
        *(f'<p class="warn">{escape(text)}</p>' for text in warnings_of(methods)),
        "<h2>Scores</h2>",
        *score_table(comparison, first),
        *difference_table(comparison, first),
        *_figures(figures),
        *_pictures(pictures),
        "<h2>By class</h2>",
        *class_table(methods, first),
        "<h2>Which uncertainty finds the errors</h2>",
        *measure_table(methods, first),
        *case_table(methods, comparison, first),
        "<h2>Provenance</h2>",
        _provenance(methods, comparison, first),
        "</body></html>\n",
    ]
    return "\n".join(parts).replace(" %", "\u00a0%")  # no line begins with a sign


def _head(methods: Methods, comparison: Comparison) -> str:
    cases = comparison.cases
    voxels = {one.case: one.voxels for evaluations in methods.values() for one in evaluations}
    what = cases[0] if len(cases) == 1 else f"{len(cases):,} cases"
    return f"{what}; {sum(voxels.values()):,} voxels; {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def _figures(figures: Mapping[str, str]) -> list[str]:
    found = []
    for name, title in FIGURE_TITLES.items():
        found.append(f"<h2>{escape(title)}</h2>")
        caption = escape(FIGURE_MEANINGS[name])
        found.append(f"<figure>{figures[name]}<figcaption>{caption}</figcaption></figure>")
    return found


def _pictures(pictures: Sequence[tuple[str, bytes]]) -> list[str]:
    if not pictures:
        return []
    found = ["<h2>Where it is wrong</h2>"]
    for caption, png in pictures:
        data = base64.b64encode(png).decode("ascii")
        image = f'<img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
        found.append(f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>")
    return found


def _provenance(methods: Methods, comparison: Comparison, first: Evaluation) -> str:
    made = making()
    versions = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
    rows = [
        ("methods", ", ".join(methods)),
        ("cases", ", ".join(comparison.cases)),
        ("measure", measure_title(first.measure)),
    ]
    if len(comparison.cases) > 1:
        draws = f"{comparison.num_resamples:,} resamples of the cases, seed {comparison.seed}"
        rows.append(("intervals", f"BCa bootstrap, {draws}"))
    rows.append(("made with", f"{versions}; Python {made['python']}"))
    return html_table(rows)
