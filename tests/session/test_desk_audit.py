from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.review.audit.audit import AuditOutcome
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Status
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.session import Session
from tests.session.hearing import Heard
from tests.session.places import LOWER, UPPER, begin_review, write_places

OpenDesk = Callable[[Path], ReviewDesk]


def begin(desk: ReviewDesk, background: ThreadBackground, count: int = 5, seed: int = 1) -> None:
    desk.audit.start(count, seed=seed)
    assert background.drain(60)


def test_answers_come_one_by_one_and_end_in_an_outcome(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    heard, told = Heard(desk.audit), Heard(desk)
    begin(desk, background)
    audit = heard["started"][0]
    assert (len(audit.places), audit.seed, audit.settings) == (5, 1, desk.settings)
    # All but the four regions that must be seen: cubes of 27 voxels.
    assert audit.population == desk.result.spec.shape[0] * 24 * 24 - 4 * 27
    assert told["busy_changed"] == [True, False]
    for agrees in (True, True, False, True):
        (desk.audit.agree if agrees else desk.audit.disagree)()
    assert [place.number for place in heard["place_changed"]] == [0, 1, 2, 3, 4]
    assert desk.audit.is_on
    desk.audit.agree()
    assert heard.names[-2:] == ["answered", "ended"]
    assert heard["answered"][2] == (audit.places[2], False)
    outcome = heard["ended"][0]
    assert (outcome.wrong, outcome.answered, outcome.count) == (1, 5, 5)
    assert not desk.audit.is_on
    assert desk.audit.place is None
    assert [record.outcome for record in desk.audit.former] == [outcome]
    assert told["saved"] == list(range(told["saved"][0], told["saved"][0] + 7))


def test_back_changes_the_last_answer(desk: ReviewDesk, background: ThreadBackground) -> None:
    begin(desk, background, count=3)
    told = Heard(desk)
    desk.audit.back()
    assert "first place" in told["notice"][0]
    desk.audit.agree()
    desk.audit.disagree()
    desk.audit.back()
    desk.audit.back()
    assert desk.audit.place.number == 0
    desk.audit.disagree()
    assert desk.audit.place.number == 2  # the second has its answer already
    desk.audit.back()
    desk.audit.agree()
    desk.audit.agree()
    assert dict(desk.audit.former[0].answers) == {0: False, 1: True, 2: True}
    answers = [row for row in desk.review.events if row.action == "audit-answer"]
    assert len(answers) == 5


def test_the_sample_is_of_what_nobody_looked_at(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    for _ in range(18):
        if desk.current.maximum >= UPPER:
            desk.accept()
        else:
            desk.next()
    desk.bulk("accept-below")
    seen = {r.id for r in desk.table.regions if r.maximum >= UPPER}
    begin(desk, background, count=10_000)
    record = desk.audit.record
    labels = desk.table.region_labels
    drawn = np.zeros(labels.shape, bool)
    drawn[tuple(np.array([p.position for p in record.audit.places]).T)] = True
    np.testing.assert_array_equal(drawn, ~np.isin(labels, list(seen)))


def test_stopping_early_counts_the_rest_as_wrong(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    heard = Heard(desk.audit)
    begin(desk, background, count=4)
    desk.audit.agree()
    desk.audit.stop()
    (outcome,) = heard["ended"]
    assert (outcome.wrong, outcome.answered, outcome.is_finished) == (0, 1, False)
    assert outcome.bound == AuditOutcome(3, 4, 4, 0, 0, "").bound
    desk.audit.stop()
    desk.audit.agree()
    assert len(heard["ended"]) == 1


def test_it_goes_on_where_it_was_when_the_review_is_opened_again(
    desk: ReviewDesk, open_desk: OpenDesk, background: ThreadBackground
) -> None:
    begin(desk, background)
    desk.audit.agree()
    desk.audit.disagree()
    place, record = desk.audit.place, desk.audit.record
    again = open_desk(desk.result.path)
    assert again is not desk
    assert (again.audit.place, again.audit.record) == (place, record)
    for _ in range(3):
        again.audit.agree()
    assert again.audit.former[0].outcome.wrong == 1
    assert open_desk(desk.result.path).audit.former == again.audit.former


def test_who_opens_the_review_is_told_that_an_audit_goes_on(
    desk: ReviewDesk, session: Session, background: ThreadBackground
) -> None:
    begin(desk, background)
    told: list[str] = []
    session.desk_changed.connect(lambda new: new and new.notice.connect(told.append))
    session.open_result(desk.result.path)
    assert background.drain(60)
    assert told == ["an audit that was interrupted goes on; Escape stops it"]


def test_one_that_was_killed_before_its_end_is_ended_on_opening(
    desk: ReviewDesk, open_desk: OpenDesk, background: ThreadBackground, monkeypatch
) -> None:
    begin(desk, background, count=1)
    monkeypatch.setattr(desk.audit, "_end", lambda record: None)
    desk.audit.agree()
    again = open_desk(desk.result.path)
    assert not again.audit.is_on
    assert again.audit.former[0].outcome.is_finished
    assert [row.action for row in again.review.events][-1] == "audit-end"


def test_new_thresholds_leave_it_its_places(desk: ReviewDesk, background: ThreadBackground) -> None:
    begin(desk, background)
    told, places = Heard(desk), desk.audit.record.audit.places
    desk.drag(LOWER, 0.3)
    assert told["notice"] == []
    desk.release(LOWER, 0.3)
    desk.release(0.1, 0.31)
    assert background.drain(60)
    assert len(told["notice"]) == 1
    assert "former thresholds" in told["notice"][0]
    assert desk.audit.record.audit.places == places
    assert desk.audit.is_on


def test_a_decision_while_places_are_drawn_has_them_drawn_again(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    desk.audit.start(1000, seed=2)
    desk.accept()
    decided = np.asarray(desk.table.region_labels) == 1
    assert background.drain(60)
    assert not any(decided[place.position] for place in desk.audit.record.audit.places)
    population = desk.result.spec.shape[0] * 24 * 24 - 4 * 27 - 27
    assert desk.audit.record.audit.population == population


def test_decisions_and_their_undo_are_not_touched(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    desk.accept()
    begin(desk, background, count=1)
    desk.audit.agree()
    desk.undo()
    assert desk.statuses[1] is Status.PENDING
    desk.redo()
    assert desk.statuses[1] is Status.ACCEPTED
    assert len(desk.audit.former) == 1


def test_where_nothing_is_unseen_there_is_no_audit(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    told = Heard(desk)
    shape = desk.result.spec.shape
    everything = np.indices(shape).reshape(3, -1)
    new = np.full(everything.shape[1], 2, np.uint8)
    desk.review.mask.array[...] = 2
    desk.paint(tuple(everything), desk.review.labels().reshape(-1), new)
    assert desk.review.history.applied[-1].change.box == Roi.whole(shape)
    begin(desk, background)
    assert "nothing to audit" in told["notice"][-1]
    assert not desk.audit.is_on
    desk.audit.agree()
    assert "no audit" in told["notice"][-1]


def test_a_second_one_and_no_place_are_refused(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    told = Heard(desk)
    begin(desk, background, count=0)
    assert "at least one place; got 0" in told["failed"][0]
    begin(desk, background)
    begin(desk, background)
    assert "stop it first" in told["notice"][-1]
    assert desk.audit.record.audit.seed == 1


def test_the_seed_is_nobodys_choice(desk: ReviewDesk, background: ThreadBackground) -> None:
    seeds = set()
    for _ in range(3):
        desk.audit.start(3)
        assert background.drain(60)
        seeds.add(desk.audit.record.audit.seed)
        desk.audit.stop()
    assert len(seeds) == 3


def test_a_reader_sees_audits_and_begins_none(
    tmp_path: Path, session: Session, background: ThreadBackground
) -> None:
    result = write_places(tmp_path / "r.zarr")
    begin_review(result)
    with Review.open(result):
        session.open_result(result.path)
        assert background.drain(60)
        desk = session.desk
        assert desk.read_only
        told = Heard(desk)
        begin(desk, background)
        assert not desk.audit.is_on
        assert "reading only" in told["notice"][0]
        assert desk.review.events == ()


@pytest.mark.parametrize("answers", [1, 2])
def test_a_refused_row_leaves_the_audit_where_it_was(
    desk: ReviewDesk, background: ThreadBackground, answers: int
) -> None:
    begin(desk, background, count=2)
    for _ in range(answers - 1):
        desk.audit.agree()
    place = desk.audit.place
    told = Heard(desk)
    desk.review._record._journal._connection.close()
    desk.audit.agree()
    assert len(told["failed"]) == 1
    assert desk.audit.place == place
