from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.result import Result
from napari_bayesseg.review.review import Review
from napari_bayesseg.session import session as session_module
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.prediction import PredictionRequest
from napari_bayesseg.session.session import Session
from tests.session.conftest import our_threads
from tests.session.hearing import Heard
from tests.session.places import begin_review, write_places

TIMEOUT = 60


@pytest.fixture
def result(tmp_path: Path) -> Result:
    result = write_places(tmp_path / "r.zarr")
    begin_review(result)
    return result


@pytest.mark.parametrize("kind", ["path", "text", "result"])
def test_a_result_is_opened_for_review(
    session: Session, background: ThreadBackground, result: Result, kind: str
) -> None:
    heard = Heard(session)
    given = {"path": result.path, "text": str(result.path), "result": result}[kind]
    session.open_result(given)
    assert session.is_busy
    assert session.desk is None
    assert background.drain(TIMEOUT)
    assert heard.names == ["busy_changed", "result_changed", "desk_changed", "busy_changed"]
    assert heard.threads == {threading.get_ident()}
    assert heard["desk_changed"] == [session.desk]
    assert session.desk is not None
    assert session.result is session.desk.result
    assert len(session.desk.table.regions) == 18


def test_what_can_not_be_opened_is_told(
    session: Session, background: ThreadBackground, tmp_path: Path
) -> None:
    heard = Heard(session)
    session.open_result(tmp_path / "absent.zarr")
    assert background.drain(TIMEOUT)
    assert "no such result" in heard["failed"][0]
    assert session.desk is None
    assert heard["busy_changed"] == [True, False]


def test_opening_another_result_closes_the_first(
    session: Session, background: ThreadBackground, result: Result, tmp_path: Path
) -> None:
    session.open_result(result)
    assert background.drain(TIMEOUT)
    heard = Heard(session)
    other = write_places(tmp_path / "other.zarr")
    session.open_result(other)
    assert heard["desk_changed"] == [None]
    assert background.drain(TIMEOUT)
    assert session.result is other
    review = Review.open(result)
    assert not review.read_only
    review.close()


def test_only_the_last_of_many_openings_counts_and_the_others_are_released(
    session: Session, background: ThreadBackground, result: Result, tmp_path: Path
) -> None:
    heard = Heard(session)
    other = write_places(tmp_path / "other.zarr")
    for given in (result, other, result, other, result):
        session.open_result(given)
    assert background.drain(TIMEOUT)
    assert len(heard["desk_changed"]) == 1
    assert session.result is result
    assert session.desk is not None
    assert not session.desk.read_only
    review = Review.open(other)
    assert not review.read_only
    review.close()


