from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import BayesSegWarning
from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.familiarity import unfamiliar_result, unfamiliar_scan
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.networks.checkpoint import ModelCard, load_card
from tests.models import write_model

CARD = {
    "spacing": {"zyx": (2.0, 0.5, 0.5), "unit": "micrometer"},
    "intensity_range": (-2.0, 2.0),
    "scores": {"mean_mutual_information_nats": 1e9},
}
STATISTICS = {"low": 80.0, "high": 120.0, "mean": 100.0, "std": 10.0}
GEOMETRY = Geometry.from_spacing((2.0, 0.5, 0.5), unit="micrometer")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "careful", card=CARD)


@pytest.fixture(scope="module")
def card(folder: Path) -> ModelCard:
    return load_card(folder)


def test_a_scan_like_those_in_training_raises_no_eyebrow(card: ModelCard) -> None:
    assert unfamiliar_scan(card, GEOMETRY, STATISTICS) == ()


def test_units_are_converted_before_they_are_compared(card: ModelCard) -> None:
    same = Geometry.from_spacing((2e-3, 5e-4, 5e-4), unit="millimeter")
    assert unfamiliar_scan(card, same, STATISTICS) == ()


@pytest.mark.parametrize("spacing", [(2.0, 0.5, 0.8), (1.3, 0.5, 0.5), (2000.0, 500.0, 500.0)])
def test_another_voxel_size_is_named(card: ModelCard, spacing: tuple[float, ...]) -> None:
    (line,) = unfamiliar_scan(card, Geometry.from_spacing(spacing, unit="micrometer"), STATISTICS)
    assert line.endswith("micrometer; the model was trained at 2 x 0.5 x 0.5 micrometer")


def test_a_scan_without_a_unit_can_not_be_compared(card: ModelCard) -> None:
    (line,) = unfamiliar_scan(card, Geometry.from_spacing((2.0, 0.5, 0.5)), STATISTICS)
    assert "pixel" in line
    assert "micrometer" in line


@pytest.mark.parametrize(("end", "value"), [("low", 60.0), ("high", 140.0)])
def test_other_grey_values_are_named(card: ModelCard, end: str, value: float) -> None:
    (line,) = unfamiliar_scan(card, GEOMETRY, {**STATISTICS, end: value})
    assert "grey values" in line
    assert "-2.0 to 2.0" in line


def test_a_card_that_says_nothing_is_compared_with_nothing(tmp_path: Path) -> None:
    silent = load_card(write_model(tmp_path / "silent"))
    strange = Geometry.from_spacing((9.0, 9.0, 9.0), unit="millimeter")
    assert unfamiliar_scan(silent, strange, {**STATISTICS, "high": 1e6}) == ()


def scan_of(geometry: Geometry) -> Volume:
    noise = np.random.default_rng(0).normal(size=(8, 16, 16)).astype(np.float32)
    return Volume.from_array(np.clip(noise, -2, 2), geometry)


def test_predict_warns_and_the_result_says_the_same_again(folder: Path, tmp_path: Path) -> None:
    strange = Geometry.from_spacing((2.0, 0.5, 0.5), unit="millimeter")
    with pytest.warns(BayesSegWarning, match="unlike the training data: voxels of"):
        result = predict(scan_of(strange), folder, tmp_path / "r.zarr", num_samples=2)
    (line,) = unfamiliar_result(result)
    assert line.startswith("voxels of 2 x 0.5 x 0.5 millimeter")


def test_predict_is_silent_about_an_ordinary_scan(folder: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = predict(scan_of(GEOMETRY), folder, tmp_path / "r.zarr", num_samples=2)
    assert unfamiliar_result(result) == ()


def test_draws_that_disagree_more_than_in_training_are_named(tmp_path: Path) -> None:
    card = {"scores": {"mean_mutual_information_nats": 1e-9}}
    model = write_model(tmp_path / "sure", card=card)
    with pytest.warns(BayesSegWarning, match="the draws disagree"):
        result = predict(scan_of(GEOMETRY), model, tmp_path / "r.zarr", num_samples=2)
    (line,) = unfamiliar_result(result)
    assert "against 1e-09 nat" in line


def test_a_result_whose_model_is_gone_is_compared_with_nothing(tmp_path: Path) -> None:
    model = write_model(tmp_path / "lost", card=CARD)
    result = predict(scan_of(GEOMETRY), model, tmp_path / "r.zarr", num_samples=2)
    model.rename(tmp_path / "elsewhere")
    assert unfamiliar_result(result) == ()
