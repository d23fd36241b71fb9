from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.inference.progress import Cancelled
from napari_bayesseg.inference.scan import normalise, summarise_scan
from napari_bayesseg.networks.checkpoint import ModelCard, Normalisation, load_card, save_model
from napari_bayesseg.training.card import make_card
from napari_bayesseg.training.dataset import TrainingCase
from napari_bayesseg.training.loop import fit
from napari_bayesseg.training.scores import score_cases
from tests.models import small_network, write_model
from tests.training.cases import tiny_case, tiny_settings


def test_scores_are_those_of_a_prediction(tmp_path: Path) -> None:
    """What `predict` writes for the same scan, judged by plain NumPy; the shape is off stride."""
    folder = write_model(tmp_path / "model", channels=(4, 8), num_classes=2)
    card = load_card(folder)
    rng = np.random.default_rng(0)
    scan = rng.normal(500, 50, (7, 13, 11)).astype(np.float32)
    truth = (rng.random(scan.shape) < 0.3).astype(np.uint8)
    volume = Volume.from_array(scan)
    statistics = summarise_scan(volume, card.normalisation).statistics
    case = TrainingCase("a", normalise(scan, statistics)[0], truth, volume.spec.geometry)
    network = small_network(channels=(4, 8), num_classes=2)
    scores = score_cases(card, [network], [case, case])
    result = predict(volume, folder, tmp_path / "r.zarr", num_samples=16)
    labels = np.asarray(result.labels)
    for value, name in enumerate(card.class_names):
        overlap = 2 * ((labels == value) & (truth == value)).sum()
        dice = overlap / ((labels == value).sum() + (truth == value).sum())
        assert scores["dice"][name] == pytest.approx(dice, abs=1e-4)
    information = np.asarray(result.measure("mutual_information"))
    assert scores["mean_mutual_information_nats"] == pytest.approx(information.mean(), abs=2e-6)
    wrong = labels != truth
    pairs = information[wrong][:, None] - information[~wrong][None]
    auroc = (pairs > 0).mean() + 0.5 * (pairs == 0).mean()
    assert scores["error_auroc_mutual_information"] == pytest.approx(auroc, abs=1e-3)
    assert scores["scans"] == ["a", "a"]


def test_no_cases_are_no_scores() -> None:
    network = small_network(channels=(4, 8), num_classes=2)
    card = ModelCard(name="a", method="bcnn", network=network.spec, class_names=("a", "b"))
    assert score_cases(card, [network], []) == {}


def test_a_class_that_is_nowhere_has_no_dice() -> None:
    network = small_network(channels=(4, 8), num_classes=3)
    with_nothing = tiny_case()
    card = ModelCard(name="a", method="bcnn", network=network.spec, class_names=("a", "b", "c"))
    scores = score_cases(card, [network], [with_nothing])
    for value in scores["dice"].values():
        assert value is None or 0 <= value <= 1


@pytest.mark.parametrize("method", ["heteroscedastic", "ua-mt", "sghmc", "ensemble"])
def test_every_method_is_scored_by_its_own_draws(method: str, tmp_path: Path) -> None:
    """What `predict` writes from the saved model, for the methods whose posterior is another."""
    settings = tiny_settings(method)
    case = tiny_case(shape=(7, 13, 11))
    unlabelled = [replace(case, labels=None)] if method == "ua-mt" else ()
    fitted = fit([case], [], settings, 2, unlabelled=unlabelled)
    card = make_card("m", settings, Normalisation(), [case], unlabelled, fitted)
    save_model(tmp_path / "m", card, *fitted.networks)
    scores = score_cases(card, fitted.networks, [case])
    volume = Volume.from_array(case.image, case.geometry)
    result = predict(volume, tmp_path / "m", tmp_path / "r.zarr", num_samples=scores["num_samples"])
    statistics = summarise_scan(volume, card.normalisation).statistics
    shown = replace(case, image=normalise(case.image, statistics)[0])
    scores = score_cases(card, fitted.networks, [shown])
    information = np.asarray(result.measure("mutual_information"))
    assert scores["mean_mutual_information_nats"] == pytest.approx(information.mean(), abs=2e-6)
    assert information.mean() > 0
    labels, truth = np.asarray(result.labels), case.labels
    overlap = 2 * ((labels == 1) & (truth == 1)).sum()
    dice = overlap / ((labels == 1).sum() + (truth == 1).sum())
    assert scores["dice"]["class 1"] == pytest.approx(dice, abs=1e-4)


def test_voxels_without_a_label_do_not_count_and_a_stop_is_heard() -> None:
    network = small_network(channels=(4, 8), num_classes=2)
    card = ModelCard(name="a", method="bcnn", network=network.spec, class_names=("a", "b"))
    case, half = tiny_case(), tiny_case()
    half.labels[:, 6:] = -1
    scores = score_cases(card, [network], [half])
    half.labels[:, 6:] = 1 - case.labels[:, 6:]
    assert scores["dice"] != score_cases(card, [network], [half])["dice"]
    with pytest.raises(Cancelled):
        score_cases(card, [network], [case], should_stop=lambda: True)
