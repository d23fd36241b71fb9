from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.estimate import RunEstimate
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.inference.result import Result
from napari_bayesseg.inference.serial_runner import RunProgress
from napari_bayesseg.io.result_store import ResultStore
from napari_bayesseg.session import pace
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.prediction import Outcome, Prediction, PredictionRequest
from tests.models import write_model
from tests.session.conftest import our_threads
from tests.session.hearing import Heard

SETTINGS = InferenceSettings.checked(num_samples=3, block_shape=(8, 8, 8))
BLOCKS = 18
TIMEOUT = 60


@pytest.fixture
def prediction(background: ThreadBackground) -> Prediction:
    return Prediction(background)


@pytest.fixture
def heard(prediction: Prediction) -> Heard:
    return Heard(prediction)


def outcome_of(heard: Heard) -> Outcome:
    (outcome,) = heard["ended"]
    assert isinstance(outcome, Outcome)
    return outcome


@pytest.fixture
def request_(scan: Volume, model: Path, tmp_path: Path) -> PredictionRequest:
    return PredictionRequest(scan, str(model), tmp_path / "r.zarr", SETTINGS)


@pytest.fixture(scope="module")
def reference(scan: Volume, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    out = tmp_path_factory.mktemp("reference") / "r.zarr"
    return predict(scan, model, out, num_samples=3, block_shape=(8, 8, 8))


def blocks_done(path: Path) -> int:
    return len(ResultStore.open(path).ledger.rows())


def assert_same(a: Result, b: Result) -> None:
    for name in ("labels", "mean_probability", *a.measures):
        np.testing.assert_array_equal(a.read(name), b.read(name), err_msg=name)


def test_a_run_tells_its_store_its_blocks_and_its_end(
    background: ThreadBackground,
    prediction: Prediction,
    heard: Heard,
    request_: PredictionRequest,
    reference: Result,
) -> None:
    assert prediction.state == "idle"
    prediction.run(request_)
    assert prediction.is_running
    assert prediction.state == "starting"
    assert background.drain(TIMEOUT)
    assert heard.threads == {threading.get_ident()}
    assert heard["state_changed"] == ["starting", "running", "idle"]
    assert [name for name in heard.names if name in ("opened", "ended")] == [
        "opened", "ended",
    ]  # fmt: skip
    assert heard["opened"][0].path == request_.out
    written = np.zeros(request_.scan.shape, int)
    for box in heard["block_written"]:
        written[box.slices] += 1
    np.testing.assert_array_equal(written, 1)
    assert [now.blocks_done for now in heard["progressed"] if now.block] == [*range(1, BLOCKS + 1)]
    assert outcome_of(heard).kind == "done"
    assert outcome_of(heard).message == ""
    result = outcome_of(heard).result
    assert result is not None
    assert result.is_complete
    assert_same(result, reference)
    # The scan was in memory: the result was given it.
    np.testing.assert_array_equal(result.draw(1), reference.draw(1))


def test_the_result_is_there_before_the_first_block(
    background: ThreadBackground, prediction: Prediction, heard: Heard, request_: PredictionRequest
) -> None:
    prediction.run(request_)
    assert background.drain_until(lambda: bool(heard["opened"]), TIMEOUT)
    result = heard["opened"][0]
    assert result.labels.shape == request_.scan.shape
    assert background.drain_until(lambda: bool(heard["block_written"]), TIMEOUT)
    box = heard["block_written"][0]
    assert np.isfinite(result.mean_probability[(slice(None), *box.slices)]).all()
    assert background.drain(TIMEOUT)


def test_a_cancelled_run_keeps_its_blocks_and_is_continued_bit_for_bit(
    background: ThreadBackground,
    prediction: Prediction,
    heard: Heard,
    request_: PredictionRequest,
    reference: Result,
) -> None:
    prediction.run(request_)
    assert background.drain_until(lambda: len(heard["block_written"]) >= 2, TIMEOUT)
    prediction.cancel()
    assert prediction.state == "cancelling"
    assert prediction.is_running
    with pytest.raises(BayesSegError, match="running"):
        prediction.run(request_)
    assert background.drain(TIMEOUT)
    assert outcome_of(heard).kind == "cancelled"
    half = outcome_of(heard).result
    assert half is not None
    assert not half.is_complete
    done = blocks_done(request_.out)
    assert 2 <= done < BLOCKS

    heard.forget()
    prediction.run(request_)
    assert background.drain(TIMEOUT)
    assert outcome_of(heard).kind == "done"
    assert len(heard["block_written"]) == BLOCKS - done
    assert_same(outcome_of(heard).result or half, reference)
    assert blocks_done(request_.out) == BLOCKS


def test_the_focus_comes_first(
    background: ThreadBackground, prediction: Prediction, heard: Heard, request_: PredictionRequest
) -> None:
    focus = PredictionRequest(
        request_.scan, request_.model, request_.out, SETTINGS, focus=(15, 23, 23)
    )
    prediction.run(focus)
    assert background.drain(TIMEOUT)
    assert heard["block_written"][0] == Roi((8, 16, 16), (16, 24, 24))


class SlowlyRead:
    """A scan in which a first slab has been read when the test goes on."""

    def __init__(self, data: np.ndarray) -> None:
        self.data = data
        self.shape, self.dtype = data.shape, data.dtype
        self.reading, self.release = threading.Event(), threading.Event()

    def __getitem__(self, key: Any) -> np.ndarray:
        self.reading.set()
        assert self.release.wait(TIMEOUT)
        return self.data[key]


def test_a_run_is_cancelled_while_the_scan_is_read(
    background: ThreadBackground, prediction: Prediction, heard: Heard, request_: PredictionRequest
) -> None:
    data = SlowlyRead(request_.scan.read(Roi.whole(request_.scan.shape)))
    scan = Volume.from_array(data)
    prediction.run(PredictionRequest(scan, request_.model, request_.out, SETTINGS))
    assert data.reading.wait(TIMEOUT)
    prediction.cancel()
    data.release.set()
    assert background.drain(TIMEOUT)
    assert outcome_of(heard).kind == "cancelled"
    assert heard["block_written"] == []


def test_what_a_person_can_mend_is_told_in_its_line(
    background: ThreadBackground,
    prediction: Prediction,
    heard: Heard,
    request_: PredictionRequest,
    tmp_path: Path,
) -> None:
    request = PredictionRequest(request_.scan, "no-such-model", request_.out, SETTINGS)
    prediction.run(request)
    assert background.drain(TIMEOUT)
    assert outcome_of(heard).kind == "failed"
    assert "no-such-model" in outcome_of(heard).message
    assert outcome_of(heard).result is None
    assert not prediction.is_running


class Broken:
    shape, dtype = (16, 24, 24), np.dtype(np.uint8)

    def __getitem__(self, key: object) -> np.ndarray:
        raise LookupError("wrong turn")


def test_a_fault_of_the_program_is_told_shortly_and_logged(
    background: ThreadBackground,
    prediction: Prediction,
    heard: Heard,
    request_: PredictionRequest,
    caplog: pytest.LogCaptureFixture,
) -> None:
    scan = Volume.from_array(Broken())
    prediction.run(PredictionRequest(scan, request_.model, request_.out, SETTINGS))
    with caplog.at_level(logging.ERROR):
        assert background.drain(TIMEOUT)
    assert outcome_of(heard).kind == "bug"
    assert "LookupError: wrong turn" in outcome_of(heard).message
    assert caplog.records[0].exc_info is not None


def test_an_estimate_writes_nothing_and_leaves_finished_blocks_out(
    background: ThreadBackground, prediction: Prediction, heard: Heard, request_: PredictionRequest
) -> None:
    prediction.estimate(request_)
    assert background.drain(TIMEOUT)
    (whole,) = heard["estimate_ready"]
    assert isinstance(whole, RunEstimate)
    assert whole.disk_bytes > 0
    assert not request_.out.exists()
    prediction.run(request_)
    assert background.drain(TIMEOUT)
    prediction.estimate(request_)
    assert background.drain(TIMEOUT)
    assert heard["estimate_ready"][-1].disk_bytes == 0


@pytest.mark.filterwarnings("ignore::napari_bayesseg.core.errors.BayesSegWarning")
def test_an_unfamiliar_scan_is_told_at_the_end(
    background: ThreadBackground, prediction: Prediction, heard: Heard, scan: Volume, tmp_path: Path
) -> None:
    trained = {"spacing": {"zyx": (20.0, 5.0, 5.0), "unit": "micrometer"}}
    careful = write_model(tmp_path / "careful", card=trained)
    prediction.run(PredictionRequest(scan, str(careful), tmp_path / "r.zarr", SETTINGS))
    assert background.drain(TIMEOUT)
    (line,) = outcome_of(heard).unfamiliar
    assert "the model was trained at 20 x 5 x 5 micrometer" in line


def test_only_the_newest_estimate_is_told(
    background: ThreadBackground,
    prediction: Prediction,
    heard: Heard,
    request_: PredictionRequest,
) -> None:
    for samples in (2, 4, 8, 16):
        settings = InferenceSettings.checked(num_samples=samples, block_shape=(5, 8, 8))
        prediction.estimate(
            PredictionRequest(request_.scan, request_.model, request_.out, settings)
        )
    assert background.drain(TIMEOUT)
    assert len(heard["estimate_ready"]) == 1
    assert "block_shape must be a multiple" in heard["estimate_ready"][0]


def test_nothing_is_estimated_beside_a_run(
    background: ThreadBackground, prediction: Prediction, heard: Heard, request_: PredictionRequest
) -> None:
    prediction.estimate(request_)
    prediction.run(request_)
    prediction.estimate(request_)
    assert background.drain(TIMEOUT)
    assert heard["estimate_ready"] == []
    assert outcome_of(heard).kind == "done"


def test_progress_is_thinned_out_but_for_finished_blocks(
    background: ThreadBackground,
    prediction: Prediction,
    heard: Heard,
    request_: PredictionRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pace, "perf_counter", lambda: 0.0)  # no time passes
    prediction.run(request_)
    assert background.drain(TIMEOUT)
    between = [now for now in heard["progressed"] if now.block is None]
    assert len(between) == 1
    assert len(heard["progressed"]) == BLOCKS + 1
    assert all(isinstance(now, RunProgress) for now in heard["progressed"])


def test_closing_during_a_run_leaves_no_thread_and_says_nothing(
    request_: PredictionRequest,
) -> None:
    background = ThreadBackground()
    prediction = Prediction(background)
    heard = Heard(prediction)
    prediction.run(request_)
    assert background.drain_until(lambda: bool(heard["block_written"]), TIMEOUT)
    told = len(heard.names)
    prediction.close()
    assert background.close(TIMEOUT)
    assert our_threads() == []
    background.drain(TIMEOUT)
    assert len(heard.names) == told
    assert 1 <= blocks_done(request_.out) < BLOCKS
