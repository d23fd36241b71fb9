from __future__ import annotations

from dataclasses import replace

import pytest

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.review.audit.audit_rows import (
    answer_content,
    audit_content,
    audit_of,
    end_content,
    read_audits,
)
from napari_bayesseg.review.audit.unseen import UnseenSample
from napari_bayesseg.review.journal.journal_rows import Row
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Status
from tests.results import GEOMETRY
from tests.review.cases import SETTINGS
from tests.review.steps import decide, reopened, status

SAMPLE = UnseenSample(((1, 2, 3), (4, 5, 6), (0, 7, 0)), (2, 0, 1), 4321, 0.0123)


def begin(review: Review) -> Row:
    return review.record_event("audit", audit_content(SAMPLE, 99, GEOMETRY, SETTINGS, "run"))


def test_an_audit_comes_back_from_the_journal_as_it_was(review: Review) -> None:
    row = begin(review)
    audit = audit_of(row)
    assert tuple(place.position for place in audit.places) == SAMPLE.places
    assert tuple(place.label for place in audit.places) == SAMPLE.labels
    assert (audit.seed, audit.population, audit.expected_error) == (99, 4321, 0.0123)
    assert (audit.settings, audit.run_id, audit.user) == (SETTINGS, "run", "ada")
    assert audit.voxel_volume == GEOMETRY.voxel_volume
    for number, agrees in [(0, True), (1, True), (1, False)]:
        review.record_event("audit-answer", answer_content(audit, number, agrees))
    (record,) = read_audits(review.events)
    assert dict(record.answers) == {0: True, 1: False}
    assert not record.is_ended
    review.record_event("audit-end", end_content(record))
    begin(review)
    with reopened(review) as again:
        first, second = read_audits(again.events)
        assert first == record.ended()
        assert (second.answers, second.is_ended) == ({}, False)


def test_undo_and_redo_leave_audits_alone(review: Review) -> None:
    decide(review, [1], Status.ACCEPTED)
    audit = audit_of(begin(review))
    review.record_event("audit-answer", answer_content(audit, 0, False))
    review.undo()
    assert status(review, 1) is Status.PENDING
    (record,) = read_audits(review.events)
    assert dict(record.answers) == {0: False}
    review.redo()
    assert review.undo() is not None
    assert review.undo() is None
    assert read_audits(review.events) == (record,)


@pytest.mark.parametrize(
    ("action", "content"),
    [
        ("audit-answer", {"audit": 1, "place": 0, "agrees": True}),
        ("audit-answer", {"audit": 2, "place": 3, "agrees": True}),
        ("audit-answer", {"audit": 2, "place": -1, "agrees": True}),
        ("audit-answer", {"audit": 2, "place": "0", "agrees": True}),
        ("audit-answer", {"audit": 2, "place": 0, "agrees": 1}),
        ("audit-end", {"audit": 77}),
        ("audit-end", {}),
        ("audit", {"places": [[0, 0, 0]]}),
    ],
)
def test_what_a_later_version_may_write_is_refused_by_its_row(
    review: Review, action: str, content: dict[str, object]
) -> None:
    begin(review)
    review.record_event(action, content)
    with pytest.raises(StoreError, match=r"row 3 of the journal \(audit.*update"):
        read_audits(review.events)


def test_a_row_without_its_settings_is_refused(review: Review) -> None:
    row = begin(review)
    with pytest.raises(StoreError, match="update"):
        audit_of(replace(row, content={**row.content, "settings": {}}))
