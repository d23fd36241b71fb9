"""The editor of a desk: reach, tools, contour, protection, and waiting for many decisions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.inference.result import load_result
from napari_bayesseg.numerics.label_editing import contour_labels, contour_of, voxels_near
from napari_bayesseg.review.labels.edits import BrushReach
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Status
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.desk import ReviewDesk
from tests.session.hearing import Heard
from tests.session.places import begin_review, write_places

TIMEOUT = 60
SPACING = (2.0, 0.5, 0.5)


def mask_of(desk: ReviewDesk) -> np.ndarray:
    mask = np.asarray(desk.review.mask.array)
    assert_array_equal(mask, desk.review.labels())
    return mask


def region_of(desk: ReviewDesk) -> np.ndarray:
    assert desk.current is not None
    return np.asarray(desk.table.region_labels) == desk.current.id


def titles(desk: ReviewDesk) -> list[str]:
    return [operation.title for operation in desk.review.history.applied]


def take(desk: ReviewDesk, **options: object) -> None:
    desk.editor.choose(replace(desk.editor.options, **options))  # type: ignore[arg-type]


def test_the_reach_decides_what_may_change_and_is_remembered(desk: ReviewDesk) -> None:
    heard = Heard(desk.editor)
    desk.editing = True
    place = desk.editor.place
    assert place is not None
    near = voxels_near(region_of(desk), 1.0, SPACING)[place.box.slices]
    assert_array_equal(place.may_change, near)
    assert not near.all()
    for reach in (BrushReach.BOX, BrushReach.ANYWHERE, BrushReach.REGION, BrushReach.BOX):
        desk.editor.next_reach()
        assert desk.editor.options.reach is reach
        place = desk.editor.place
        assert place is not None
        assert_array_equal(place.may_change, near if reach is BrushReach.REGION else True)
    assert len(heard["place_changed"]) == 5
    desk.next()
    assert desk.editor.place is None
    assert heard["place_changed"][-1] is None
    desk.editing = True
    assert desk.editor.options.reach is BrushReach.BOX
    assert desk.editor.place is not None
    assert desk.editor.place.may_change.all()


def test_anywhere_means_anywhere(desk: ReviewDesk) -> None:
    take(desk, reach=BrushReach.ANYWHERE)
    desk.editing = True
    last = tuple(n - 1 for n in desk.result.spec.shape)
    desk.review.mask.array[last] = 2
    assert desk.paint(tuple([n] for n in last), 1, 2).count == 0  # type: ignore[arg-type]
    assert mask_of(desk)[last] == 2
    assert desk.statuses[1] is Status.EDITED


def test_filling_is_one_step_and_undone_by_one(desk: ReviewDesk) -> None:
    before, inside, heard = mask_of(desk), region_of(desk), Heard(desk)
    desk.editor.fill()
    assert heard["notice"] == ["begin to edit this region first"]
    desk.editing = True
    take(desk, label=2)
    heard.forget()
    desk.editor.fill()
    assert heard.names == ["saved", "statuses_changed", "mask_changed"]
    assert_array_equal(mask_of(desk), np.where(inside, 2, before))
    assert titles(desk) == ["fill region 1 with class 2"]
    assert desk.statuses[1] is Status.EDITED
    assert desk.editing
    desk.editor.fill()
    assert heard["notice"] == ["all of this region is class 2 already"]
    desk.undo()
    assert_array_equal(mask_of(desk), before)
    assert desk.queue.status(1) is Status.PENDING
    assert desk.editing
    desk.redo()
    assert_array_equal(mask_of(desk), np.where(inside, 2, before))


def test_smoothing_again_and_again_comes_to_an_end(desk: ReviewDesk) -> None:
    desk.editing = True
    heard = Heard(desk)
    take(desk, label=2, reach=BrushReach.BOX)
    desk.editor.fill()
    filled = mask_of(desk)
    for _ in range(20):
        steps = len(titles(desk))
        desk.editor.smooth()
        if len(titles(desk)) == steps:
            break
    assert heard["notice"] == ["the boundaries here are smooth already"]
    assert steps > 1
    assert titles(desk)[1] == "smooth region 1"
    assert_array_equal(mask_of(desk) == 2, False)  # three voxels wide: gone
    for _ in range(steps - 1):
        desk.undo()
    assert_array_equal(mask_of(desk), filled)


def expected_contour(desk: ReviewDesk, label: int, level: float) -> np.ndarray:
    """Return the mask with the class ended at its contour, made in the whole scan."""
    mask, inside = mask_of(desk), region_of(desk)
    near = voxels_near(inside, 1.0, SPACING)
    probability = np.asarray(desk.result.mean_probability[...])
    within = contour_of(mask, inside, near, probability, label, level)
    return contour_labels(mask, within, near, probability, label)


def test_a_contour_is_shown_first_and_taken_over_when_asked(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    before = mask_of(desk)
    desk.editing = True
    take(desk, label=2)
    shown = Heard(desk.editor)
    desk.editor.apply_contour()
    desk.editor.step_level(1)
    assert desk.editor.contour is None  # its probabilities are read
    assert background.drain(TIMEOUT)
    contour = desk.editor.contour
    assert contour is not None
    assert (contour.label, contour.level, contour.change) == (2, 0.5, None)
    expected = expected_contour(desk, 2, 0.3)
    for level in (0.45, 0.4, 0.35, 0.3):
        desk.editor.step_level(-1)
        assert desk.editor.contour is not None
        assert desk.editor.contour.level == pytest.approx(level)
    assert len(shown["contour_changed"]) == 5
    assert_array_equal(mask_of(desk), before)
    assert titles(desk) == []
    desk.editor.apply_contour()
    assert desk.editor.contour is None
    assert (expected != before).any()
    assert_array_equal(mask_of(desk), expected)
    assert titles(desk) == ["grow region 1 to class 2 at 30 %"]
    # Up again: it shrinks.
    desk.editor.set_level(0.9)
    assert desk.editor.contour is not None
    assert (desk.editor.contour.grown, desk.editor.contour.shrunk) == (
        0,
        np.count_nonzero(expected == 2),
    )
    smaller = expected_contour(desk, 2, 0.9)
    desk.editor.apply_contour()
    assert_array_equal(mask_of(desk), smaller)
    desk.undo()
    desk.undo()
    assert_array_equal(mask_of(desk), before)


def test_a_contour_follows_class_reach_and_labels_and_goes_with_the_region(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    desk.editing = True
    take(desk, label=2, level=0.35)
    desk.editor.show_contour()
    assert background.drain(TIMEOUT)

    def contour() -> tuple[int, int, int]:
        found = desk.editor.contour
        assert found is not None
        return found.label, found.grown, found.shrunk

    label, grown, shrunk = contour()
    assert (label, shrunk) == (2, 0)
    assert grown > 0
    desk.editor.fill()
    assert contour() == (2, 0, 0)
    desk.undo()
    assert contour() == (2, grown, 0)
    take(desk, label=1)
    assert contour()[0] == 1
    take(desk, label=2, level=0.005)
    desk.editor.next_reach()
    assert contour()[1] == desk.editor.place.may_change.sum()  # type: ignore[union-attr]
    for _ in range(30):
        desk.editor.step_level(-1)
    assert desk.editor.options.level == pytest.approx(0.05)
    for _ in range(30):
        desk.editor.step_level(1)
    assert desk.editor.options.level == pytest.approx(0.95)
    desk.next()
    assert desk.editor.contour is None


def test_probabilities_come_too_late_or_damaged(
    desk: ReviewDesk, background: ThreadBackground, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.editing = True
    desk.editor.show_contour()
    desk.next()
    assert background.drain(TIMEOUT)
    assert desk.editor.contour is None

    def damaged(*_: object) -> None:
        raise StoreError("damaged: predict again")

    heard = Heard(desk)
    monkeypatch.setattr("napari_bayesseg.session.desk_editing.read_probability", damaged)
    desk.editing = True
    desk.editor.show_contour()
    assert background.drain(TIMEOUT)
    assert heard["failed"] == ["damaged: predict again"]
    assert desk.editor.contour is None


def test_a_label_that_is_no_class_has_no_contour(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    desk.editing = True
    heard = Heard(desk)
    take(desk, label=7)
    desk.editor.show_contour()
    assert background.drain(TIMEOUT)
    assert "no class of the model" in heard["notice"][0]
    desk.editor.fill()
    assert (mask_of(desk)[region_of(desk)] == 7).all()


def test_an_accepted_region_is_reopened_by_asking_twice(desk: ReviewDesk) -> None:
    desk.accept()
    desk.go_to(1)
    heard = Heard(desk)
    desk.editing = True
    assert not desk.editing
    assert heard["notice"] == ["region 1 is accepted and so protected: edit it again to reopen it"]
    desk.editing = True
    assert desk.editing
    assert desk.statuses[1] is Status.PENDING
    assert titles(desk) == ["accept region 1", "reopen region 1"]
    desk.undo()  # protected again
    assert not desk.editing
    assert desk.statuses[1] is Status.ACCEPTED


def test_accepted_neighbours_stay_as_they_are(
    open_desk: Callable[[Path], ReviewDesk], background: ThreadBackground, tmp_path: Path
) -> None:
    """Cubes two voxels apart: a neighbour lies in what the brush may reach."""
    result = write_places(tmp_path / "close.zarr", (2, 3, 3), side=3, pitch=4)
    begin_review(result)
    desk = open_desk(result.path)
    other = next(
        region
        for region in desk.table.regions
        if region.position[:2] == desk.table.regions[0].position[:2] and region.id != 1
    )
    desk.go_to(other.id)
    desk.accept()
    accepted = np.asarray(desk.table.region_labels) == other.id
    desk.go_to(1)
    desk.editing = True
    take(desk, label=2, level=0.05)
    for reach in BrushReach:
        take(desk, reach=reach)
        place = desk.editor.place
        assert place is not None
        assert not (place.may_change & accepted[place.box.slices]).any()
    before = mask_of(desk)
    desk.editor.show_contour()
    assert background.drain(TIMEOUT)
    desk.editor.apply_contour()
    desk.editor.smooth()
    after = mask_of(desk)
    assert_array_equal(after[accepted], before[accepted])
    assert (after != before).any()
    heard = Heard(desk)
    indices = tuple(np.argwhere(accepted).T)
    refused = desk.paint(indices, after[indices], 2)  # type: ignore[arg-type]
    assert refused.count == accepted.sum()
    assert heard["protection_hit"] == [other.id]
    assert f"region {other.id} is accepted" in heard["notice"][0]


def test_no_step_is_taken_while_many_regions_are_decided_about(
    desk: ReviewDesk, background: ThreadBackground, monkeypatch: pytest.MonkeyPatch
) -> None:
    import napari_bayesseg.session.desk_decisions as module

    go_on, read = threading.Event(), module.read_labels_to_be

    def slowly(*arguments: object) -> object:
        assert go_on.wait(TIMEOUT)
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "read_labels_to_be", slowly)
    before, heard = mask_of(desk), Heard(desk)
    desk.bulk("reject-above")
    assert desk.is_busy
    assert heard["busy_changed"] == [True]
    heard.forget()
    for step in (
        desk.accept,
        desk.reject,
        desk.undo,
        desk.reopen,
        lambda: desk.bulk("accept-below"),
    ):
        step()
    desk.editing = True
    assert desk.paint(([0], [0], [0]), [0], 1).count == 1
    assert heard.names == ["notice"] * 7
    assert set(heard["notice"]) == {"many regions are being decided about: a moment, please"}
    assert_array_equal(mask_of(desk), before)
    desk.next()  # looking about is free
    assert desk.current is not None
    assert desk.current.id == 2
    desk.release(0.12, 0.35)  # and so are the handles
    chosen = desk.queue.above(desk.settings.upper)
    go_on.set()
    assert background.drain(TIMEOUT)
    assert not desk.is_busy
    assert titles(desk) == [f"reject {len(chosen)} regions"]
    decided = [r for r in desk.table.regions if desk.queue.status(r.id) is Status.REJECTED]
    assert [region.position for region in decided] == [region.position for region in chosen]
    desk.undo()
    assert_array_equal(mask_of(desk), before)


def test_everything_is_one_history_across_restarts(
    open_desk: Callable[[Path], ReviewDesk], background: ThreadBackground, tmp_path: Path
) -> None:
    result = write_places(tmp_path / "r.zarr")
    begin_review(result)
    desk = open_desk(result.path)
    before = mask_of(desk)
    desk.editing = True
    take(desk, label=2, level=0.35)
    desk.editor.fill()
    desk.editor.smooth()
    desk.next()
    desk.reject()
    desk.editing = True
    desk.editor.show_contour()
    assert background.drain(TIMEOUT)
    desk.editor.apply_contour()
    z, y, x = desk.current.position  # type: ignore[union-attr]
    old = int(desk.review.mask.array[z, y, x])
    desk.review.mask.array[z, y, x] = 1
    assert desk.paint(([z], [y], [x]), [old], 1).count == 0
    desk.bulk("reject-above")
    assert background.drain(TIMEOUT)
    after, done = mask_of(desk), titles(desk)
    assert len(done) == 6
    desk.review.close()
    with Review.open(load_result(result.path)) as review:
        assert [operation.title for operation in review.history.applied] == done
        assert_array_equal(review.labels(), after)
        while review.undo():
            pass
        assert_array_equal(review.labels(), before)
        assert_array_equal(review.mask.array[...], before)
    with Review.open(load_result(result.path)) as review:
        while review.redo():
            pass
        assert_array_equal(review.labels(), after)
        assert_array_equal(review.mask.array[...], after)
