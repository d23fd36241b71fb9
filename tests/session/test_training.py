from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.networks.checkpoint import load_card
from napari_bayesseg.session import pace, training_worker
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.prediction import PredictionRequest
from napari_bayesseg.session.session import Session
from napari_bayesseg.session.training import (
    Training,
    TrainingFolders,
    TrainingOutcome,
    TrainingRequest,
)
from napari_bayesseg.training.pairs import TrainingPair
from napari_bayesseg.training.progress import Progress
from napari_bayesseg.training.saved_state import state_folder
from napari_bayesseg.training.scribbles import UNLABELLED
from tests.session.conftest import our_threads
from tests.session.hearing import Heard
from tests.session.test_prediction import SETTINGS as INFERENCE
from tests.training.cases import tiny_case, tiny_settings, write_pairs

TIMEOUT = 60
STEPS = 8


def pair(name: str = "case", seed: int = 0, *, painted: bool = False) -> TrainingPair:
    case = tiny_case(name, seed=seed)
    labels = np.asarray(case.labels)
    if painted:  # one column of each class, as 1 and 2
        scribbles = np.zeros(labels.shape, np.uint8)
        scribbles[4, :, 3] = labels[4, :, 3] + 1
        labels = scribbles
    volume = Volume.from_array(100 + 10 * case.image, case.geometry, name=name)
    return TrainingPair(name, volume, Volume.from_array(labels, case.geometry, name="labels"))


