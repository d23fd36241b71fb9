from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from napari_bayesseg.review.status import Status
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.desk import ReviewDesk
from tests.session.hearing import Heard
from tests.session.places import LOWER, UPPER

OpenDesk = Callable[[Path], ReviewDesk]


def milestones(heard: Heard) -> list[str]:
    return [text for text in heard["notice"] if "resolved" in text]


def test_milestones_are_told_once_each_in_order(desk: ReviewDesk) -> None:
    heard = Heard(desk)
    for _ in range(17):
        desk.accept()
    assert [text.split()[3] for text in milestones(heard)] == ["50", "80", "95"]
    for _ in range(10):
        desk.undo()
    for _ in range(10):
        desk.redo()
    assert len(milestones(heard)) == 3


def test_the_last_region_that_must_be_seen_is_told_with_what_is_left(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    heard = Heard(desk)
    must_see = [r for r in desk.table.regions if r.maximum >= UPPER]
    assert len(must_see) == 4
    for region in must_see[:-1]:
        desk.go_to(region.id)
        desk.accept()
    desk.go_to(must_see[-1].id)
    desk.defer()
    assert str(desk.finish.progress) == ""
    desk.go_to(must_see[-1].id)
    desk.reject()
    seen = sum(r.expected_error_volume for r in must_see)
    left = 1 - seen / desk.source.curve.total
    assert desk.finish.progress.unseen == pytest.approx(left)
    text = (
        f"All 4 regions to look at are decided; {100 * left:.0f} % of the expected error lies in "
        "what nobody looked at: audit it (page Audit) or stop."
    )
    assert heard["notice"][-1] == str(desk.finish.progress) == text
    desk.undo()
    desk.redo()
    assert heard["notice"].count(text) == 1
    # What is accepted in bulk was looked at by nobody.
    desk.bulk("accept-below")
    assert background.drain(60)
    assert desk.finish.progress.resolved == pytest.approx(1)
    assert desk.finish.progress.unseen == pytest.approx(left)


def test_other_thresholds_tell_nothing_but_count(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    for region in desk.table.regions[-8:]:
        desk.go_to(region.id)
        desk.accept()
    heard = Heard(desk)
    assert desk.finish.progress.resolved < 0.5
    desk.release(0.155, UPPER)  # of the others only the middles are left
    assert background.drain(60)
    assert desk.finish.progress.resolved > 0.5
    desk.release(LOWER, UPPER)
    assert background.drain(60)
    assert heard["notice"] == []


def test_what_was_reached_before_is_not_told_on_opening(
    desk: ReviewDesk, open_desk: OpenDesk
) -> None:
    for _ in range(12):
        desk.accept()
    again = open_desk(desk.result.path)
    heard = Heard(again)
    again.accept()
    assert [text for text in milestones(heard) if " 50 " in text] == []
    assert again.statuses[13] is Status.ACCEPTED
