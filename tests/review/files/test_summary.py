from __future__ import annotations

import numpy as np
import pytest

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.review.audit.audit_rows import (
    audit_content,
    audit_of,
    end_content,
    read_audits,
)
from napari_bayesseg.review.audit.unseen import UnseenSample
from napari_bayesseg.review.files.summary import resolved_curve, summarise
from napari_bayesseg.review.journal.operations import IN_BULK
from napari_bayesseg.review.notes import note_content, notes_in_force
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Status
from tests.results import GEOMETRY
from tests.review.cases import CLASSES, SETTINGS, blocks, runner_up, table_of
from tests.review.steps import decide, paint

TABLE = table_of(blocks(), {1: 0.6, 2: 0.6, 3: 0.2, 4: 0.6})
LABELS = TABLE.region_labels
ERROR = {region.id: region.expected_error_volume for region in TABLE.regions}


def test_numbers_of_a_review_in_the_middle(review: Review, predicted: np.ndarray) -> None:
    (note,) = notes_in_force([review.record_event("note", note_content(TABLE.regions[0], "see"))])
    review.record_event("note", note_content(TABLE.regions[0], "see later", [note]))
    decide(review, [1], Status.ACCEPTED, note="see later")  # the same note, not another one
    decide(review, [2], Status.REJECTED, note="a crack")
    decide(review, [3, 5], Status.ACCEPTED, note=IN_BULK)
    decide(review, [4], Status.DEFERRED)
    paint(review, Roi((0, 0, 0), (1, 2, 3)), 2)
    summary = summarise(review, TABLE, SETTINGS, conflicts=2)
    count = len(TABLE.regions)
    assert summary.statuses == {
        Status.PENDING: count - 5,
        Status.ACCEPTED: 3,
        Status.REJECTED: 1,
        Status.EDITED: 0,
        Status.DEFERRED: 1,
    }
    must_see = [n for n in ERROR if TABLE.regions[n - 1].maximum >= SETTINGS.upper]
    assert (summary.regions, summary.decided, summary.must_see) == (count, 4, len(must_see))
    assert summary.must_see_undecided == len(set(must_see) - {1, 2, 5})
    decided = sum(ERROR[n] for n in (1, 2, 3, 5))
    assert summary.error_decided == pytest.approx(decided)
    assert summary.error_undecided == pytest.approx(sum(ERROR.values()) - decided)
    assert summary.error_outside == pytest.approx(100 - sum(ERROR.values()))
    assert summary.resolved_share == pytest.approx(decided / sum(ERROR.values()))
    assert summary.error_left == pytest.approx(100 - decided)
    assert (summary.notes, summary.conflicts, summary.audits) == (2, 2, ())
    assert (summary.journal_rows, summary.journal_head) == (review.sequence, review.journal_head)
    assert summary.boundary_uncertainty == 0.4


def test_changes_are_those_of_the_labels(review: Review, predicted: np.ndarray) -> None:
    decide(review, [2, 4], Status.REJECTED)
    paint(review, Roi((0, 0, 0), (1, 2, 3)), 1)
    expected = predicted.copy()
    inside = np.isin(LABELS, (2, 4))
    expected[inside] = runner_up(review.result)[inside]
    expected[:1, :2, :3] = 1
    summary = summarise(review, TABLE, SETTINGS)
    found = {(c.before, c.after): c.voxels for c in summary.changes}
    pairs = [
        (CLASSES[int(a)], CLASSES[int(b)])
        for a, b in zip(predicted.ravel(), expected.ravel(), strict=True)
        if a != b
    ]
    assert found == {pair: pairs.count(pair) for pair in set(pairs)}
    assert summary.changed_voxels == len(pairs)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    volume = sum(change.volume for change in summary.changes)
    assert volume == pytest.approx(len(pairs) * GEOMETRY.voxel_volume)


def test_what_was_undone_is_in_no_number(review: Review) -> None:
    before = summarise(review, TABLE, SETTINGS)
    decide(review, [1], Status.REJECTED)
    review.undo()
    after = summarise(review, TABLE, SETTINGS)
    assert after.changes == ()
    assert (after.statuses, after.curve) == (before.statuses, before.curve)


def test_the_curve_rises_and_falls_with_decisions(review: Review) -> None:
    decide(review, [1], Status.ACCEPTED)
    decide(review, [2, 3], Status.ACCEPTED)
    decide(review, [4], Status.DEFERRED)
    decide(review, [1], Status.REJECTED)
    decide(review, [1], Status.PENDING)
    curve = resolved_curve(review.operations(), 100.0)
    both = ERROR[2] + ERROR[3]
    expected = [(0, 0), (1, ERROR[1]), (2, ERROR[1] + both), (3, both)]
    assert [step for step, _ in curve] == [step for step, _ in expected]
    assert [share for _, share in curve] == pytest.approx([e / 100 for _, e in expected])
    assert resolved_curve(review.operations(), 0.0) == ((0, 0.0),)


def test_audits_are_in_it(review: Review) -> None:
    sample = UnseenSample(((0, 0, 0),), (1,), 10, 0.1)
    row = review.record_event("audit", audit_content(sample, 1, GEOMETRY, SETTINGS, "run"))
    record = read_audits(review.events)[0]
    assert record.audit == audit_of(row)
    review.record_event("audit-end", end_content(record))
    assert summarise(review, TABLE, SETTINGS).audits == read_audits(review.events)
