from __future__ import annotations

import inspect
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("lightning_fabric", reason="training needs the extra `train`")

from napari_bayesseg.core.errors import BayesSegError, SettingsError, StoreError
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.inference.progress import Cancelled
from napari_bayesseg.io.lock import exclusive_lock
from napari_bayesseg.networks.checkpoint import load_card, load_networks
from napari_bayesseg.training.dataset import TrainingPair
from napari_bayesseg.training.progress import TrainingHooks
from napari_bayesseg.training.train import check_model_folder, train, train_pairs
from tests.training.cases import METHODS, SPACING, tiny_case, tiny_settings, write_pairs


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_pairs(tmp_path_factory.mktemp("pairs"))


def model_files(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir())


@pytest.mark.parametrize("method", METHODS)
def test_the_card_says_all_about_the_model(
    method: str, pairs: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "my-model"
    settings = tiny_settings(method, class_names=("air", "slab"))
    scans, labels = pairs
    if method == "ua-mt":  # one scan has no labels
        labels = tmp_path / "labels"
        shutil.copytree(pairs[1], labels, ignore=shutil.ignore_patterns("s0*"))
    said = {"title": "Slabs", "data": "made here, CC0", "licence": "CC0-1.0"}
    written = train(scans, labels, out, settings, **said)
    card = load_card(out)
    assert card == written
    assert (card.name, card.method) == ("my-model", method)
    assert (card.title, card.data, card.licence) == tuple(said.values())
    assert card.class_names == ("air", "slab")
    assert card.spacing is not None
    assert card.spacing.zyx == pytest.approx(SPACING)
    assert card.spacing.unit == "micrometer"
    assert card.intensity_range is not None
    training = card.training
    trained_on = ["s1"] if method == "ua-mt" else ["s0", "s1"]
    assert training["scans"] == trained_on
    assert training.get("unlabelled_scans") == (["s0"] if method == "ua-mt" else None)
    assert training["settings"] == settings.model_dump(mode="json")
    assert training["voxels"] == len(trained_on) * 8 * 12 * 12
    assert training["best_step"] in (4, 5, 6)
    assert training["validation_nats_per_voxel"] > 0
    assert (training["kl_divergence_nats"] > 0) is (method == "bcnn")
    assert {"minutes", "torch", "threads"} <= training.keys()
    networks = load_networks(out, card)
    assert len(networks) == card.members == (2 if method in ("sghmc", "ensemble") else 1)
    assert training["parameters"] == sum(p.numel() for n in networks for p in n.parameters())
    assert len(training.get("networks", [None])) == card.members
    assert card.scores["scans"] == ["s2"]
    assert card.scores["num_samples"] == (16 if card.members == 1 else card.members)
    assert set(card.scores["dice"]) == {"air", "slab"}
    assert all(0 <= value <= 1 for value in card.scores["dice"].values())
    files = ["model.json", "training.csv", "training.png", "weights.safetensors"]
    assert model_files(out) == files
    assert not (tmp_path / "my-model.training").exists()
    result = predict(scans / "s2.ome.tif", out, tmp_path / "r.zarr", num_samples=2)
    assert np.asarray(result.mean_probability).shape == (2, 8, 12, 12)


def test_a_training_that_was_stopped_goes_on_to_the_same_model(
    pairs: tuple[Path, Path], tmp_path: Path
) -> None:
    settings = tiny_settings("mc-dropout", save_every_s=1e9)
    whole = train(*pairs, tmp_path / "whole", settings)
    out, heard = tmp_path / "stopped", []
    hooks = TrainingHooks(heard.append, lambda: len(heard) == 3)
    with pytest.raises(Cancelled):
        train(*pairs, out, settings, hooks=hooks)
    assert not out.exists()
    with pytest.raises(StoreError, match=r"stopped\.training: .*differs: seed was 0, is 7"):
        train(*pairs, out, settings.model_copy(update={"seed": 7}))
    card = train(*pairs, out, settings)
    assert card.weights_sha256 == whole.weights_sha256
    assert card.scores == whole.scores
    assert (out / "training.csv").read_bytes() == (tmp_path / "whole/training.csv").read_bytes()
    rows = (out / "training.csv").read_text().splitlines()
    assert rows[1] == "member,step,loss,cross_entropy,validation"
    assert [row.split(",")[:2] for row in rows[2:]] == [["1", str(n)] for n in range(1, 7)]


def test_a_stop_while_scoring_loses_nothing(pairs: tuple[Path, Path], tmp_path: Path) -> None:
    settings, heard = tiny_settings("mc-dropout"), []
    hooks = TrainingHooks(heard.append, _is_scoring)
    with pytest.raises(Cancelled, match="scoring was stopped"):
        train(*pairs, tmp_path / "m", settings, hooks=hooks)
    again: list[object] = []
    train(*pairs, tmp_path / "m", settings, hooks=TrainingHooks(again.append))
    assert again == []
    assert (tmp_path / "m" / "model.json").is_file()


def _is_scoring() -> bool:
    return any(frame.function == "score_cases" for frame in inspect.stack(0))


def test_what_lies_beside_a_model_is_not_taken_for_a_training(
    pairs: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "m.training").mkdir()
    (tmp_path / "m.training" / "thesis.txt").touch()
    with pytest.raises(StoreError, match=r"m\.training: exists and holds no training"):
        train(*pairs, tmp_path / "m", tiny_settings(), overwrite=True)
    assert model_files(tmp_path / "m.training") == ["thesis.txt"]


def test_one_training_at_a_time(pairs: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "m.training").mkdir()
    with (
        exclusive_lock(tmp_path / "m.training" / "lock"),
        pytest.raises(StoreError, match="another process is writing to it"),
    ):
        train(*pairs, tmp_path / "m", tiny_settings())


def test_volumes_in_memory_train(tmp_path: Path) -> None:
    cases = [tiny_case(f"layer {index}", seed=index) for index in range(2)]
    pairs = [
        TrainingPair(
            case.name,
            Volume.from_array(case.image, case.geometry),
            Volume.from_array(case.labels, case.geometry),
        )
        for case in cases
    ]
    card = train_pairs(pairs, tmp_path / "m", tiny_settings("mc-dropout"))
    assert card.training["scans"] == ["layer 0"]
    assert card.scores["scans"] == ["layer 1"]


def test_unnamed_classes_are_numbered_and_nothing_held_out_is_no_score(
    pairs: tuple[Path, Path], tmp_path: Path
) -> None:
    settings = tiny_settings(num_validation=0, class_names=("air",) * 0)
    card = train(*pairs, tmp_path / "m", settings)
    assert card.class_names == ("class 0", "class 1")
    assert card.scores == {}
    assert card.training["validation_nats_per_voxel"] is None
    assert card.training["scans"] == ["s0", "s1", "s2"]


def test_the_card_is_strict_json_even_where_a_score_does_not_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A named class that is nowhere has no Dice; a segmentation without errors no AUROC."""
    monkeypatch.setattr("napari_bayesseg.training.scores.error_auroc", lambda *_: float("nan"))
    pairs = write_pairs(tmp_path)
    settings = tiny_settings(class_names=("air", "slab", "gold"), steps=30, kl_weight=0.0)
    monkeypatch.setattr(
        "napari_bayesseg.training.scores.dice_per_class",
        lambda *_: np.array([0.9, 0.8, np.nan]),
    )
    card = train(*pairs, tmp_path / "m", settings)
    assert card.scores["dice"] == {"air": 0.9, "slab": 0.8, "gold": None}
    assert card.scores["error_auroc_predictive_entropy"] is None

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    json.loads((tmp_path / "m" / "model.json").read_text("utf-8"), parse_constant=refuse)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("my model", "'my model'"),
        (".hidden", "letter or digit first"),
        ("ünï", "letters, digits"),
        ("a" * 101, "letters, digits"),
    ],
)
def test_a_folder_must_have_the_name_of_a_model(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        check_model_folder(tmp_path / name, overwrite=False)


def test_only_a_model_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    with pytest.raises(StoreError, match="exists already"):
        check_model_folder(tmp_path / "thesis", overwrite=False)
    with pytest.raises(StoreError, match="no model folder"):
        check_model_folder(tmp_path / "thesis", overwrite=True)
    (tmp_path / "thesis" / "model.json").touch()
    check_model_folder(tmp_path / "thesis", overwrite=True)


@pytest.mark.parametrize(
    "changes",
    [{"num_validation": 3}, {"device": "cuda"}, {"class_names": ("air",)}],
)
def test_nothing_is_trained_where_settings_and_data_disagree(
    changes: dict[str, object],
    pairs: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("napari_bayesseg.training.train.fit", lambda *_: pytest.fail("trained"))
    with pytest.raises(BayesSegError):
        train(*pairs, tmp_path / "m", tiny_settings(**changes))
    assert list(tmp_path.iterdir()) == []
