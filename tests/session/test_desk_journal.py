from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from napari_bayesseg.core.errors import FormatError, SettingsError
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.desk_journal import DeskJournal
from tests.session.hearing import Heard

TIMEOUT = 60


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def snapshots(desk: ReviewDesk) -> list[str]:
    return sorted(path.name for path in desk.review.folder.glob("snapshots/*.checkpoint"))


def watched(desk: ReviewDesk, background: ThreadBackground) -> Clock:
    """Give the desk's journal a clock that the test sets."""
    clock = Clock()
    desk.journal.close()
    desk.journal = DeskJournal(desk, background, clock)
    return clock


def test_a_snapshot_is_taken_each_hour_in_which_something_was_decided(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    clock = watched(desk, background)
    desk.accept()
    clock.now = 3599.0
    desk.reject()
    assert background.drain(TIMEOUT)
    assert snapshots(desk) == []
    clock.now = 3601.0
    desk.reject()
    assert background.drain(TIMEOUT)
    first = f"{desk.review.sequence:012}-hourly.checkpoint"
    assert snapshots(desk) == [first]
    desk.undo()
    assert background.drain(TIMEOUT)
    assert snapshots(desk) == [first]
    clock.now = 9000.0
    assert background.drain(TIMEOUT)
    assert snapshots(desk) == [first]  # nothing was decided since
    desk.accept()
    assert background.drain(TIMEOUT)
    assert snapshots(desk) == [first, f"{desk.review.sequence:012}-hourly.checkpoint"]


def test_many_rows_do_not_wait_for_the_hour(desk, background, monkeypatch) -> None:
    monkeypatch.setattr("napari_bayesseg.session.desk_journal._MANY_ROWS", 4)
    watched(desk, background)
    for _ in range(3):
        desk.defer()
    assert background.drain(TIMEOUT)
    assert snapshots(desk) == []
    desk.defer()
    assert background.drain(TIMEOUT)
    assert len(snapshots(desk)) == 1


def test_a_snapshot_runs_elsewhere_and_decisions_go_on(desk, background, monkeypatch) -> None:
    clock = watched(desk, background)
    taken, go_on = [], threading.Event()
    take = desk.review.take_snapshot

    def slow() -> object:
        taken.append(threading.current_thread())
        go_on.wait(TIMEOUT)
        return take()

    monkeypatch.setattr(desk.review, "take_snapshot", slow)
    clock.now = 4000.0
    heard = Heard(desk)
    desk.reject()
    clock.now = 8000.0
    desk.accept()  # due again, but one is under way
    assert len(heard["saved"]) == 2
    assert snapshots(desk) == []
    go_on.set()
    assert background.drain(TIMEOUT)
    assert len(snapshots(desk)) == 1
    assert threading.main_thread() not in taken
    assert heard["failed"] == heard["notice"] == []


def test_a_full_disk_is_told_once_an_hour(desk, background, monkeypatch) -> None:
    clock = watched(desk, background)

    def full() -> None:
        raise FormatError("x.checkpoint: can't be written (No space left on device)")

    monkeypatch.setattr(desk.review, "take_snapshot", full)
    heard = Heard(desk)
    clock.now = 4000.0
    for _ in range(3):
        desk.defer()
        assert background.drain(TIMEOUT)
    (notice,) = heard["notice"]
    assert notice.startswith("every step is saved, but the snapshot of this hour is not: x.check")
    assert heard["failed"] == []
    assert len(heard["saved"]) == 3


def test_the_head_is_saved_and_found_again(desk, background, tmp_path: Path) -> None:
    heard = Heard(desk)
    desk.reject()
    desk.journal.save_head(tmp_path / "kept.json")
    assert "kept.json: head of the journal written (row" in heard["notice"][-1]
    kept = json.loads((tmp_path / "kept.json").read_text())
    assert kept["sha256_of_last_row"] == desk.review.journal_head
    desk.accept()
    desk.journal.check(tmp_path / "kept.json")
    desk.undo()
    desk.undo()
    assert background.drain(TIMEOUT)
    assert "none changed or missing" in heard["notice"][-1]
    assert f"row {kept['rows']} " in heard["notice"][-1]
    (tmp_path / "kept.json").write_text("{}")
    desk.journal.check(tmp_path / "kept.json")
    assert background.drain(TIMEOUT)
    assert "must be a saved head of a journal" in heard["failed"][-1]


def test_the_journal_is_checked_without_a_head(desk, background) -> None:
    desk.reject()
    heard = Heard(desk)
    desk.journal.check()
    assert background.drain(TIMEOUT)
    assert heard["notice"][-1].endswith("the reviewed mask follows from them")


def test_an_empty_journal_has_no_head(desk, monkeypatch, tmp_path: Path) -> None:
    head = desk.review.current_head()
    nothing = type(head)(0, "", head.time_utc, "", head.run_id)
    monkeypatch.setattr(desk.review, "current_head", lambda: nothing)
    with pytest.raises(SettingsError, match="the journal is empty: decide something first"):
        desk.journal.save_head(tmp_path / "head.json")
