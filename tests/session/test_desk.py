from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError, StoreError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.review.regions.queue import Order
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.regions.region_source import RegionSource
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Status
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.session import Session
from tests.session.hearing import Heard
from tests.session.places import LOWER, MEASURE, UPPER, begin_review, write_places

COUNT = 18
TIMEOUT = 60


class HeldFind:
    """Finding regions that goes on only when the test lets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.release = threading.Event(), threading.Event()
        find = RegionSource.find

        def held(source: RegionSource, *arguments: Any) -> Any:
            self.begun.set()
            assert self.release.wait(TIMEOUT)
            return find(source, *arguments)

        monkeypatch.setattr(RegionSource, "find", held)


def test_a_desk_opens_at_the_most_expected_error(desk: ReviewDesk) -> None:
    assert len(desk.table.regions) == COUNT
    assert desk.settings.measure == MEASURE
    assert desk.current == desk.table.regions[0]
    assert desk.current.expected_error_volume == max(
        region.expected_error_volume for region in desk.table.regions
    )
    assert {desk.queue.status(region.id) for region in desk.table.regions} == {Status.PENDING}
    assert not desk.read_only
    assert not desk.is_busy


def test_the_ids_that_are_shown_are_saved_before_anything_is_done(desk: ReviewDesk) -> None:
    with Review.open(desk.result, read_only=True) as review:
        assert review.names.as_json() == desk.review.names.as_json()
        assert review.names.count == COUNT


def test_the_live_line_counts_what_is_there(desk: ReviewDesk) -> None:
    line = desk.live_line()
    source = desk.source
    above = source.values > LOWER
    assert (line.regions, line.must_see, line.decided) == (COUNT, 4, 0)
    assert line.is_settled
    # The curve knows values to a 1024th of their range; no voxel lies that near to the threshold.
    assert line.share_of_voxels == pytest.approx(above.mean(), abs=1e-3)
    unseen = source.expected_error[~above].sum() * source.geometry.voxel_volume
    assert line.expected_error_unseen == pytest.approx(unseen, rel=0.02)
    total = source.expected_error.sum() * source.geometry.voxel_volume
    assert line.expected_error_total == pytest.approx(total)
    assert line.minutes == pytest.approx(COUNT * 5 / 60)
    assert line.unit == "micrometer"
    assert "18 regions, 4 to look at" in str(line)


def test_what_is_too_small_for_a_region_is_left_unseen(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    everything = desk.live_line()
    shown = sum(region.expected_error_volume for region in desk.table.regions)
    assert everything.expected_error_unseen == pytest.approx(
        everything.expected_error_total - shown
    )
    desk.set_min_volume(14.0)  # more than any has
    assert background.drain(TIMEOUT)
    none = desk.live_line()
    assert none.regions == 0
    assert none.expected_error_unseen == pytest.approx(none.expected_error_total)
    assert desk.drag(0.5 * LOWER, UPPER).expected_error_unseen == none.expected_error_unseen


def test_dragging_answers_at_once_and_changes_nothing(desk: ReviewDesk) -> None:
    heard, table = Heard(desk), desk.table
    lines = [desk.drag(lower, UPPER) for lower in (0.09, 0.205, 0.305, 0.5)]
    assert heard.names == ["thresholds_changed"] * 4
    assert heard["thresholds_changed"][-1] == (0.5, UPPER)
    assert desk.table is table
    assert desk.settings.lower == LOWER
    assert [line.is_settled for line in lines] == [True, False, False, False]
    assert [line.regions for line in lines] == [18, 17, 8, 0]
    assert [line.must_see for line in lines] == [4, 4, 4, 0]
    shares = [line.share_of_voxels for line in lines]
    assert shares == sorted(shares, reverse=True)
    assert lines[-1].expected_error_unseen == pytest.approx(lines[-1].expected_error_total)
    assert lines[-1].minutes is None


def test_releasing_finds_regions_and_keeps_the_place(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    place = desk.table.regions[11]
    desk.go_to(place.id)
    heard = Heard(desk)
    desk.release(0.25, 0.295)
    assert desk.is_busy
    assert desk.settings.lower == LOWER
    assert background.drain(TIMEOUT)
    assert heard.names == [
        "busy_changed", "thresholds_changed", "regions_changed", "statuses_changed",
        "current_changed", "busy_changed",
    ]  # fmt: skip
    assert heard.threads == {threading.get_ident()}
    assert (desk.settings.lower, desk.settings.upper) == (0.25, 0.295)
    assert len(desk.table.regions) == 13
    assert heard["regions_changed"] == [desk.table]
    assert desk.current is not None
    assert desk.current.position == place.position
    assert desk.review.settings == desk.settings
    assert desk.live_line().must_see == 9


def test_only_the_newest_thresholds_are_found(
    desk: ReviewDesk, background: ThreadBackground, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, held = Heard(desk), HeldFind(monkeypatch)
    desk.release(0.2, UPPER)
    assert held.begun.wait(TIMEOUT)
    for lower in (0.21, 0.22, 0.305):
        desk.drag(lower, UPPER)
        desk.release(lower, UPPER)
    held.release.set()
    assert background.drain(TIMEOUT)
    assert desk.settings.lower == 0.305
    assert len(heard["regions_changed"]) == 1
    assert heard["busy_changed"] == [True, False]
    assert desk.table.threshold == 0.305


def test_dragging_and_deciding_go_on_while_regions_are_found(
    desk: ReviewDesk, background: ThreadBackground, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldFind(monkeypatch)
    first = desk.table.regions[0]
    desk.release(0.095, UPPER)
    assert held.begun.wait(TIMEOUT)
    assert desk.drag(0.305, UPPER).regions == 8
    assert desk.current == first
    desk.accept()
    second = desk.current
    assert second is not None
    assert second != first
    held.release.set()
    assert background.drain(TIMEOUT)
    assert desk.current is not None
    assert desk.current.position == second.position
    found = desk.queue.at(first.position)
    assert found is not None
    assert desk.queue.status(found.id) is Status.ACCEPTED


def test_another_upper_threshold_needs_no_search(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    table, heard = desk.table, Heard(desk)
    desk.release(LOWER, 0.295)
    assert not desk.is_busy
    assert desk.table is table
    assert desk.settings.upper == 0.295
    assert desk.review.settings == desk.settings
    assert desk.live_line().must_see == 9
    assert heard.names == ["thresholds_changed"]


def test_going_back_to_the_old_threshold_calls_a_search_off(
    desk: ReviewDesk, background: ThreadBackground, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, held = desk.table, HeldFind(monkeypatch)
    desk.release(0.305, UPPER)
    assert held.begun.wait(TIMEOUT)
    desk.release(LOWER, UPPER)
    held.release.set()
    assert background.drain(TIMEOUT)
    assert desk.table is table
    assert desk.settings.lower == LOWER


def test_impossible_thresholds_are_told(desk: ReviewDesk, background: ThreadBackground) -> None:
    heard = Heard(desk)
    desk.release(0.3, 0.2)
    assert background.drain(TIMEOUT)
    assert "upper threshold must not be below" in heard["failed"][0]
    assert desk.settings.lower == LOWER


def test_no_region_is_no_trouble(desk: ReviewDesk, background: ThreadBackground) -> None:
    desk.release(0.9, 0.95)
    assert background.drain(TIMEOUT)
    heard = Heard(desk)
    assert desk.table.regions == ()
    assert desk.current is None
    assert desk.editor.place is None
    assert str(desk.live_line()).startswith("no regions · 0.0 % of voxels")
    for action in (
        desk.accept, desk.reject, desk.defer, desk.reopen, desk.next, desk.previous, desk.undo,
        desk.redo, lambda: desk.bulk("accept-below"),
    ):  # fmt: skip
        action()
    desk.editing = True
    assert not desk.editing
    assert set(heard.names) == {"notice"}
    assert len(heard["notice"]) == 10
    assert desk.bulk_preview("reject-above").count == 0
    desk.release(LOWER, UPPER)
    assert background.drain(TIMEOUT)
    assert desk.current is not None


def test_a_measure_comes_with_its_own_thresholds_and_remembers_them(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    heard = Heard(desk)
    desk.set_measure("expected_error")
    assert desk.settings.measure == MEASURE
    assert background.drain(TIMEOUT)
    assert heard["measure_changed"] == ["expected_error"]
    assert heard.names.index("measure_changed") < heard.names.index("thresholds_changed")
    assert desk.source.measure == desk.settings.measure == desk.table.measure == "expected_error"
    assert desk.settings.min_volume == desk.source.geometry.voxel_volume
    desk.release(0.2, 0.4)
    assert background.drain(TIMEOUT)
    desk.set_measure(MEASURE)
    assert background.drain(TIMEOUT)
    assert (desk.settings.lower, desk.settings.upper) == (LOWER, UPPER)
    desk.set_measure("expected_error")
    assert background.drain(TIMEOUT)
    assert (desk.settings.lower, desk.settings.upper) == (0.2, 0.4)


def test_going_back_to_the_old_measure_calls_the_other_off(
    desk: ReviewDesk, background: ThreadBackground, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, held, table = Heard(desk), HeldFind(monkeypatch), desk.table
    desk.set_measure("expected_error")
    assert held.begun.wait(TIMEOUT)
    desk.set_measure("expected_error")
    desk.set_measure(MEASURE)
    held.release.set()
    assert background.drain(TIMEOUT)
    assert desk.table is table
    assert heard.names == ["busy_changed", "busy_changed"]


def test_an_excess_is_found_as_well(desk: ReviewDesk, background: ThreadBackground) -> None:
    desk.set_measure(f"{MEASURE}_excess")
    assert background.drain(TIMEOUT)
    assert desk.settings.measure == f"{MEASURE}_excess"


def test_a_measure_that_is_not_there_leaves_everything(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    table, heard = desk.table, Heard(desk)
    desk.set_measure("variation_ratio")
    desk.release(0.305, UPPER)  # of the former measure: too late
    assert background.drain(TIMEOUT)
    assert "holds no measure 'variation_ratio'" in heard["failed"][0]
    assert heard["measure_changed"] == [MEASURE]  # a control that ran ahead comes back
    assert desk.table is table


def test_moving_through_the_queue(desk: ReviewDesk) -> None:
    heard = Heard(desk)
    ids = [region.id for region in desk.table.regions]
    assert [region.id for region in (desk.next(), desk.next()) if region] == ids[1:3]
    assert desk.previous() == desk.table.regions[1]
    desk.go_to(ids[-1])
    assert desk.next() == desk.table.regions[0]
    assert [region.id for region in heard["current_changed"]] == [2, 3, 2, 18, 1]
    assert desk.review.position == desk.table.regions[0].position
    desk.go_to(1)
    assert len(heard["current_changed"]) == 5
    with pytest.raises(SettingsError, match="18 regions"):
        desk.go_to(99)


def test_order_and_filter(desk: ReviewDesk) -> None:
    heard = Heard(desk)
    desk.set_order(Order.POSITION)
    positions = [desk.queue.region(key).position for key in desk.queue.ids]
    assert positions == sorted(positions)
    desk.set_filter(classes=[1])
    assert len(desk.queue.ids) == COUNT // 2
    desk.accept()
    desk.set_filter(statuses=[Status.ACCEPTED])
    assert desk.queue.ids == (1,)
    desk.set_filter()
    assert len(desk.queue.ids) == COUNT
    assert len(heard["queue_changed"]) == 4


def test_editing_has_a_box_and_ends_with_the_region(desk: ReviewDesk) -> None:
    heard = Heard(desk)
    assert desk.editor.place is None
    desk.editing = True
    assert desk.current is not None
    assert desk.editor.place is not None
    box = desk.current.box
    whole = Roi.whole(desk.source.values.shape)  # type: ignore[arg-type]
    margin = Roi(
        tuple(a - 8 for a in box.start),  # type: ignore[arg-type]
        tuple(b + 8 for b in box.stop),  # type: ignore[arg-type]
    )
    assert desk.editor.place.box == margin.intersection(whole)
    desk.next()
    assert not desk.editing
    assert desk.editor.place is None
    assert heard["editing_changed"] == [True, False]


def test_a_disk_that_refuses_is_told_and_moves_on(
    desk: ReviewDesk, background: ThreadBackground, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StoreError("no space left")

    heard = Heard(desk)
    monkeypatch.setattr(desk.review, "set_position", refuse)
    monkeypatch.setattr(desk.review, "set_settings", refuse)
    desk.next()
    assert desk.current == desk.table.regions[1]
    desk.release(0.305, UPPER)
    assert background.drain(TIMEOUT)
    assert len(desk.table.regions) == 8
    assert heard["failed"] == ["no space left"] * 2


def test_reopening_gives_the_same_desk(
    desk: ReviewDesk,
    session: Session,
    background: ThreadBackground,
    open_desk: Callable[[Path], ReviewDesk],
) -> None:
    desk.release(0.12, 0.3)
    assert background.drain(TIMEOUT)
    desk.reject()
    desk.accept()
    desk.next()
    path, settings, current = desk.result.path, desk.settings, desk.current
    statuses, mask = dict(desk.statuses), np.asarray(desk.review.mask.array)
    again = open_desk(path)
    assert again is not desk
    assert again.settings == settings
    assert again.current == current
    assert dict(again.statuses) == statuses
    np.testing.assert_array_equal(again.review.mask.array, mask)


def test_closing_while_regions_are_found(
    session: Session,
    desk: ReviewDesk,
    background: ThreadBackground,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = HeldFind(monkeypatch)
    desk.release(0.305, UPPER)
    assert held.begun.wait(TIMEOUT)
    heard = Heard(desk)
    held.release.set()
    session.close()
    session.close()
    assert heard.names == []


def test_a_measure_that_is_gone_gives_way_to_the_default(
    open_desk: Callable[[Path], ReviewDesk], tmp_path: Path
) -> None:
    """As after another run of the prediction that stored other measures."""
    result = write_places(tmp_path / "r.zarr")
    review = Review.open(result)
    review.set_settings(RegionSettings("variation_ratio", 0.2, 0.3))
    review.close()
    assert open_desk(result.path).settings.measure == MEASURE


def test_defaults_suit_a_review_that_begins(
    open_desk: Callable[[Path], ReviewDesk], tmp_path: Path
) -> None:
    result = write_places(tmp_path / "r.zarr")
    desk = open_desk(result.path)
    assert desk.settings.measure == MEASURE
    assert desk.live_line().must_see <= desk.live_line().regions
    begin = write_places(tmp_path / "s.zarr")
    begin_review(begin)
    assert open_desk(begin.path).settings.measure == MEASURE