@pytest.fixture(autouse=True)
def lowered(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """One thread for so small a network, in the priority of the tests."""
    names: list[str] = []
    monkeypatch.setattr(training_worker, "lower_priority", lambda: names.append("training"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield names
    torch.set_num_threads(threads)


@pytest.fixture
def training(background: ThreadBackground) -> Training:
    return Training(background)


@pytest.fixture
def heard(training: Training) -> Heard:
    return Heard(training)


@pytest.fixture
def request_(tmp_path: Path) -> TrainingRequest:
    settings = tiny_settings(steps=STEPS, num_validation=1)
    pairs = tuple(pair(f"s{seed}", seed) for seed in range(3))
    return TrainingRequest(pairs, tmp_path / "model", settings, title="Slabs", origin="made")


def outcome_of(heard: Heard) -> TrainingOutcome:
    (outcome,) = heard["ended"]
    assert isinstance(outcome, TrainingOutcome)
    return outcome


def told(heard: Heard) -> list[Progress]:
    return [now for steps in heard["progressed"] for now in steps]


def test_a_training_tells_its_steps_and_leaves_a_model(
    background: ThreadBackground,
    training: Training,
    heard: Heard,
    request_: TrainingRequest,
    lowered: list[str],
) -> None:
    training.run(request_)
    assert (training.state, training.is_running) == ("starting", True)
    assert background.drain(TIMEOUT)
    assert lowered == ["training"]
    assert heard.threads == {threading.get_ident()}
    assert heard["state_changed"] == ["starting", "running", "idle"]
    assert [name for name in heard.names if name in ("begun", "ended")] == ["begun", "ended"]
    assert [now.step for now in told(heard)] == [*range(1, STEPS + 1)]
    checks = [now.step for now in told(heard) if now.validation is not None]
    assert checks == [2, 4, 6, 8]
    outcome = outcome_of(heard)
    assert (outcome.kind, outcome.message, outcome.folder) == ("done", "", request_.out)
    assert outcome.card == load_card(request_.out)
    assert outcome.card.title == "Slabs"
    assert outcome.card.data == "made"
    assert outcome.card.scores["scans"] == ["s2"]


def test_what_is_told_often_is_told_together(
    background: ThreadBackground,
    training: Training,
    heard: Heard,
    request_: TrainingRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pace, "_REST_S", 1e9)
    training.run(request_)
    assert background.drain(TIMEOUT)
    assert [len(steps) for steps in heard["progressed"]] == [1, STEPS - 1]


def test_a_cancelled_training_goes_on_to_the_same_model(
    background: ThreadBackground,
    training: Training,
    heard: Heard,
    request_: TrainingRequest,
    tmp_path: Path,
) -> None:
    training.run(replace(request_, out=tmp_path / "straight"))
    assert background.drain(TIMEOUT)
    straight = load_card(tmp_path / "straight").weights_sha256
    heard.forget()
    training.run(request_)
    assert background.drain_until(lambda: bool(heard["progressed"]), TIMEOUT)
    training.cancel()
    assert training.state == "cancelling"
    assert background.drain(TIMEOUT)
    done = told(heard)[-1].step
    assert 1 <= done < STEPS
    assert outcome_of(heard).kind == "cancelled"
    assert "goes on" in outcome_of(heard).message
    assert state_folder(request_.out).is_dir()
    assert not request_.out.exists()
    heard.forget()
    training.run(request_)
    assert background.drain(TIMEOUT)
    assert outcome_of(heard).kind == "done"
    assert told(heard)[0].step == done + 1
    assert load_card(request_.out).weights_sha256 == straight
    assert not state_folder(request_.out).exists()


def test_scribbles_are_learnt_from_as_classes_from_0(
    background: ThreadBackground, training: Training, heard: Heard, tmp_path: Path
) -> None:
    settings = tiny_settings(steps=STEPS, num_validation=0, class_names=("dark", "bright"))
    request = TrainingRequest(
        (pair(painted=True),), tmp_path / "model", settings, is_scribbled=True
    )
    training.run(request)
    assert background.drain(TIMEOUT)
    card = outcome_of(heard).card
    assert card is not None
    assert card.class_names == ("dark", "bright")
    assert card.training["settings"]["data"]["ignore_label"] == UNLABELLED
    assert card.scores == {}
    # Without being told so, label 2 makes three classes of them.
    heard.forget()
    training.run(replace(request, out=tmp_path / "other", is_scribbled=False))
    assert background.drain(TIMEOUT)
    assert "class_names names 2 classes" in outcome_of(heard).message


def test_folders_are_trained_on(
    background: ThreadBackground,
    training: Training,
    heard: Heard,
    request_: TrainingRequest,
    tmp_path: Path,
) -> None:
    scans, labels = write_pairs(tmp_path / "data")
    training.run(replace(request_, data=TrainingFolders(scans, labels)))
    assert background.drain(TIMEOUT)
    assert outcome_of(heard).kind == "done"
    assert load_card(request_.out).scores["scans"] == ["s2"]


def test_what_a_person_can_mend_is_told_in_one_line(
    background: ThreadBackground,
    training: Training,
    heard: Heard,
    request_: TrainingRequest,
    tmp_path: Path,
) -> None:
    training.run(replace(request_, data=TrainingFolders(tmp_path / "a", tmp_path / "b")))
    assert background.drain(TIMEOUT)
    outcome = outcome_of(heard)
    assert outcome.kind == "failed"
    assert "no such folder" in outcome.message
    assert "\n" not in outcome.message
    assert training.state == "idle"


def test_a_missing_library_is_told_with_its_remedy(
    background: ThreadBackground,
    training: Training,
    heard: Heard,
    request_: TrainingRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "napari_bayesseg.training.train", raising=False)
    monkeypatch.delitem(sys.modules, "napari_bayesseg.training.loop", raising=False)
    monkeypatch.delitem(sys.modules, "napari_bayesseg.training.run", raising=False)
    monkeypatch.delitem(sys.modules, "napari_bayesseg.training.member", raising=False)
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    training.run(request_)
    assert background.drain(TIMEOUT)
    assert outcome_of(heard).kind == "failed"
    assert 'lightning_fabric, which is missing: pip install "napari' in outcome_of(heard).message


def test_a_fault_of_the_program_is_told_and_logged(
    background: ThreadBackground,
    training: Training,
    heard: Heard,
    request_: TrainingRequest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(training_worker, "training_pairs", fail)
    with caplog.at_level(logging.ERROR):
        training.run(request_)
        assert background.drain(TIMEOUT)
    assert outcome_of(heard).kind == "bug"
    assert "report it" in outcome_of(heard).message
    assert "unexpected error" in caplog.text


def test_closing_ends_the_thread_and_keeps_the_state(
    background: ThreadBackground, training: Training, heard: Heard, request_: TrainingRequest
) -> None:
    settings = request_.settings.model_copy(update={"steps": 100_000})
    training.run(replace(request_, settings=settings))
    assert background.drain_until(lambda: bool(heard["progressed"]), TIMEOUT)
    heard.forget()
    training.close()
    assert training.state == "idle"
    assert background.close(30)
    assert our_threads() == []
    assert heard.names == []
    assert (state_folder(request_.out) / "state.safetensors").is_file()


def test_one_thing_at_a_time(
    background: ThreadBackground, session: Session, request_: TrainingRequest, tmp_path: Path
) -> None:
    scan = Volume.from_array(
        np.random.default_rng(0).normal(size=(16, 24, 24)).astype(np.float32),
        Geometry.from_spacing(),
    )
    heard, estimates = Heard(session.training), Heard(session.prediction)
    session.training.run(request_)
    with pytest.raises(BayesSegError, match="a training is running"):
        session.training.run(request_)
    predicting = PredictionRequest(scan, str(request_.out), tmp_path / "r.zarr", INFERENCE)
    with pytest.raises(BayesSegError, match="a training is running"):
        session.prediction.run(predicting)
    session.prediction.estimate(predicting)
    assert "a training is running" in estimates["estimate_ready"][0]
    assert background.drain(TIMEOUT)
    assert outcome_of(heard).kind == "done"
    session.prediction.run(predicting)
    with pytest.raises(BayesSegError, match="a prediction is running"):
        session.training.run(replace(request_, out=tmp_path / "second"))
    assert background.drain(TIMEOUT)
    assert session.training.refusal == ""
