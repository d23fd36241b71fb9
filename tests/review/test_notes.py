from __future__ import annotations

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError, StoreError
from napari_bayesseg.review.journal.journal_rows import Row
from napari_bayesseg.review.notes import (
    LONGEST_NOTE,
    note_content,
    notes_by_region,
    notes_in_force,
    one_line,
    regions_of,
    text_of,
)
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Status
from tests.review.cases import table_of
from tests.review.steps import TABLE, decide, reopened

REGIONS = TABLE.regions


def row(content: dict[str, object], sequence: int = 7) -> Row:
    return Row(sequence, "2026-01-01T00:00:00.000+00:00", "ada", "note", content, None, "", "")


def test_notes_are_kept_over_restarts_and_undo(review: Review) -> None:
    first = review.record_event("note", note_content(REGIONS[0], "  a crack,\n perhaps "))
    decide(review, [1], Status.REJECTED)
    review.record_event("audit", {"anything": 1})
    review.undo()
    again = reopened(review)
    (note,) = notes_in_force(again.events)
    assert (note.text, note.region_id, note.sequence) == ("a crack, perhaps", 1, first.sequence)
    assert (note.position, note.box) == (REGIONS[0].position, REGIONS[0].box)
    assert note.user == first.user
    again.record_event("note", note_content(REGIONS[0], "none", [note]))
    (newer,) = notes_in_force(again.events)
    assert newer.text == "none"
    again.record_event("note", note_content(REGIONS[0], "", [newer]))
    assert notes_in_force(again.events) == ()
    again.close()


def test_notes_follow_their_place_when_regions_change() -> None:
    notes = notes_in_force([row(note_content(REGIONS[n], f"note {n}"), n + 1) for n in range(4)])
    assert {key: text_of(several) for key, several in notes_by_region(notes, TABLE).items()} == {
        1: "note 0",
        2: "note 1",
        3: "note 2",
        4: "note 3",
    }
    labels = np.zeros(TABLE.region_labels.shape, np.int32)
    both = REGIONS[0].box.union(REGIONS[1].box)
    labels[both.slices] = 3  # two have become one, with a new number
    inner = REGIONS[2].box
    labels[inner.slices] = 1
    labels[REGIONS[2].position] = 0  # the maximum is out, most of the rest is in
    far = REGIONS[3].box
    labels[far.start[0], far.start[1], far.start[2] + 4] = 2  # a speck of the fourth
    labels[:, :, far.stop[2] :][labels[:, :, far.stop[2] :] == 0] = 2  # and a lot outside it
    found = notes_by_region(notes, table_of(labels))
    assert {key: text_of(several) for key, several in found.items()} == {
        3: "note 0 \u00b7 note 1",
        1: "note 2",
    }


def test_the_same_text_is_said_once() -> None:
    twice = notes_in_force([row(note_content(REGIONS[0], "same"), n) for n in (1, 2)])
    assert len(twice) == 2
    assert text_of(twice) == "same"


def test_conflicts_belong_to_the_regions_that_they_touch(review: Review) -> None:
    operation = decide(review, [2, 5], Status.ACCEPTED)
    assert regions_of(operation.decisions, TABLE) == {2, 5}
    labels = np.where(np.asarray(TABLE.region_labels) == 5, 0, 1).astype(np.int32)
    assert regions_of(operation.decisions, table_of(labels)) == {1}


def test_what_can_not_be_kept_is_told() -> None:
    with pytest.raises(SettingsError, match="1,000 characters; this one has 1,001"):
        one_line("x" * (LONGEST_NOTE + 1))
    assert one_line("half \ud83d pair") == r"half \ud83d pair"
    with pytest.raises(StoreError, match="row 7 of the journal is no note"):
        notes_in_force([row({"text": "no place"})])
