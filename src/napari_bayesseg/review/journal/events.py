"""What a journal holds besides steps: events, which change no label and are never undone."""

from __future__ import annotations

from collections.abc import Sequence

from napari_bayesseg.review.journal.journal_rows import Row

__all__ = ["EVENTS", "events_of"]

EVENTS: tuple[str, ...] = ("audit", "audit-answer", "audit-end", "note")
"""Actions of such rows. A version that doesn't know an action refuses the journal."""


def events_of(rows: Sequence[Row]) -> list[Row]:
    """Return the events among the rows of a journal, in order."""
    return [row for row in rows if row.action in EVENTS]
