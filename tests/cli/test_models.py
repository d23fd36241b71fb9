from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.fixture
def local(places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's own model folder with one good and one damaged model."""
    shutil.copytree(places["bcnn"], tmp_path / "good")
    shutil.copytree(places["model_no_json"], tmp_path / "damaged")
    monkeypatch.setattr(
        "napari_bayesseg.networks.model_folders.local_models_folder", lambda: tmp_path
    )
    return tmp_path


def test_models_are_listed_and_a_damaged_one_hides_no_other(run: Run, local: Path) -> None:
    code, out, err = run("models")
    assert code == 0
    assert "bcnn: bcnn\n" in out
    assert f"  folder    {local / 'good'}\n" in out
    assert err.startswith(f"warning: {local / 'damaged' / 'model.json'}: not JSON")
    assert len(err.splitlines()) == 1


def test_json_holds_the_cards(run: Run, local: Path) -> None:
    entry = json.loads(run("models", "--json").out)
    assert "damaged" not in entry
    assert entry["good"]["path"] == str(local / "good")
    assert entry["good"]["network"]["channels"] == [4, 8]


@pytest.mark.usefixtures("local")
def test_a_local_model_is_found_by_its_name(
    run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "r.zarr"
    code, _, err = run("predict", places["scan"], "--model", "good", "--out", out)
    assert code == 0, err


@pytest.mark.usefixtures("local")
def test_doctor_tells_which_models_are_good(run: Run) -> None:
    states = json.loads(run("doctor", "--json").out)["models"]
    assert states["good"] == "good (bcnn)"
    assert "not JSON" in states["damaged"]
