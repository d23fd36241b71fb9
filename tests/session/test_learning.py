from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import BayesSegError, SettingsError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.inference.result import load_result
from napari_bayesseg.io.writers import write_volume
from napari_bayesseg.networks.checkpoint import load_card
from napari_bayesseg.review.carrying import CARRIED
from napari_bayesseg.review.journal.journal import Journal
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Replacement, Status
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.learning import Learning, ToLearn
from napari_bayesseg.session.prediction import PredictionRequest
from napari_bayesseg.session.session import Session
from tests.session.hearing import Heard
from tests.session.places import MEASURE, write_places

TIMEOUT = 120
A_MOMENT = 0.02  # minutes


@pytest.fixture
def desk(tmp_path: Path, model: Path, open_desk, scan) -> ReviewDesk:
    """A real prediction of a scan in a file, with a handful of regions."""
    write_volume(tmp_path / "scan.ome.tif", np.asarray(scan.data), scan.spec.geometry)
    result = predict(
        tmp_path / "scan.ome.tif", model, tmp_path / "r.zarr", num_samples=2, seed=3, device="cpu"
    )
    values = result.read(MEASURE)
    lower = float(np.percentile(values, 97))
    with Review.open(result) as review:
        review.set_settings(RegionSettings(MEASURE, lower, float(values.max())))
    return open_desk(result.path)


@pytest.fixture
def learning(session: Session, tmp_path: Path) -> Learning:
    session.learning._models = tmp_path / "models"
    return session.learning


def decide_some(desk: ReviewDesk, background: ThreadBackground) -> np.ndarray:
    """Accept two regions and reject one; return where a person has settled the label."""
    desk.replacement = Replacement.BACKGROUND
    for decide in (desk.accept, desk.reject, desk.accept):
        decide()
        assert background.drain(TIMEOUT)
    history = desk.review.history.voxels
    z, y, x = desk.review.mask.labels.shape
    return history.decided(Roi.whole((z, y, x)))


def test_what_there_is_to_learn_from_is_counted(
    desk: ReviewDesk, learning: Learning, background: ThreadBackground
) -> None:
    heard = Heard(learning)
    settled = decide_some(desk, background)
    assert heard["counted"][-1] == ToLearn(3, int(settled.sum()))
    desk.undo()
    assert background.drain(TIMEOUT)
    assert heard["counted"][-1].regions == 2
    assert learning.why_not == ""


def test_decisions_are_kept_when_what_was_learnt_predicts_again(
    desk: ReviewDesk,
    learning: Learning,
    session: Session,
    background: ThreadBackground,
    model: Path,
    tmp_path: Path,
) -> None:
    settled = decide_some(desk, background)
    old, labels = desk.result, desk.review.labels()
    statuses = {n: s for n, s in desk.statuses.items() if s.is_decided}
    heard, name = Heard(learning), learning.propose_name()
    assert name == f"{model.name}-learnt-1"
    learning.learn(A_MOMENT, name, then_predict=True)
    assert learning.state == "learning"
    desk.defer()  # the review goes on meanwhile
    deferred = desk.review.sequence
    assert background.drain(TIMEOUT)

    assert heard["failed"] == []
    assert heard["state_changed"] == ["learning", "predicting", "idle"]
    card = load_card(tmp_path / "models" / name)
    learned_from = card.training["learned_from"]
    assert learned_from["run_id"] == old.record["run_id"]
    assert (learned_from["regions"], learned_from["voxels"]) == (3, int(settled.sum()))
    assert card.scores == {}
    assert learning.propose_name() == f"{model.name}-learnt-2"

    assert session.desk is not None
    assert session.desk is not desk
    now = session.desk.result
    assert now.path == tmp_path / f"r-by-{name}.zarr"
    assert now.record["model"]["weights_sha256"] == card.weights_sha256
    assert now.settings == old.settings
    np.testing.assert_array_equal(session.desk.review.labels()[settled], labels[settled])
    np.testing.assert_array_equal(session.desk.review.labels()[~settled], now.labels[...][~settled])
    # The same places have the same ids and statuses, what was deferred meanwhile too.
    with Review.open(old, read_only=True) as before, Review.open(now, read_only=True) as after:
        for region_id, status in statuses.items():
            region = desk.queue.region(region_id)
            assert after.history.have_status(region.box, status).any()
        assert before.sequence == deferred
        assert after.history.have_status(after.history.applied[-1].extent, Status.DEFERRED).any()
    row = next(
        r
        for r in Journal.open(session.desk.review.folder / "journal.sqlite", read_only=True).rows()
        if r.action == "run"
    )
    assert row.content[CARRIED]["rows"] == deferred
    assert row.content["model"]["name"] == name
    assert row.content["model"]["learned_from"] == learned_from


