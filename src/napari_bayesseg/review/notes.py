"""Notes on places: why something was decided, or what is still to be asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_bayesseg.core.errors import SettingsError, StoreError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.journal.journal_rows import Row, storable
from napari_bayesseg.review.journal.operation_rows import read_index
from napari_bayesseg.review.journal.operations import RegionDecision
from napari_bayesseg.review.regions.region_table import RegionTable

__all__ = [
    "LONGEST_NOTE",
    "NOTES_APART",
    "Note",
    "note_content",
    "notes_by_region",
    "notes_in_force",
    "one_line",
    "regions_of",
    "text_of",
]

LONGEST_NOTE = 1000
"""Characters."""
NOTES_APART = " \u00b7 "
"""Between the texts of several notes on one region."""


@dataclass(frozen=True)
class Note:
    """What somebody wrote about a place.

    Attributes
    ----------
    text : str
        One line.
    region_id : int
        Of the region at that time.
    position : (z, y, x)
        Voxel of the region's maximum.
    box : Roi
        Of the region.
    sequence : int
        Number of its row in the journal.
    time_utc : str
        ISO 8601.
    user : str
    """

    text: str
    region_id: int
    position: Index3
    box: Roi
    sequence: int
    time_utc: str
    user: str


def one_line(text: str) -> str:
    """Return a note's text as it is kept: one line, without space around it.

    Raises
    ------
    SettingsError
        If it is too long.
    """
    line = storable(" ".join(text.split()))
    if len(line) > LONGEST_NOTE:
        raise SettingsError(
            f"a note may have {LONGEST_NOTE:,} characters; this one has {len(line):,}: shorten it"
        )
    return line


def note_content(region: Region, text: str, replaced: Iterable[Note] = ()) -> dict[str, Any]:
    """Return what the journal keeps of a note, see ``Review.record_event``.

    Parameters
    ----------
    region : Region
    text : str
        Empty to take the notes replaced away.
    replaced : iterable of Note
        Notes that hold no longer.
    """
    return {
        "region": region.id,
        "position": list(region.position),
        "box": [*region.box.start, *region.box.stop],
        "text": one_line(text),
        "replaces": [note.sequence for note in replaced],
    }


def notes_in_force(events: Iterable[Row]) -> tuple[Note, ...]:
    """Return the notes that no later one has replaced, in order.

    Raises
    ------
    StoreError
        If a note's row can't be understood.
    """
    notes: dict[int, Note] = {}
    for row in events:
        if row.action != "note":
            continue
        note, replaced = _read(row)
        for sequence in replaced:
            notes.pop(sequence, None)
        if note.text:
            notes[note.sequence] = note
    return tuple(notes.values())


def _read(row: Row) -> tuple[Note, list[int]]:
    content = row.content
    try:
        box = Roi(read_index(content["box"][:3]), read_index(content["box"][3:]))
        note = Note(
            str(content["text"]),
            int(content["region"]),
            read_index(content["position"]),
            box,
            row.sequence,
            row.time_utc,
            row.user,
        )
        return note, [int(sequence) for sequence in content["replaces"]]
    except (KeyError, TypeError, ValueError):
        raise StoreError(
            f"row {row.sequence} of the journal is no note that can be understood: update "
            "napari-bayesseg"
        ) from None


def notes_by_region(notes: Iterable[Note], table: RegionTable) -> dict[int, tuple[Note, ...]]:
    """Return which notes belong to which regions, however these were found.

    A note belongs to the region that holds its voxel; where none does, to the one with the most
    voxels in its box, if more than half of that region lies there. Regions without a note are left
    out. So notes stay when a threshold moves, and come back with their place.
    """
    found: dict[int, list[Note]] = {}
    whole = Roi.whole(_shape(table))
    for note in notes:
        region_id = _region_of(note, table, whole)
        if region_id is not None:
            found.setdefault(region_id, []).append(note)
    return {region_id: tuple(several) for region_id, several in found.items()}


def _shape(table: RegionTable) -> Index3:
    z, y, x = table.region_labels.shape
    return z, y, x


def _region_of(note: Note, table: RegionTable, whole: Roi) -> int | None:
    z, y, x = note.position
    if whole.contains(Roi(note.position, (z + 1, y + 1, x + 1))):
        region_id = int(table.region_labels[note.position])
        if region_id:
            return region_id
    inside = np.asarray(table.region_labels[note.box.intersection(whole).slices])
    ids, counts = np.unique(inside[inside > 0], return_counts=True)
    if not ids.size:
        return None
    most = int(counts.argmax())
    region_id = int(ids[most])
    size = table.region_labels.voxels_of([region_id])[0].size
    return region_id if 2 * int(counts[most]) > size else None


def text_of(notes: Sequence[Note]) -> str:
    """Return the texts of one region's notes, each once, as one line."""
    return NOTES_APART.join(dict.fromkeys(note.text for note in notes))


def regions_of(decisions: Iterable[RegionDecision], table: RegionTable) -> frozenset[int]:
    """Return the ids of the regions that have a voxel in common with decided places."""
    found: set[int] = set()
    for decision in decisions:
        labels = np.asarray(table.region_labels[decision.box.slices])
        found.update(np.unique(labels[decision.voxels.mask()]).tolist())
    return frozenset(found - {0})
