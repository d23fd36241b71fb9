"""Leafing through the draws of regions: what is made when, shown when, and dropped when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.inference.result import Result
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Status
from napari_bayesseg.session import desk_draws
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.desk import ReviewDesk
from tests.session.hearing import Heard
from tests.session.members import import_members, made_members
from tests.session.places import begin_review

TIMEOUT = 60
MEMBERS = made_members()
DRAWS = len(MEMBERS)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Every draw that is made from now on: box and index."""
    found: list[tuple[str, int]] = []
    draws = Result.draws

    def watched(self: Result, indices: Any, roi: Any = None) -> Iterator[np.ndarray]:
        wanted = tuple(indices)
        for index, values in zip(wanted, draws(self, wanted, roi), strict=True):
            found.append((str(roi), index))
            yield values

    monkeypatch.setattr(Result, "draws", watched)
    monkeypatch.setattr(desk_draws, "_REST_S", 0.0)
    return found


@pytest.fixture
def desk(
    made: list[tuple[str, int]], open_desk: Callable[[Path], ReviewDesk], tmp_path: Path
) -> ReviewDesk:
    """A review of 18 cubes in which five imported members disagree."""
    result = import_members(tmp_path, MEMBERS)
    begin_review(result, lower=0.02, upper=0.1, min_voxels=5)
    desk = open_desk(result.path)
    assert len(desk.table.regions) == 18
    return desk


def boxes(made: list[tuple[str, int]]) -> list[str]:
    return list(dict.fromkeys(box for box, _ in made))


def test_nothing_is_made_before_it_is_asked_for(
    desk: ReviewDesk, background: ThreadBackground, made: list[tuple[str, int]]
) -> None:
    desk.accept()
    desk.next()
    assert background.drain(TIMEOUT)
    assert made == []
    assert desk.draws.draws is None


