"""A desk's result, judged in the background."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_bayesseg.core.volume import Volume
from napari_bayesseg.evaluation import evaluate as evaluation_module
from napari_bayesseg.evaluation.evaluate import evaluate
from napari_bayesseg.io.writers import write_volume
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.evaluated import Truth
from tests.session.hearing import Heard
from tests.session.places import MEASURE, write_places
from tests.session.truths import truth_labels, truth_of, write_guess


@pytest.fixture
def judged(
    desk: ReviewDesk, background: ThreadBackground
) -> Callable[..., tuple[ReviewDesk, Heard]]:
    """Judges the desk's result; returns it and what was heard."""

    def judge(measure: str = MEASURE, ignore: int | None = None) -> tuple[ReviewDesk, Heard]:
        heard = Heard(desk.evaluation)
        desk.evaluation.evaluate(truth_of(desk.result), measure, ignore)
        assert background.drain(60)
        return desk, heard

    return judge


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Write down which results are judged from now on."""
    names: list[str] = []

    def count(result: Any, *arguments: Any, **options: Any) -> Any:
        names.append(result.path.name)
        return evaluate(result, *arguments, **options)

    monkeypatch.setattr(evaluation_module, "evaluate", count)
    return names


def test_the_scores_are_those_of_the_evaluation(judged: Callable[..., Any]) -> None:
    desk, heard = judged(ignore=1)
    (one,) = desk.evaluation.evaluated
    labels = Volume.from_array(truth_labels(desk.result), desk.result.geometry)
    plain = evaluate(desk.result, labels, measure=MEASURE, ignore_label=1, name="r", case="made")
    assert json.dumps(one.evaluation.as_json()) == json.dumps(plain.as_json())
    assert (one.name, one.measure) == ("r", MEASURE)
    assert heard["changed"] == [(one,)]
    assert heard["busy_changed"] == [True, False]
    assert heard["progressed"] == sorted(heard["progressed"])
    assert heard["progressed"][-1] == 1.0
    assert heard["failed"] == []
    assert heard.threads == {threading.get_ident()}


def test_another_measure_is_looked_at_without_judging_again(
    judged: Callable[..., Any], background: ThreadBackground, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, _ = judged()
    names = counted(monkeypatch)
    desk.evaluation.set_measure("expected_error")
    (one,) = desk.evaluation.evaluated
    assert one.curves == one.evaluation.curves_of("expected_error")
    assert names == []
    # An excess is not in what was looked at.
    desk.evaluation.set_measure(f"{MEASURE}_excess")
    assert background.drain(60)
    assert names == ["r.zarr"]
    assert desk.evaluation.measure == f"{MEASURE}_excess"
    assert desk.evaluation.measures == (
        MEASURE, "expected_error", f"{MEASURE}_excess", "expected_error_excess",
    )  # fmt: skip


def test_a_result_beside_it_is_judged_alone_and_stays(
    judged: Callable[..., Any],
    background: ThreadBackground,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    desk, heard = judged()
    names = counted(monkeypatch)
    guess = write_guess(tmp_path / "guess.zarr", desk.result)
    desk.evaluation.add(guess.path)
    assert background.drain(60)
    assert names == ["guess.zarr"]
    first, second = desk.evaluation.evaluated
    assert (first.name, second.name) == ("r", "guess")
    assert first.evaluation.error_auroc > 0.9
    assert second.evaluation.error_auroc == pytest.approx(0.5, abs=0.1)
    desk.evaluation.add(guess.path)
    assert "is there already" in heard["failed"][-1]
    desk.evaluation.evaluate(truth_of(desk.result), MEASURE)
    assert background.drain(60)
    assert names == ["guess.zarr", "r.zarr", "guess.zarr"]
    desk.evaluation.clear_others()
    assert [one.name for one in desk.evaluation.evaluated] == ["r"]
    assert heard["changed"][-1] == desk.evaluation.evaluated


def test_results_of_one_name_are_told_apart(
    judged: Callable[..., Any], background: ThreadBackground, tmp_path: Path
) -> None:
    desk, _ = judged()
    (tmp_path / "other").mkdir()
    desk.evaluation.add(write_guess(tmp_path / "other" / "r.zarr", desk.result).path)
    assert background.drain(60)
    names = [one.name for one in desk.evaluation.evaluated]
    assert names == [f"{tmp_path.name}/r", "other/r"]


def test_what_does_not_fit_is_told_in_one_line_and_changes_nothing(
    judged: Callable[..., Any], background: ThreadBackground, tmp_path: Path
) -> None:
    desk, heard = judged()
    former = desk.evaluation.evaluated
    smaller = write_places(tmp_path / "small.zarr", (1, 3, 3))
    desk.evaluation.add(smaller.path)
    assert background.drain(60)
    assert "labels must have the shape" in heard["failed"][-1]
    desk.evaluation.evaluate(Truth("gone", path=tmp_path / "gone.tif"), MEASURE)
    assert background.drain(60)
    assert "gone.tif" in heard["failed"][-1]
    assert desk.evaluation.evaluated is former
    assert not desk.evaluation.is_busy


def test_the_truth_may_be_a_file_or_the_reviewed_mask(
    desk: ReviewDesk, background: ThreadBackground, tmp_path: Path
) -> None:
    path = tmp_path / "truth.ome.tif"
    write_volume(path, truth_labels(desk.result), desk.result.geometry)
    desk.evaluation.evaluate(Truth("truth", path=path), MEASURE)
    assert background.drain(60)
    from_file = desk.evaluation.evaluated[0].evaluation
    assert 0 < from_file.accuracy < 1
    reviewed = desk.evaluation.reviewed_truth()
    np.testing.assert_array_equal(reviewed.open().data, desk.review.labels())
    desk.evaluation.evaluate(reviewed, MEASURE)
    assert background.drain(60)
    assert desk.evaluation.evaluated[0].evaluation.accuracy == 1.0


class Gate:
    """Lets the first evaluation wait in the middle."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waits, self.opened, self.ended = (threading.Event() for _ in range(3))
        self.raised: list[BaseException] = []
        monkeypatch.setattr(evaluation_module, "evaluate", self._evaluate)

    def _evaluate(self, *arguments: Any, progress: Callable[[float], None], **options: Any) -> Any:
        def held(share: float) -> None:
            self.waits.set()
            assert self.opened.wait(30)
            progress(share)

        try:
            return evaluate(*arguments, progress=held, **options)
        except BaseException as error:
            self.raised.append(error)
            raise
        finally:
            self.ended.set()