def test_learning_alone_leaves_a_model_and_predicts_later(
    desk: ReviewDesk, learning: Learning, session: Session, background: ThreadBackground
) -> None:
    decide_some(desk, background)
    heard = Heard(learning)
    with pytest.raises(SettingsError, match="learn first"):
        learning.predict_again()
    learning.learn(A_MOMENT, "mine", then_predict=False)
    assert background.drain(TIMEOUT)
    assert "the new model is mine" in heard["notice"][-1]
    assert session.desk is desk
    assert learning.last is not None
    learning.predict_again()
    assert background.drain(TIMEOUT)
    assert session.desk is not desk
    assert session.result is not None
    assert load_result(session.result.path).is_complete
    assert learning.last is None  # nothing was learnt from the new one yet


def test_what_is_stopped_leaves_nothing(
    desk: ReviewDesk, learning: Learning, background: ThreadBackground, tmp_path: Path
) -> None:
    decide_some(desk, background)
    heard = Heard(learning)
    learning.learn(10.0, "never", then_predict=True)
    with pytest.raises(SettingsError, match="is learning"):
        learning.learn(1.0, "other", then_predict=False)
    learning.cancel()
    assert background.drain(TIMEOUT)
    assert heard["notice"] == ["stopped: nothing was learnt"]
    assert heard["state_changed"] == ["learning", "cancelling", "idle"]
    assert list((tmp_path / "models").glob("*")) == []


def test_what_can_not_be_learnt_is_told(
    desk: ReviewDesk, learning: Learning, background: ThreadBackground
) -> None:
    heard = Heard(learning)
    learning.learn(A_MOMENT, "mine", then_predict=False)
    assert background.drain(TIMEOUT)
    assert "nothing to learn from yet" in heard["failed"][0]
    decide_some(desk, background)
    with pytest.raises(SettingsError, match="must hold letters, digits"):
        learning.learn(A_MOMENT, "../mine", then_predict=False)
    desk.result.record["model"]["kind"] = "probabilities"
    assert "no model that could learn" in learning.why_not


def test_a_changed_model_is_refused(
    desk: ReviewDesk, learning: Learning, background: ThreadBackground, model: Path
) -> None:
    decide_some(desk, background)
    heard = Heard(learning)
    card = model / "model.json"
    content = card.read_text()
    try:
        card.write_text(json.dumps({**json.loads(content), "weights_sha256": "0" * 64}))
        learning.learn(A_MOMENT, "mine", then_predict=False)
        assert background.drain(TIMEOUT)
    finally:
        card.write_text(content)
    assert "has changed since" in heard["failed"][0]


def test_nothing_is_learnt_beside_a_prediction_and_nothing_runs_beside_learning(
    desk: ReviewDesk,
    learning: Learning,
    session: Session,
    background: ThreadBackground,
    scan: Volume,
    model: Path,
    tmp_path: Path,
) -> None:
    decide_some(desk, background)
    request = PredictionRequest(
        scan, str(model), tmp_path / "other.zarr", InferenceSettings(num_samples=2)
    )
    learning.learn(A_MOMENT, "one", then_predict=False)
    with pytest.raises(BayesSegError, match="the model is learning"):
        session.prediction.run(request)
    assert session.training.refusal.startswith("the model is learning")
    assert background.drain(TIMEOUT)
    assert session.training.refusal == ""
    session.prediction.run(request)
    with pytest.raises(SettingsError, match="a prediction is running"):
        learning.learn(A_MOMENT, "two", then_predict=False)
    assert background.drain(TIMEOUT)


def test_whoever_has_moved_on_is_told_and_left_where_they_are(
    desk: ReviewDesk,
    learning: Learning,
    session: Session,
    background: ThreadBackground,
    tmp_path: Path,
) -> None:
    decide_some(desk, background)
    labels, heard = desk.review.labels(), Heard(learning)
    learning.learn(A_MOMENT, "mine", then_predict=True)
    other = write_places(tmp_path / "other.zarr")
    session.open_result(other)
    assert background.drain(TIMEOUT)
    assert session.result is other
    assert heard["notice"][-1] == "r-by-mine.zarr is ready, with all decisions"
    with Review.open(load_result(tmp_path / "r.zarr"), read_only=True) as before:
        settled = before.history.voxels.decided(Roi.whole(before.history.shape))
    with Review.open(load_result(tmp_path / "r-by-mine.zarr"), read_only=True) as carried:
        np.testing.assert_array_equal(carried.labels()[settled], labels[settled])
