from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.review.regions.queue import Order
from napari_bayesseg.review.regions.region_filter import Mark
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Status
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.session import Session
from tests.session.hearing import Heard

TIMEOUT = 60


def test_a_note_is_saved_at_once_and_goes_with_the_decision(desk: ReviewDesk) -> None:
    heard, changed = Heard(desk), []
    desk.notes.changed.connect(changed.append)
    region = desk.current
    assert desk.notes.write(" a pore\tfilled ")
    assert heard["saved"] == [desk.review.sequence]
    assert changed == [(region.id,)]
    assert desk.notes.texts == {region.id: "a pore filled"}
    rows = desk.review.sequence
    assert desk.notes.write("a pore filled")  # nothing new: no row
    assert desk.review.sequence == rows
    desk.reject()
    assert desk.review.history.applied[-1].note == "a pore filled"
    desk.accept()
    assert desk.review.history.applied[-1].note == ""
    desk.undo()
    desk.undo()
    assert desk.notes.text(region.id) == "a pore filled"
    desk.notes.write("")
    assert desk.notes.texts == {}


def test_notes_stay_when_thresholds_move_and_over_restarts(
    desk: ReviewDesk,
    background: ThreadBackground,
    session: Session,
    open_desk: Callable[[Path], ReviewDesk],
) -> None:
    place = desk.table.regions[4]
    desk.go_to(place.id)
    desk.notes.write("look here")
    desk.set_filter(marks=[Mark.NOTE])
    assert desk.queue.ids == (place.id,)
    desk.release(0.15, 0.35)
    assert background.drain(TIMEOUT)
    (region_id,) = desk.notes.texts
    assert desk.queue.region(region_id).position == place.position
    assert desk.queue.ids == (region_id,)
    path = desk.result.path
    session.close_result()
    again = open_desk(path)
    assert list(again.notes.texts.values()) == ["look here"]


def test_a_note_typed_before_the_regions_changed_stays_at_its_place(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    former = desk.table.regions[7]
    desk.release(0.15, 0.3)
    assert background.drain(TIMEOUT)
    desk.notes.write("late", former)
    (region_id,) = desk.notes.texts
    assert desk.queue.region(region_id).position == former.position


def test_what_can_not_be_written_is_told(desk: ReviewDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard(desk)

    def refuse(*_: object) -> None:
        raise StoreError("the disk is full: make room")

    assert not desk.notes.write("x" * 2000)
    monkeypatch.setattr(Review, "record_event", refuse)
    assert not desk.notes.write("why")
    assert heard["failed"][0].startswith("a note may have 1,000 characters")
    assert heard["failed"][1] == "the disk is full: make room"
    assert desk.notes.texts == {}


def test_the_least_volume_takes_effect_like_a_threshold(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    voxel = desk.result.geometry.voxel_volume
    before = len(desk.table.regions)
    desk.set_min_volume(27 * voxel)
    assert background.drain(TIMEOUT)
    assert len(desk.table.regions) == before
    desk.set_min_volume(28 * voxel)
    desk.release(desk.settings.lower, 0.2)  # meanwhile: both count
    assert background.drain(TIMEOUT)
    assert len(desk.table.regions) == 0
    assert (desk.settings.min_volume, desk.settings.upper) == (28 * voxel, 0.2)
    assert desk.review.settings == desk.settings
    heard = Heard(desk)
    desk.set_min_volume(-1.0)
    assert "min_volume must be 0 or more" in heard["failed"][0]
    desk.set_min_volume(None)
    assert background.drain(TIMEOUT)
    assert len(desk.table.regions) == before


def test_what_must_be_looked_at_follows_the_upper_threshold(desk: ReviewDesk) -> None:
    desk.set_filter(marks=[Mark.MUST_SEE])
    assert len(desk.queue.ids) == 4
    heard = Heard(desk)
    desk.release(desk.settings.lower, 0.3)
    wanted = [r.id for r in desk.table.regions if r.maximum >= 0.3]
    assert sorted(desk.queue.ids) == sorted(wanted)
    assert "queue_changed" in heard.names


def test_a_path_begins_at_the_person_also_after_the_thresholds_moved(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    desk.go_to(9)
    desk.set_order(Order.PATH)
    assert desk.queue.ids[0] == 9
    order = desk.queue.ids
    desk.accept()
    desk.defer()
    assert desk.queue.ids == order
    assert desk.statuses[9] is Status.ACCEPTED
    position = desk.current.position
    desk.release(0.15, 0.35)
    assert background.drain(TIMEOUT)
    assert desk.queue.order is Order.PATH
    assert desk.queue.region(desk.queue.ids[0]).position == position
