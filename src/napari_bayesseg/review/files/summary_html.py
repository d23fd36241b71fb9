"""A summary of a review as one page to read, keep and print: nothing outside it is needed."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from math import isnan
from pathlib import Path

from napari_bayesseg.core.unit_symbols import (
    amount_text,
    cubic_symbol,
    percent_text,
    unit_symbol,
)
from napari_bayesseg.io.atomic import write_bytes_atomically
from napari_bayesseg.io.page_parts import STYLE, html_row, html_table
from napari_bayesseg.io.provenance import making
from napari_bayesseg.review.files.contact_sheet import (
    CLASS_COLOURS,
    ChangedPlace,
    changed_places,
    draw_place,
)
from napari_bayesseg.review.files.summary import SessionSummary, summarise
from napari_bayesseg.review.files.summary_figures import audit_figure, curve_figure, status_figure
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.regions.region_table import RegionTable
from napari_bayesseg.review.review_view import ReviewView

__all__ = ["summary_page", "write_summary"]

_MOST_PLACES = 24


def write_summary(
    path: Path, review: ReviewView, table: RegionTable, settings: RegionSettings, conflicts: int = 0
) -> None:
    """Write a page about a review, atomically; see :func:`summarise` for the parameters.

    Raises
    ------
    StoreError
        If the journal or the result is damaged.
    FormatError
        If the disk refuses; an old file is intact.
    """
    summary = summarise(review, table, settings, conflicts)
    places = changed_places(review.operations())
    scan, labels = review.result.open_scan(), review.labels()
    pictures = [
        (place, draw_place(place.decision, review, scan, labels)) for place in places[:_MOST_PLACES]
    ]
    page = summary_page(summary, review.result.class_names, pictures, len(places))
    write_bytes_atomically(path, page.encode("utf-8"))


def summary_page(
    summary: SessionSummary,
    class_names: Sequence[str],
    pictures: Sequence[tuple[ChangedPlace, bytes]],
    changed: int,
) -> str:
    """Return the page as text.

    Parameters
    ----------
    summary : SessionSummary
    class_names : sequence of str
        From class 0.
    pictures : sequence of (ChangedPlace, PNG)
    changed : int
        Number of changed places, also those without a picture.
    """
    title = f"Review of {summary.result_name}"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
            f"<style>{STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            f'<p class="head">{_times(summary)}</p>',
            *_headlines(summary),
            "<h2>Regions</h2>",
            status_figure(summary),
            _region_rows(summary),
            "<h2>Expected error resolved over decisions</h2>",
            curve_figure(summary),
            "<h2>Audits</h2>",
            *_audits(summary),
            "<h2>What was changed</h2>",
            *_changes(summary),
            *_sheet(summary, class_names, pictures, changed),
            "<h2>Work</h2>",
            _work_rows(summary),
            "<h2>Provenance</h2>",
            _provenance(summary),
            "</body></html>\n",
        ]
    )


def _times(summary: SessionSummary) -> str:
    now = datetime.now(UTC)
    return escape(
        f"{_time(summary.work.first_utc)} to {_time(summary.work.last_utc)}; this page: "
        f"{now:%Y-%m-%d %H:%M} UTC"
    )


def _time(text: str) -> str:
    return text[:16].replace("T", " ") if text else "never"


def _headlines(summary: SessionSummary) -> list[str]:
    """Return what matters first: what is decided, what is left, what was proved."""
    must = summary.must_see - summary.must_see_undecided
    share = summary.error_left / summary.error_total if summary.error_total > 0 else 0.0
    lines = [
        f"{must:,} of {summary.must_see:,} regions that must be looked at are decided. "
        f"{percent_text(share)} of the expected error lies outside decided regions."
    ]
    finished = [record for record in summary.audits if record.outcome.is_finished]
    if finished:
        lines.append(f"Audit: {finished[-1].outcome}.")
    found = [f'<p class="line">{escape(line)}</p>' for line in lines]
    if summary.must_see_undecided:
        left = summary.must_see_undecided
        text = f"Not finished: {left:,} region{'s' if left > 1 else ''} must still be looked at."
        found.append(f'<p class="warn">{text}</p>')
    if summary.conflicts:
        text = (
            f"Another run predicts other labels in {summary.conflicts:,} accepted place"
            f"{'s' if summary.conflicts > 1 else ''}."
        )
        found.append(f'<p class="warn">{text}</p>')
    return found


def _region_rows(summary: SessionSummary) -> str:
    settings, cubic = summary.settings, cubic_symbol(summary.unit)
    inside = summary.error_decided + summary.error_undecided
    shell = summary.boundary_uncertainty
    length = f"\u00b1{shell:.3g} {unit_symbol(summary.unit)}"

    def amount(value: float) -> str:
        return f"{amount_text(value)} {cubic}"

    return html_table(
        [
            ("measure", settings.measure.replace("_", " ")),
            ("thresholds", f"{settings.lower:.4g} and {settings.upper:.4g}"),
            ("regions decided", f"{summary.decided:,} of {summary.regions:,}"),
            ("that must be looked at, decided", _of(summary)),
            ("expected error, whole scan", amount(summary.error_total)),
            ("in regions", f"{amount(inside)}, {percent_text(summary.resolved_share)} resolved"),
            ("left in undecided regions", amount(summary.error_undecided)),
            ("left outside all regions", amount(summary.error_outside)),
            ("boundary uncertainty", "not computed" if isnan(shell) else length),
        ]
    )


def _of(summary: SessionSummary) -> str:
    return f"{summary.must_see - summary.must_see_undecided:,} of {summary.must_see:,}"


def _audits(summary: SessionSummary) -> list[str]:
    if not summary.audits:
        return ["<p>None: what nobody looked at was not checked.</p>"]
    rows = []
    for record in summary.audits:
        audit, outcome = record.audit, record.outcome
        text = f"{outcome} \u2014 {outcome.volume_text}"
        if not record.is_ended:
            text = f"under way; {text}"
        how = f"{_time(audit.time_utc)}, {audit.user}, seed {audit.seed}"
        rows.append((how, text))
    return [audit_figure(summary.audits), html_table(rows)]


def _changes(summary: SessionSummary) -> list[str]:
    if not summary.changes:
        return [f"<p>No label differs from the {escape(summary.began_from)}.</p>"]
    cubic = cubic_symbol(summary.unit)
    head = html_row(("before", "after", "voxels", f"volume ({cubic})"), "th")
    body = [
        html_row((c.before, c.after, f"{c.voxels:,}", amount_text(c.volume)))
        for c in summary.changes
    ]
    text = f"{summary.changed_voxels:,} voxels differ from the {summary.began_from}."
    return [f"<p>{escape(text)}</p>", f"<table>{head}{''.join(body)}</table>"]


def _sheet(
    summary: SessionSummary,
    class_names: Sequence[str],
    pictures: Sequence[tuple[ChangedPlace, bytes]],
    changed: int,
) -> list[str]:
    """Return the pictures of changed places with their captions."""
    if not pictures:
        return []
    keys = "".join(
        f'<span class="key" style="background:{CLASS_COLOURS[i % len(CLASS_COLOURS)]}"></span>'
        f"{escape(name)}"
        for i, name in enumerate(class_names[1:])
    )
    shown = "all" if len(pictures) == changed else f"the first {len(pictures)} of {changed:,}"
    lead = (
        f"<p>Rejected and edited places, {shown}: labels before on the left, reviewed on the "
        f"right; dashed: the region.{keys}</p>"
    )
    return [lead, '<div class="sheet">', *(_picture(summary, *p) for p in pictures), "</div>"]


def _picture(summary: SessionSummary, place: ChangedPlace, png: bytes) -> str:
    decision = place.decision
    z, y, x = decision.position
    cubic = cubic_symbol(summary.unit)
    caption = (
        f"{decision.after} at z {z}, y {y}, x {x}: {amount_text(decision.volume)} {cubic}, of "
        f"which {amount_text(decision.expected_error_volume)} were probably wrong; row "
        f"{place.sequence}, {place.user}"
    )
    data = base64.b64encode(png).decode("ascii")
    return (
        f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _work_rows(summary: SessionSummary) -> str:
    work = summary.work
    pace = summary.seconds_per_decision
    users = ", ".join(f"{user} ({rows:,} rows)" for user, rows in work.rows_by_user.items())
    return html_table(
        [
            ("active time", f"{work.active_seconds / 60:.1f} min in {work.sittings:,} sittings"),
            ("pace", "unknown" if pace is None else f"{pace:.1f} s a decision (median)"),
            ("people", users or "nobody"),
            ("notes", f"{summary.notes:,}"),
        ]
    )


def _provenance(summary: SessionSummary) -> str:
    made = making()
    versions = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
    return html_table(
        [
            ("model", summary.model_name),
            ("began from", summary.began_from),
            ("run", summary.run_id),
            ("journal", f"{summary.journal_rows:,} rows, the last with SHA-256"),
            ("", summary.journal_head or "none"),
            ("made with", f"{versions}; Python {made['python']}"),
        ]
    )
