"""One threshold for the curves and the review."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.threshold_link import ThresholdLink
from tests.session.hearing import Heard
from tests.session.places import LOWER, MEASURE, UPPER
from tests.session.truths import truth_of


@pytest.fixture
def link_by(desk: ReviewDesk, background: ThreadBackground) -> Callable[[str], ThresholdLink]:
    """Judges the desk's result by a measure; returns the link."""

    def judge(measure: str) -> ThresholdLink:
        desk.evaluation.evaluate(truth_of(desk.result), measure)
        assert background.drain(60)
        return desk.evaluation.link

    return judge


def test_by_one_measure_it_is_the_reviews_lower_threshold(
    desk: ReviewDesk, link_by: Callable[[str], ThresholdLink]
) -> None:
    before = Heard(desk.evaluation.link)
    link = link_by(MEASURE)
    assert link.is_linked
    assert link.threshold == desk.settings.lower == pytest.approx(LOWER, abs=1e-3)
    assert before["link_changed"] == [True]
    assert before["threshold_changed"] == [link.threshold]
    assert [worth.threshold for worth in link.worths] == [link.threshold]


def test_moving_the_line_moves_the_review_and_comes_back_once(
    desk: ReviewDesk, background: ThreadBackground, link_by: Callable[[str], ThresholdLink]
) -> None:
    link = link_by(MEASURE)
    of_desk, of_link = Heard(desk), Heard(link)
    link.drag(0.12)
    link.drag(0.15)
    assert of_desk["thresholds_changed"] == [(0.12, UPPER), (0.15, UPPER)]
    assert of_link["threshold_changed"] == [0.12, 0.15]
    assert desk.settings.lower != 0.15  # regions are found when it is let go
    link.release(0.15)
    assert background.drain(60)
    assert desk.settings.lower == pytest.approx(0.15, abs=1e-3)
    assert link.threshold == desk.settings.lower
    assert len(of_desk["regions_changed"]) == 1


def test_moving_the_review_moves_the_line_once(
    desk: ReviewDesk, background: ThreadBackground, link_by: Callable[[str], ThresholdLink]
) -> None:
    link = link_by(MEASURE)
    of_link = Heard(link)
    desk.drag(0.2, UPPER)
    assert of_link["threshold_changed"] == [0.2]
    desk.drag(0.2, 0.3)  # the upper one is no business of the line
    assert of_link["threshold_changed"] == [0.2]
    desk.release(0.2, UPPER)
    assert background.drain(60)
    assert link.threshold == desk.settings.lower == pytest.approx(0.2, abs=1e-3)


def test_the_upper_threshold_gives_way_and_the_ends_hold(
    desk: ReviewDesk, background: ThreadBackground, link_by: Callable[[str], ThresholdLink]
) -> None:
    link = link_by(MEASURE)
    of_desk = Heard(desk)
    link.drag(0.37)
    link.drag(99.0)
    high = desk.source.bounds[1]
    assert of_desk["thresholds_changed"] == [(0.37, 0.37), (high, high)]
    link.release(0.37)
    assert background.drain(60)
    assert desk.settings.lower == pytest.approx(0.37, abs=1e-3)
    assert desk.settings.upper >= desk.settings.lower


def test_by_another_measure_it_moves_alone(
    desk: ReviewDesk, link_by: Callable[[str], ThresholdLink]
) -> None:
    link = link_by("expected_error")
    assert not link.is_linked
    (worth,) = link.worths
    assert worth.reviewed == pytest.approx(0.05, abs=0.005)  # what a look at 5 % is worth
    of_desk, of_link = Heard(desk), Heard(link)
    link.drag(0.3)
    link.release(0.3)
    desk.drag(0.11, UPPER)
    assert of_link["threshold_changed"] == [0.3]
    assert of_desk.names == ["thresholds_changed"]


@pytest.mark.parametrize("moved", [False, True])
def test_the_review_can_go_over_to_the_measure_of_the_curves(
    desk: ReviewDesk,
    background: ThreadBackground,
    link_by: Callable[[str], ThresholdLink],
    moved: bool,
) -> None:
    link = link_by("expected_error")
    if moved:
        link.release(0.35)
    heard = Heard(link)
    link.use_in_review()
    assert background.drain(60)
    assert heard["link_changed"][0] is True
    assert link.is_linked
    assert link.measure == link.review_measure == "expected_error"
    assert link.threshold == desk.settings.lower
    if moved:  # where the person had put it
        assert link.threshold == pytest.approx(0.35, abs=1e-3)
    desk.set_measure(MEASURE)
    assert background.drain(60)
    assert heard["link_changed"][-1] is False


def test_after_closing_the_review_nothing_is_told(
    desk: ReviewDesk, link_by: Callable[[str], ThresholdLink]
) -> None:
    link = link_by(MEASURE)
    heard = Heard(link)
    link.close()
    desk.drag(0.2, UPPER)
    assert heard.names == []
