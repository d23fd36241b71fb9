from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("lightning_fabric", reason="training needs the extra `train`")

from napari_bayesseg.core.errors import BayesSegError, SettingsError, StoreError
from napari_bayesseg.networks.checkpoint import load_card, load_network
from napari_bayesseg.training.train import check_model_folder, train
from tests.training.cases import SPACING, tiny_settings, write_pairs


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_pairs(tmp_path_factory.mktemp("pairs"))


@pytest.mark.parametrize("method", ["bcnn", "mc-dropout"])
def test_the_card_says_all_about_the_model(
    method: str, pairs: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "my-model"
    settings = tiny_settings(method, class_names=("air", "slab"))
    written = train(*pairs, out, settings, title="Slabs", data="made here, CC0")
    card = load_card(out)
    assert card == written
    assert (card.name, card.method) == ("my-model", method)
    assert (card.title, card.data, card.licence) == ("Slabs", "made here, CC0", "BSD-3-Clause")
    assert card.class_names == ("air", "slab")
    assert card.spacing is not None
    assert card.spacing.zyx == pytest.approx(SPACING)
    assert card.spacing.unit == "micrometer"
    assert card.intensity_range is not None
    training = card.training
    assert training["scans"] == ["s0", "s1"]
    assert training["settings"] == settings.model_dump(mode="json")
    assert training["voxels"] == 2 * 8 * 12 * 12
    assert training["best_step"] in (4, 6)
    assert training["validation_nats_per_voxel"] > 0
    assert (training["kl_divergence_nats"] > 0) is (method == "bcnn")
    assert {"minutes", "torch", "threads"} <= training.keys()
    network = load_network(out, card)
    assert training["parameters"] == sum(p.numel() for p in network.parameters())
    assert card.scores["scans"] == ["s2"]
    assert set(card.scores["dice"]) == {"air", "slab"}
    assert all(0 <= value <= 1 for value in card.scores["dice"].values())
    assert sorted(path.name for path in out.iterdir()) == ["model.json", "weights.safetensors"]


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
