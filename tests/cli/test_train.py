from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from napari_bayesseg.networks.checkpoint import load_card
from napari_bayesseg.networks.methods import METHODS
from napari_bayesseg.training.member import Member
from tests.cli.conftest import SETTINGS, Run

EXTRA: dict[str, tuple[object, ...]] = {
    "ensemble": ("--num-members", 2),
    "sghmc": ("--steps", 28),
}


def command(places: dict[str, Path], method: str, out: Path) -> list[object]:
    folders = ["--scans", places["scans"], "--labels", places["labels"], "--out", out]
    return ["train", method, *folders, "--settings", places["settings"]]


@pytest.mark.parametrize("method", METHODS)
def test_a_trained_model_segments(
    method: str, run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    model = tmp_path / "models" / "mine"
    text = ["--title", "Mine", "--data", "made here, BSD"]
    code, out, err = run(*command(places, method, model), *text, *EXTRA.get(method, ()))
    assert code == 0, err
    networks = {"sghmc": "6 networks, ", "ensemble": "2 networks, "}.get(method, "")
    assert out.startswith(f"{model}: {method}, {networks}")
    assert "Dice air: " in out
    assert "step 2: loss " in err
    assert ", held out " in err
    card = load_card(model)
    assert (card.name, card.method, card.title, card.data) == ("mine", method, *text[1::2])
    predicted = run(
        *("predict", places["scan"], "--model", model, "--out", tmp_path / "r.zarr"),
        *("--num-samples", 2, "--json"),
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


def test_what_nobody_set_is_chosen_by_the_scans(
    run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    few = {"steps": 4, "channels": [4, 8], "validate_every": 2}
    (tmp_path / "few.json").write_text(json.dumps(few))
    arguments = command({**places, "settings": tmp_path / "few.json"}, "bcnn", tmp_path / "mine")
    code, _, err = run(*arguments, "--suggest", "--seed", 1)
    assert code == 0, err
    (line,) = [line for line in err.splitlines() if line.startswith("chosen by the scans: ")]
    settings = load_card(tmp_path / "mine").training["settings"]
    assert settings["channels"] == few["channels"]
    assert settings["seed"] == 1
    assert f"patch_shape = {', '.join(map(str, settings['patch_shape']))}" in line
    assert "channels" not in line
    assert "seed" not in line


def test_the_device_of_the_settings_file_counts(
    run: Run, places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({**SETTINGS, "device": "cuda"}))
    arguments = command({**places, "settings": file}, "bcnn", tmp_path / "mine")
    assert "sees no GPU" in run(*arguments).err
    assert run(*arguments, "--device", "cpu").code == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has another Ctrl-C")
def test_ctrl_c_stops_after_the_step_and_the_same_command_goes_on(
    run: Run, places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, seen = tmp_path / "mine", []
    advance = Member.advance

    def interrupted(member: Member, step: int) -> object:
        seen.append(step)
        if seen == [0, 1]:
            signal.raise_signal(signal.SIGINT)
        return advance(member, step)

    monkeypatch.setattr(Member, "advance", interrupted)
    handler = signal.getsignal(signal.SIGINT)
    arguments = command(places, "mc-dropout", out)
    code, printed, err = run(*arguments)
    assert (code, printed) == (130, "")
    assert "stopping after this step; Ctrl-C again stops at once\n" in err
    assert err.endswith("stopped; the same command continues where it was\n")
    assert signal.getsignal(signal.SIGINT) is handler
    assert not out.exists()
    code, _, err = run(*arguments, "--seed", 8)
    assert code == 2
    assert "differs: seed was 0, is 8" in err
    code, _, err = run(*arguments)
    assert code == 0, err
    assert seen == [0, 1, 2, 3]
    whole = tmp_path / "whole"
    assert run(*command(places, "mc-dropout", whole)).code == 0
    assert load_card(out).weights_sha256 == load_card(whole).weights_sha256


@pytest.mark.skipif(os.name == "nt", reason="Windows has another Ctrl-C")
def test_a_second_ctrl_c_does_not_wait(
    run: Run, places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice(member: Member, step: int) -> object:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("went on")

    monkeypatch.setattr(Member, "advance", twice)
    assert run(*command(places, "mc-dropout", tmp_path / "mine")).code == 130


def test_an_ignored_label_is_no_class(run: Run, places: dict[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    settings = {name: value for name, value in SETTINGS.items() if name != "class_names"}
    file.write_text(json.dumps(settings))
    arguments = command({**places, "settings": file}, "mc-dropout", tmp_path / "mine")
    code, out, err = run(*arguments, "--ignore-label", 0, "--json")
    assert code == 0, err
    card = json.loads(out)
    assert card["training"]["settings"]["data"]["ignore_label"] == 0
    assert card["training"]["voxels"] < 2 * 8 * 16 * 16


def test_the_help_tells_every_method(run: Run) -> None:
    out = " ".join(run("train", "--help").out.replace("│", " ").split())
    for name, record in METHODS.items():
        assert f"{name}: {record.title}" in out


def test_without_the_extra_the_remedy_is_told(
    run: Run, places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    for name in [name for name in sys.modules if name.startswith("napari_bayesseg.training.")]:
        monkeypatch.delitem(sys.modules, name)
    code, _, err = run(*command(places, "bcnn", tmp_path / "mine"))
    assert code == 2
    assert 'lightning_fabric, which is missing: pip install "napari-bayesseg[train]"' in err
