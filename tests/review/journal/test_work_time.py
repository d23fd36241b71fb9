from __future__ import annotations

from napari_bayesseg.review.journal.work_time import WorkTime
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Status
from tests.review.steps import decide


def test_pauses_and_sittings() -> None:
    times = ["10:00:00", "10:00:20", "10:01:20", "10:05:00", "10:05:30", "11:00:00", "10:59:00"]
    users = ["ada", "bob", "ada", "ada", "ada", "bob", "ada"]
    timeline = [
        (f"2026-01-02T{t}.000+00:00", u, "accept") for t, u in zip(times, users, strict=True)
    ]
    work = WorkTime.of(timeline)
    assert work.active_seconds == 20 + 60 + 30
    assert work.sittings == 2
    assert (work.first_utc, work.last_utc) == (timeline[0][0], timeline[-1][0])
    assert list(work.rows_by_user.items()) == [("ada", 5), ("bob", 2)]


def test_nothing_was_done_yet() -> None:
    assert WorkTime.of([]) == WorkTime(0, 0, "", "", {})


def test_a_review_knows_its_timeline(review: Review) -> None:
    decide(review, [1], Status.ACCEPTED)
    review.undo()
    assert [(user, action) for _, user, action in review.timeline()] == [
        ("ada", "begin"),
        ("ada", "accept"),
        ("ada", "undo"),
    ]
