from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.labels.edits import BrushReach
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Replacement, Status
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.desk import ReviewDesk
from tests.session.hearing import Heard
from tests.session.places import begin_review, write_places

TIMEOUT = 60


def voxels_of(desk: ReviewDesk, region: Region) -> tuple[np.ndarray, ...]:
    return np.nonzero(np.asarray(desk.table.region_labels) == region.id)


def mask_of(desk: ReviewDesk) -> np.ndarray:
    mask = np.asarray(desk.review.mask.array)
    np.testing.assert_array_equal(mask, desk.review.labels())
    return mask


def current(desk: ReviewDesk) -> Region:
    assert desk.current is not None
    return desk.current


def test_accepting_keeps_the_labels_and_goes_on(desk: ReviewDesk) -> None:
    heard, before, first = Heard(desk), mask_of(desk), current(desk)
    desk.accept()
    assert heard.names == ["saved", "statuses_changed", "current_changed"]
    assert heard["saved"] == [desk.review.sequence]
    assert heard["statuses_changed"] == [(first.id,)]
    assert desk.statuses[first.id] is Status.ACCEPTED
    assert current(desk) == desk.table.regions[1]
    np.testing.assert_array_equal(mask_of(desk), before)
    line = desk.live_line()
    assert line.decided == 1
    total = sum(region.expected_error_volume for region in desk.table.regions)
    assert line.resolved_share == pytest.approx(first.expected_error_volume / total)


@pytest.mark.parametrize(
    ("replacement", "label"), [(Replacement.RUNNER_UP, 2), (Replacement.BACKGROUND, 0)]
)
def test_rejecting_replaces_the_labels(
    desk: ReviewDesk, replacement: Replacement, label: int
) -> None:
    region = next(region for region in desk.table.regions if region.classes == (1,))
    desk.go_to(region.id)
    heard, before = Heard(desk), mask_of(desk)
    desk.replacement = replacement
    desk.reject()
    after = mask_of(desk)
    places = voxels_of(desk, region)
    assert np.all(after[places] == label)
    after[places] = before[places]
    np.testing.assert_array_equal(after, before)
    (box,) = heard["mask_changed"]
    assert box.contains(region.box)
    assert heard.names.index("saved") < heard.names.index("mask_changed")


def test_deferred_regions_come_last_and_reopening_stays(desk: ReviewDesk) -> None:
    first = current(desk)
    desk.defer()
    assert desk.statuses[first.id] is Status.DEFERRED
    seen = []
    while current(desk) != first:
        seen.append(current(desk).id)
        desk.accept()
    assert seen == [region.id for region in desk.table.regions[1:]]
    assert desk.live_line().minutes is None
    desk.go_to(5)
    desk.reopen()
    assert desk.statuses[5] is Status.PENDING
    assert current(desk).id == 5
    desk.accept()
    assert current(desk) == first
    desk.accept()
    assert current(desk) == first
    assert desk.live_line().resolved_share == pytest.approx(1)
    heard = Heard(desk)
    assert desk.next() is None
    assert heard["notice"] == ["no other region is undecided"]


def test_undo_and_redo_go_where_it_was(desk: ReviewDesk) -> None:
    before = mask_of(desk)
    first, second = desk.table.regions[:2]
    desk.reject()
    desk.reject()
    after = mask_of(desk)
    desk.go_to(10)
    heard = Heard(desk)
    desk.undo()
    assert current(desk) == second
    assert desk.statuses[second.id] is Status.PENDING
    assert heard["statuses_changed"] == [(second.id,)]
    assert len(heard["saved"]) == len(heard["mask_changed"]) == 1
    desk.undo()
    assert current(desk) == first
    np.testing.assert_array_equal(mask_of(desk), before)
    desk.undo()
    assert heard["notice"] == ["there is nothing to undo"]
    desk.redo()
    desk.redo()
    np.testing.assert_array_equal(mask_of(desk), after)
    assert current(desk) == second
    assert [desk.statuses[region.id] for region in (first, second)] == [Status.REJECTED] * 2
    desk.redo()
    assert heard["notice"][-1] == "there is nothing to redo"


def test_bulk_is_one_step(desk: ReviewDesk, background: ThreadBackground) -> None:
    before = mask_of(desk)
    desk.go_to(desk.table.regions[-1].id)
    desk.reject()
    single = mask_of(desk)
    preview = desk.bulk_preview("accept-below")
    regions = desk.queue.below(desk.settings.upper)
    assert preview.count == len(regions) == 14
    assert preview.volume == pytest.approx(sum(region.volume for region in regions))
    assert desk.bulk_preview("reject-above").count == 3
    heard = Heard(desk)
    desk.bulk("reject-above")
    assert background.drain(TIMEOUT)
    assert len(heard["saved"]) == 1
    assert len(heard["statuses_changed"][0]) == 3
    desk.bulk("accept-below")
    assert background.drain(TIMEOUT)
    assert desk.live_line().decided == 18
    assert desk.live_line().must_see == 0
    desk.bulk("accept-below")
    assert background.drain(TIMEOUT)
    assert heard["notice"][-1] == "no undecided region is there"
    assert len(heard["saved"]) == 2
    desk.undo()
    assert desk.live_line().decided == 4
    desk.undo()
    np.testing.assert_array_equal(mask_of(desk), single)
    desk.undo()
    np.testing.assert_array_equal(mask_of(desk), before)
    assert set(desk.statuses.values()) <= {Status.PENDING}