def test_a_newer_question_takes_the_place_of_an_older_one(
    desk: ReviewDesk, background: ThreadBackground, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, heard = Gate(monkeypatch), Heard(desk.evaluation)
    desk.evaluation.evaluate(truth_of(desk.result), MEASURE)
    assert gate.waits.wait(30)
    desk.evaluation.evaluate(truth_of(desk.result), "expected_error")
    gate.opened.set()
    assert background.drain(60)
    assert [change[0].measure for change in heard["changed"]] == ["expected_error"]
    assert len(gate.raised) == 1  # the older one ended early
    assert heard["failed"] == []


def test_cancelling_keeps_what_was_there(
    judged: Callable[..., Any], background: ThreadBackground, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, heard = judged()
    former, gate = desk.evaluation.evaluated, Gate(monkeypatch)
    heard.forget()
    desk.evaluation.evaluate(truth_of(desk.result), "expected_error")
    assert gate.waits.wait(30)
    assert desk.evaluation.is_judging
    desk.evaluation.cancel()
    assert not desk.evaluation.is_judging
    gate.opened.set()
    assert background.drain(60)
    assert desk.evaluation.evaluated is former
    assert heard.names == ["busy_changed", "busy_changed"]


def test_closing_the_review_ends_it_without_a_word(
    desk: ReviewDesk, background: ThreadBackground, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, heard = Gate(monkeypatch), Heard(desk.evaluation)
    desk.evaluation.evaluate(truth_of(desk.result), MEASURE)
    assert gate.waits.wait(30)
    heard.forget()
    desk.close()
    gate.opened.set()
    assert gate.ended.wait(30)
    assert background.drain(60)
    assert heard.names == []


def test_the_report_holds_all_results_by_the_measure_that_is_looked_at(
    judged: Callable[..., Any], background: ThreadBackground, tmp_path: Path
) -> None:
    desk, heard = judged()
    desk.evaluation.add(write_guess(tmp_path / "guess.zarr", desk.result).path)
    assert background.drain(60)
    desk.evaluation.set_measure("expected_error")
    folder = tmp_path / "report"
    desk.evaluation.save(folder)
    assert background.drain(60)
    assert heard["notice"] == ["report: report.html and report.json written"]
    assert (folder / "report.html").stat().st_size > 1000
    written = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert [entry["name"] for entry in written["results"]] == ["r", "guess"]
    (first, _) = desk.evaluation.evaluated
    scores = first.evaluation.scores("expected_error")
    assert written["results"][0]["measure"] == "expected_error"
    assert written["results"][0]["error_auroc"] == pytest.approx(scores.error_auroc)
    desk.evaluation.save(folder)  # nothing is replaced without a word
    assert background.drain(60)
    assert "holds a report already" in heard["failed"][-1]
    desk.evaluation.clear_others()


def test_nothing_to_add_to_or_to_report_is_said(desk: ReviewDesk, tmp_path: Path) -> None:
    heard = Heard(desk.evaluation)
    desk.evaluation.add(tmp_path / "other.zarr")
    desk.evaluation.save(tmp_path / "report")
    assert ["first" in line for line in heard["failed"]] == [True, True]
