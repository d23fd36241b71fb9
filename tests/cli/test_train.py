from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from napari_bayesseg.networks.checkpoint import load_card
from tests.cli.conftest import SETTINGS, Run


def command(places: dict[str, Path], method: str, out: Path) -> list[object]:
    folders = ["--scans", places["scans"], "--labels", places["labels"], "--out", out]
    return ["train", method, *folders, "--settings", places["settings"]]


@pytest.mark.parametrize("method", ["bcnn", "mc-dropout"])
def test_a_trained_model_segments(
    method: str, run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    model = tmp_path / "models" / "mine"
    text = ["--title", "Mine", "--data", "made here, BSD"]
    code, out, err = run(*command(places, method, model), *text)
    assert code == 0, err
    assert out.startswith(f"{model}: {method}, ")
    assert "Dice air: " in out
    assert "step 2: loss " in err
    card = load_card(model)
    assert (card.name, card.method, card.title, card.data) == ("mine", method, *text[1::2])
    predicted = run(
        "predict", places["scan"], "--model", model, "--out", tmp_path / "r.zarr", "--json"
    )
    assert json.loads(predicted.out)["classes"] == ["air", "solid"]


def test_json_is_the_card_and_options_win_over_the_file(
    run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    model = tmp_path / "mine"
    arguments = [*command(places, "bcnn", model), "--steps", 6, "--seed", 3, "--json"]
    code, out, err = run(*arguments)
    assert code == 0, err
    settings = json.loads(out)["training"]["settings"]
    assert (settings["steps"], settings["seed"]) == (6, 3)
    assert settings["channels"] == SETTINGS["channels"]
    assert run(*arguments).code == 2
    assert run(*arguments, "--overwrite").code == 0
    files = ["model.json", "training.csv", "training.png", "weights.safetensors"]
    assert sorted(path.name for path in model.iterdir()) == files


def test_the_device_of_the_settings_file_counts(
    run: Run, places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({**SETTINGS, "device": "cuda"}))
    arguments = command({**places, "settings": file}, "bcnn", tmp_path / "mine")
    assert "sees no GPU" in run(*arguments).err
    assert run(*arguments, "--device", "cpu").code == 0


def test_without_the_extra_the_remedy_is_told(
    run: Run, places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    monkeypatch.delitem(sys.modules, "napari_bayesseg.training.loop", raising=False)
    monkeypatch.delitem(sys.modules, "napari_bayesseg.training.train", raising=False)
    code, _, err = run(*command(places, "bcnn", tmp_path / "mine"))
    assert code == 2
    assert 'lightning_fabric, which is missing: pip install "napari-bayesseg[train]"' in err