def test_decisions_survive_other_thresholds(desk: ReviewDesk, background: ThreadBackground) -> None:
    accepted, rejected = desk.table.regions[11], desk.table.regions[14]
    desk.go_to(accepted.id)
    desk.accept()
    desk.go_to(rejected.id)
    desk.reject()
    mask = mask_of(desk)
    for lower in (0.12, 0.25, 0.01):
        desk.release(lower, 0.5)
        assert background.drain(TIMEOUT)
        statuses = {
            region.position: desk.queue.status(region.id)
            for region in desk.table.regions
            if desk.queue.status(region.id) is not Status.PENDING
        }
        if lower == 0.01:  # the whole cubes
            assert statuses[accepted.position] is Status.ACCEPTED
        assert set(statuses) <= {accepted.position, rejected.position}
        np.testing.assert_array_equal(mask_of(desk), mask)
    desk.undo()
    assert current(desk).position == rejected.position


@pytest.mark.parametrize("reach", [BrushReach.REGION, BrushReach.BOX])
def test_a_stroke_while_editing_stays_where_it_may(desk: ReviewDesk, reach: BrushReach) -> None:
    region = current(desk)
    desk.editor.choose(replace(desk.editor.options, reach=reach))
    desk.editing = True
    before = mask_of(desk)
    z, y, _ = region.position
    x = np.arange(before.shape[2])
    margin = 2 if reach is BrushReach.REGION else 8
    inside = (x >= region.box.start[2] - margin) & (x < region.box.stop[2] + margin)
    assert inside.any()
    assert not inside.all()
    heard = Heard(desk)
    indices = (np.full(x.size, z), np.full(x.size, y), x)
    painted = desk.review.mask.array
    painted[z, y, :] = 2
    reverted = desk.paint(indices, before[indices], 2)
    assert reverted.count == np.count_nonzero(~inside)
    np.testing.assert_array_equal(reverted.old, before[z, y, ~inside])
    painted[z, y, np.flatnonzero(~inside)] = reverted.old
    after = mask_of(desk)
    np.testing.assert_array_equal(after[z, y], np.where(inside, 2, before[z, y]))
    assert desk.statuses[region.id] is Status.EDITED
    assert heard.names == ["saved", "statuses_changed"]
    assert desk.editing
    desk.undo()
    np.testing.assert_array_equal(mask_of(desk), before)
    assert desk.statuses.get(region.id, Status.PENDING) is Status.PENDING


def test_a_stroke_without_editing_is_free_and_kept(desk: ReviewDesk) -> None:
    before, heard = mask_of(desk), Heard(desk)
    desk.review.mask.array[0, 0, :4] = 1
    reverted = desk.paint(([0] * 4, [0] * 4, range(4)), before[0, 0, :4], 1)  # type: ignore[arg-type]
    assert reverted.count == 0
    assert heard.names == ["saved"]
    assert np.all(mask_of(desk)[0, 0, :4] == 1)
    assert desk.paint(([0], [0], [0]), [1], 1).count == 0
    assert heard.names == ["saved"]  # the same label again is no stroke


def test_accepted_regions_are_protected_until_reopened(desk: ReviewDesk) -> None:
    region = current(desk)
    desk.accept()
    before, heard = mask_of(desk), Heard(desk)
    z, y, x = voxels_of(desk, region)
    z, y, x = (np.append(axis, axis[0]) for axis in (z, y, x))
    x[-1] = 0  # one voxel elsewhere
    reverted = desk.paint((z, y, x), before[z, y, x], 2)
    assert reverted.count == region.voxel_count
    assert "press Reopen to paint there" in heard["notice"][0]
    assert heard["protection_hit"] == [region.id]
    desk.review.mask.array[z[-1], y[-1], x[-1]] = 2
    mask = mask_of(desk)
    assert np.count_nonzero(mask != before) == 1
    desk.go_to(region.id)
    desk.reopen()
    assert desk.paint((z, y, x), before[z, y, x], 2).count == 0


def test_what_can_not_be_saved_is_reverted_and_told(
    desk: ReviewDesk, background: ThreadBackground, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise StoreError("no space left")

    for name in ("decide", "paint", "undo", "redo"):
        monkeypatch.setattr(desk.review, name, refuse)
    heard, region = Heard(desk), current(desk)
    desk.accept()
    desk.bulk("accept-below")
    assert background.drain(TIMEOUT)
    desk.undo()
    desk.redo()
    assert desk.paint(([0, 1], [0, 0], [0, 0]), [0, 0], 1).count == 2
    assert heard["failed"] == ["no space left"] * 5
    assert {"saved", "statuses_changed", "current_changed"}.isdisjoint(heard.names)
    assert current(desk) == region
    assert desk.live_line().decided == 0


def test_a_second_desk_is_read_only(
    open_desk: Callable[[Path], ReviewDesk], background: ThreadBackground, tmp_path: Path
) -> None:
    result = write_places(tmp_path / "r.zarr")
    begin_review(result)
    first = Review.open(result)
    desk = open_desk(result.path)
    assert desk.read_only
    heard, before = Heard(desk), desk.review.labels()
    desk.accept()
    desk.bulk("reject-above")
    desk.undo()
    desk.editing = True
    reverted = desk.paint(([0], [0], [0]), [0], 1)
    assert reverted.count == 1
    assert reverted.box == Roi((0, 0, 0), (1, 1, 1))
    assert set(heard.names) == {"notice"}
    assert heard["notice"][0] == desk.review.notice
    np.testing.assert_array_equal(desk.review.labels(), before)
    assert desk.next() is not None
    desk.release(0.305, 0.4)
    assert background.drain(TIMEOUT)
    assert len(desk.table.regions) == 8
    first.close()
