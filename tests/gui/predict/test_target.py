from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from platformdirs import user_documents_path

from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.gui.predict.target import default_place, first_free, look_at
from napari_bayesseg.inference.predict import RunHooks, predict
from napari_bayesseg.inference.progress import Cancelled, RunProgress
from napari_bayesseg.io.sample_data import sample_folder
from napari_bayesseg.session.prediction import PredictionRequest
from tests.gui.predict_window import noise
from tests.models import write_model
from tests.results import write_result

SETTINGS = InferenceSettings(num_samples=2, block_shape=(8, 16, 16))
VOLUME = Volume.from_array(noise(), Geometry.from_spacing((2.0, 0.5, 0.5)))


def run(request: PredictionRequest, *, draws: int | None = None) -> None:
    """Predict; stop after so many draws."""
    finished = []

    def count(now: RunProgress) -> None:
        if now.block is None and now.draws_done:
            finished.append(now)

    def stop() -> bool:
        return draws is not None and len(finished) >= draws

    try:
        predict(
            request.scan,
            request.model,
            request.out,
            num_samples=request.settings.num_samples,
            block_shape=request.settings.block_shape,
            roi=request.settings.roi,
            flips=request.settings.flips,
            precision=request.settings.precision,
            hooks=RunHooks(progress=count, should_stop=stop),
        )
    except Cancelled:
        assert draws is not None


@pytest.fixture
def request_(tmp_path: Path, small_model: Path) -> PredictionRequest:
    return PredictionRequest(VOLUME, str(small_model), tmp_path / "r.zarr", SETTINGS)


def test_an_empty_place_is_new(request_: PredictionRequest) -> None:
    target = look_at(request_)
    assert (target.kind, target.message, target.path) == ("new", "", request_.out)


def test_a_begun_run_is_resumed_and_a_finished_one_opened(request_: PredictionRequest) -> None:
    run(request_, draws=7)
    target = look_at(request_)
    assert (target.kind, target.done, target.total) == ("resume", 3, 8)
    assert target.message == "r.zarr was begun: 3 of 8 blocks are done"
    # A run that leaves the choice of blocks to the program goes on with those it was begun with.
    assert look_at(replace(request_, settings=InferenceSettings(num_samples=2))).kind == "resume"
    run(request_)
    assert look_at(request_).kind == "finished"


def test_another_runs_result_is_told_apart(request_: PredictionRequest, tmp_path: Path) -> None:
    run(request_, draws=1)
    draws = replace(request_, settings=SETTINGS.model_copy(update={"num_samples": 3}))
    target = look_at(draws)
    assert target.kind == "other"
    assert target.message == ("r.zarr holds the result of another run (num samples 2 there, 3 now)")
    part = replace(request_, settings=SETTINGS.model_copy(update={"roi": "0:8,0:16,0:16"}))
    assert "roi" in look_at(part).message
    moved = Volume.from_array(VOLUME.data, Geometry.from_spacing((1.0, 0.5, 0.5)))
    assert "spacing" in look_at(replace(request_, scan=moved)).message
    other = write_model(tmp_path / "other", seed=1)
    assert "model weights" in look_at(replace(request_, model=str(other))).message


def test_a_block_shape_larger_than_the_scan_is_the_whole_axis(
    request_: PredictionRequest,
) -> None:
    large = replace(request_, settings=SETTINGS.model_copy(update={"block_shape": (64, 64, 64)}))
    run(large)
    assert look_at(large).kind == "finished"


def test_what_is_no_result_blocks_its_place(request_: PredictionRequest) -> None:
    request_.out.mkdir()
    target = look_at(request_)
    assert target.kind == "blocked"
    assert "no result of napari-bayesseg" in target.message


def test_a_result_of_probabilities_or_of_long_ago_is_another_run(
    request_: PredictionRequest,
) -> None:
    probability = np.full((2, *VOLUME.shape), 0.5, np.float32)
    write_result(request_.out, probability, {"expected_error": probability[0]})
    assert look_at(request_).kind == "other"


def test_a_place_that_chooses_itself_passes_by_other_runs(request_: PredictionRequest) -> None:
    assert first_free(request_).path == request_.out
    run(request_, draws=1)
    assert first_free(request_).path == request_.out
    draws = replace(request_, settings=SETTINGS.model_copy(update={"num_samples": 3}))
    assert first_free(draws).path.name == "r_2.zarr"
    run(replace(draws, out=first_free(draws).path), draws=1)
    target = first_free(draws)
    assert (target.path.name, target.kind) == ("r_2.zarr", "resume")


def test_results_lie_beside_their_scan(tmp_path: Path) -> None:
    assert default_place(tmp_path, "scan", "bcnn") == tmp_path / "scan_bcnn.zarr"
    assert default_place(tmp_path, "my scan/../#1", "b c").name == "my_scan_.._1_b_c.zarr"
    assert default_place(tmp_path, "...", "m").name == "scan_m.zarr"


def test_elsewhere_they_go_to_the_documents(tmp_path: Path) -> None:
    documents = user_documents_path() / "napari-bayesseg"
    packages = tmp_path / "site-packages" / "some"
    packages.mkdir(parents=True)
    for folder in (None, packages, tmp_path / "gone", sample_folder()):
        assert default_place(folder, "scan", "m") == documents / "scan_m.zarr"


@pytest.mark.filterwarnings("ignore::napari_bayesseg.core.errors.BayesSegWarning")
@pytest.mark.parametrize("flips", ["", "x"])
def test_an_ensembles_result_is_known_again_though_fewer_draws_were_made_than_asked(
    tmp_path: Path, flips: str
) -> None:
    model = write_model(tmp_path / "three", "ensemble")
    settings = InferenceSettings(num_samples=16, block_shape=(8, 16, 16), flips=flips)
    request = PredictionRequest(VOLUME, str(model), tmp_path / "r.zarr", settings)
    run(request)
    assert look_at(request).kind == "finished"
    other = settings.model_copy(update={"flips": "y"})
    assert look_at(replace(request, settings=other)).kind == "other"