def test_draws_come_one_by_one_and_the_first_is_shown(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    heard = Heard(desk.draws)
    desk.draws.flip(1)
    assert desk.draws.is_running
    assert background.drain(TIMEOUT)
    assert not desk.draws.is_running
    counts = [len(draws.draws) for draws in heard["draws_changed"]]
    assert counts == [0, 1, 2, 3, 4, 5]
    assert heard["index_changed"] == [1]
    draws = desk.draws.draws
    assert draws is not None
    for t, draw in enumerate(draws.draws):
        np.testing.assert_array_equal(draw.labels, MEMBERS[t].argmax(0)[draws.box.slices])


def test_leafing_goes_round_through_the_label(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    desk.draws.show()
    assert background.drain(TIMEOUT)
    seen = []
    for _ in range(DRAWS + 2):
        desk.draws.flip(1)
        seen.append(desk.draws.index)
    assert seen == [1, 2, 3, 4, 5, 0, 1]
    desk.draws.flip(-1)
    desk.draws.flip(-1)
    assert desk.draws.index == DRAWS
    desk.draws.go_to(3)
    with pytest.raises(SettingsError, match="5 that are there"):
        desk.draws.go_to(DRAWS + 1)
    desk.accept()
    assert desk.draws.index == 0


def test_a_decision_that_stays_leaves_the_draw(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    desk.draws.flip(1)
    assert background.drain(TIMEOUT)
    desk.accept()
    desk.previous()
    desk.draws.go_to(2)
    desk.reopen()
    assert desk.draws.index == 0


def test_the_next_region_is_made_ahead_and_no_other(
    desk: ReviewDesk, background: ThreadBackground, made: list[tuple[str, int]]
) -> None:
    desk.draws.follows = True
    assert background.drain(TIMEOUT)
    following = desk.queue.next()
    assert following is not None
    assert len(boxes(made)) == 2
    assert len(made) == len(set(made)) == 2 * DRAWS
    desk.accept()
    assert desk.current == following
    draws = desk.draws.draws
    assert draws is not None
    assert draws.is_complete  # at once
    assert background.drain(TIMEOUT)
    assert len(made) == len(set(made)) == 3 * DRAWS
    desk.draws.follows = False
    desk.accept()
    assert background.drain(TIMEOUT)
    assert len(made) == 3 * DRAWS


def test_who_moves_on_supersedes_and_comes_back_to_what_was_made(
    desk: ReviewDesk, background: ThreadBackground, made: list[tuple[str, int]]
) -> None:
    first = desk.current
    assert first is not None
    heard = Heard(desk.draws)
    desk.draws.flip(1)
    assert background.drain_until(lambda: len(heard["draws_changed"]) == 3, TIMEOUT)
    desk.next()
    assert background.drain(TIMEOUT)
    late = [draws for draws in heard["draws_changed"][3:] if draws is not None]
    assert all(draws.region != first for draws in late)
    desk.previous()
    draws = desk.draws.draws
    assert draws is not None
    assert len(draws.draws) == 2
    desk.draws.show()
    assert background.drain(TIMEOUT)
    assert desk.draws.draws is not None
    assert desk.draws.draws.is_complete
    # At most the one that was under way when the person left is made twice.
    assert len(made) <= DRAWS + DRAWS - 2


def test_regions_that_are_long_left_are_forgotten(
    desk: ReviewDesk, background: ThreadBackground, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.draws.show()
    assert background.drain(TIMEOUT)
    first = desk.draws.draws
    assert first is not None
    monkeypatch.setattr(desk_draws, "_CACHE_BYTES", 2 * first.num_bytes)
    for _ in range(3):
        desk.next()
        desk.draws.show()
        assert background.drain(TIMEOUT)
    desk.go_to(first.region.id)
    assert desk.draws.draws is None


def test_other_thresholds_forget_all(desk: ReviewDesk, background: ThreadBackground) -> None:
    desk.draws.flip(1)
    assert background.drain(TIMEOUT)
    desk.release(0.03, 0.1)
    assert background.drain(TIMEOUT)
    assert desk.draws.draws is None
    assert desk.draws.index == 0


def test_members_that_are_gone_are_told_and_the_classes_stay(
    desk: ReviewDesk,
    background: ThreadBackground,
    made: list[tuple[str, int]],
    open_desk: Callable[[Path], ReviewDesk],
    tmp_path: Path,
) -> None:
    (tmp_path / "members.npy").rename(tmp_path / "away.npy")
    desk.draws.flip(1)
    assert background.drain(TIMEOUT)
    assert "members.npy" in desk.draws.message
    assert "\n" not in desk.draws.message
    draws = desk.draws.draws
    assert draws is not None
    assert draws.draws == ()
    desk.draws.toggle_runner_up()
    desk.next()
    assert background.drain(TIMEOUT)
    assert "members.npy" in desk.draws.message
    assert desk.draws.draws is not None
    (tmp_path / "away.npy").rename(tmp_path / "members.npy")
    desk.draws.flip(1)
    assert background.drain(TIMEOUT)
    assert desk.draws.message == ""
    assert desk.draws.index == 1


def test_the_runner_up_needs_no_draw(
    desk: ReviewDesk, background: ThreadBackground, made: list[tuple[str, int]]
) -> None:
    heard = Heard(desk.draws)
    desk.draws.toggle_runner_up()
    assert background.drain(TIMEOUT)
    draws = desk.draws.draws
    assert draws is not None
    expected = MEMBERS.mean(axis=0)[(slice(None), *draws.box.slices)].argsort(axis=0)[-2]
    np.testing.assert_array_equal(draws.runner_up[draws.inside], expected[draws.inside])
    assert made == []
    assert heard["runner_up_changed"] == [True]
    desk.accept()
    assert background.drain(TIMEOUT)
    assert desk.draws.draws is not None
    assert made == []


def test_one_member_has_nothing_to_disagree_with(
    made: list[tuple[str, int]],
    open_desk: Callable[[Path], ReviewDesk],
    background: ThreadBackground,
    tmp_path: Path,
) -> None:
    result = import_members(tmp_path, MEMBERS[:1])
    with Review.open(result) as review:
        review.set_settings(RegionSettings("predictive_entropy", 0.2, 1.0))
    desk = open_desk(result.path)
    desk.draws.flip(1)
    assert background.drain(TIMEOUT)
    assert "one draw" in desk.draws.message
    assert desk.draws.index == 0
    assert made == []


def test_closing_leaves_nothing_behind(desk: ReviewDesk, background: ThreadBackground) -> None:
    heard = Heard(desk.draws)
    desk.draws.follows = True
    desk.close()
    assert background.drain(TIMEOUT)
    assert heard["draws_changed"] == []


def test_a_draw_is_taken_over_as_one_step(desk: ReviewDesk, background: ThreadBackground) -> None:
    heard = Heard(desk)
    first = desk.current
    assert first is not None
    desk.take_draw()
    assert heard["notice"][-1] == "show a draw of this region first, see the page Draws"
    desk.draws.flip(1)
    assert background.drain(TIMEOUT)
    draws = desk.draws.draws
    assert draws is not None
    inside = np.asarray(desk.table.region_labels[draws.box.slices]) == first.id
    before = desk.review.labels()
    differing = [
        draw.index + 1 for draw in draws.draws if (draw.labels != draws.predicted)[inside].any()
    ]
    desk.draws.go_to(differing[0])
    desk.take_draw()
    after = desk.review.labels()
    expected = before.copy()
    expected[draws.box.slices][inside] = draws.draws[differing[0] - 1].labels[inside]
    np.testing.assert_array_equal(after, expected)
    assert (after != before).any()
    assert desk.queue.status(first.id) is Status.EDITED
    assert desk.current is not None
    assert desk.current.id != first.id
    (operation,) = desk.review.history.applied
    assert operation.title == f"take draw {differing[0]} in region {first.id}"
    assert operation.tool == "draw"
    desk.undo()
    np.testing.assert_array_equal(desk.review.labels(), before)
    assert desk.current == first
    desk.set_preferences(desk.preferences.model_copy(update={"goes_on": False}))
    desk.draws.go_to(differing[0])
    desk.take_draw()
    np.testing.assert_array_equal(desk.review.labels(), expected)
    assert desk.current == first


def test_what_is_accepted_takes_no_draw(desk: ReviewDesk, background: ThreadBackground) -> None:
    heard = Heard(desk)
    first = desk.current
    assert first is not None
    desk.accept()
    desk.go_to(first.id)
    desk.draws.flip(1)
    assert background.drain(TIMEOUT)
    desk.draws.go_to(1)
    before = desk.review.sequence
    desk.take_draw()
    assert "accepted and so protected" in heard["notice"][-1]
    assert desk.review.sequence == before