def test_closing_while_a_result_is_opened_releases_it(
    session: Session,
    background: ThreadBackground,
    result: Result,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, release = threading.Event(), threading.Event()
    open_review = session_module.open_review

    def held(*arguments: object) -> object:
        begun.set()
        assert release.wait(TIMEOUT)
        return open_review(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(session_module, "open_review", held)
    session.open_result(result)
    heard = Heard(session)
    assert begun.wait(TIMEOUT)
    monkeypatch.setattr(background, "close", _releasing(background.close, release))
    session.close()
    assert heard.names == []
    assert our_threads() == []
    review = Review.open(result)
    assert not review.read_only
    review.close()


def _releasing(close: Callable[[float], bool], release: threading.Event) -> Callable[..., bool]:
    def closing(timeout: float) -> bool:
        release.set()
        return close(timeout)

    return closing


def test_closing_saves_the_place_and_says_nothing_more(result: Result, tmp_path: Path) -> None:
    background = ThreadBackground()
    session = Session(background)
    session.open_result(result)
    assert background.drain(TIMEOUT)
    desk = session.desk
    assert desk is not None
    desk.reject()
    desk.next()
    place, mask = desk.current, desk.review.labels()
    heard, heard_desk = Heard(session), Heard(desk)
    session.close()
    session.close()
    assert heard.names == heard_desk.names == []
    assert our_threads() == []
    background = ThreadBackground()
    again = Session(background)
    again.open_result(result.path)
    assert background.drain(TIMEOUT)
    assert again.desk is not None
    assert again.desk.current == place
    np.testing.assert_array_equal(again.desk.review.labels(), mask)
    again.close()


def test_a_review_in_another_hand_is_told(
    session: Session, background: ThreadBackground, result: Result
) -> None:
    holder = Review.open(result)
    notices: list[str] = []

    def follow(desk: ReviewDesk | None) -> None:
        if desk is not None:
            desk.notice.connect(notices.append)

    session.desk_changed.connect(follow)
    session.open_result(result)
    assert background.drain(TIMEOUT)
    assert session.desk is not None
    assert session.desk.read_only
    assert notices == [session.desk.review.notice]
    holder.close()


def test_a_review_begins_from_another_mask(
    session: Session, background: ThreadBackground, tmp_path: Path
) -> None:
    result = write_places(tmp_path / "r.zarr")
    start = np.full(result.spec.shape, 2, np.uint8)
    session.open_result(result, start=Volume.from_array(start, result.geometry))
    assert background.drain(TIMEOUT)
    assert session.desk is not None
    np.testing.assert_array_equal(session.desk.review.labels(), start)


def test_a_prediction_is_reviewed_and_made_again(
    session: Session, background: ThreadBackground, scan: Volume, model: Path, tmp_path: Path
) -> None:
    settings = InferenceSettings.checked(num_samples=2, block_shape=(8, 16, 16))
    request = PredictionRequest(scan, str(model), tmp_path / "r.zarr", settings)
    results: list[Result] = []
    session.prediction.ended.connect(lambda outcome: results.append(outcome.result))
    session.prediction.run(request)
    assert background.drain(TIMEOUT)
    session.open_result(results[0])
    assert background.drain(TIMEOUT)
    assert session.desk is not None
    assert session.result is not None
    assert session.result.draw(0, "0:2,0:2,0:2").shape == (3, 2, 2, 2)
    label = int(session.desk.review.labels()[0, 0, 0])
    session.desk.paint(([0], [0], [0]), [label], (label + 1) % 3)
    again = InferenceSettings.checked(num_samples=3, block_shape=(8, 16, 16))
    heard = Heard(session)
    session.prediction.run(
        PredictionRequest(scan, str(model), tmp_path / "r.zarr", again, overwrite=True)
    )
    assert background.drain(TIMEOUT)
    assert heard["desk_changed"] == [None]  # its result is being replaced
    session.open_result(results[1])
    assert background.drain(TIMEOUT)
    assert session.desk is not None
    assert session.desk.review.notice
    assert len(session.desk.review.history.applied) == 1


def test_probabilities_made_elsewhere_are_imported_and_opened(
    session: Session, background: ThreadBackground, result: Result, tmp_path: Path
) -> None:
    session.open_result(result)
    assert background.drain(TIMEOUT)
    heard = Heard(session)
    rng = np.random.default_rng(0)
    members = []
    for index in range(3):
        logits = rng.normal(size=(3, 8, 12, 12))
        softmax = np.exp(logits) / np.exp(logits).sum(axis=0)
        members.append(tmp_path / f"{index}.npy")
        np.save(members[-1], softmax.astype(np.float32))
    session.import_probabilities([tmp_path / "absent.npy"], tmp_path / "i.zarr")
    assert background.drain(TIMEOUT)
    assert len(heard["failed"]) == 1
    assert session.result is result  # what can't be imported takes nothing away
    session.import_probabilities(members, tmp_path / "i.zarr")
    assert background.drain(TIMEOUT)
    assert session.result is not None
    assert session.result.path == tmp_path / "i.zarr"
    assert heard["busy_changed"] == [True, False] * 2
    memory = Volume.from_array(np.zeros((8, 12, 12), np.uint8), result.geometry)
    session.import_probabilities(members, tmp_path / "j.zarr", memory)
    assert background.drain(TIMEOUT)
    assert session.result.geometry == result.geometry
    session.import_probabilities(members, tmp_path / "j.zarr", memory, overwrite=True)
    assert background.drain_until(lambda: session.desk is None, TIMEOUT)  # it is being replaced
    assert background.drain(TIMEOUT)
    assert session.desk is not None


def test_closing_during_a_prediction_leaves_no_thread(
    scan: Volume, model: Path, tmp_path: Path
) -> None:
    background = ThreadBackground()
    session = Session(background)
    settings = InferenceSettings.checked(num_samples=4, block_shape=(8, 8, 8))
    heard = Heard(session.prediction)
    session.prediction.run(PredictionRequest(scan, str(model), tmp_path / "r.zarr", settings))
    assert background.drain_until(lambda: bool(heard["block_written"]), TIMEOUT)
    session.close()
    assert our_threads() == []
    assert heard["ended"] == []
