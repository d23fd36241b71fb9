"""The split of the hippocampi, on four volumes of noise and a network that is trained on them."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from benchmarks import data, hippocampus
from napari_bayesseg.networks.checkpoint import load_card

SETTINGS = {
    "steps": 6,
    "accumulate_from": 0.4,
    "freeze_from": 0.8,
    "channels": [4, 8],
    "batch_size": 1,
    "patch_shape": [8, 8, 8],
    "num_validation": 1,
}


def test_a_model_is_trained_once_and_never_on_a_test_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    for part, values in (("images", 100), ("labels", 3)):
        folder = tmp_path / "data" / "hippocampus_mri" / part
        folder.mkdir(parents=True)
        for name in "abcd":
            volume = rng.integers(0, values, (7, 9, 8)).astype(np.uint8)
            nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), folder / f"{name}.nii.gz")
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps(SETTINGS), encoding="utf-8")
    monkeypatch.setenv(data.REAL_DATA_VARIABLE, str(tmp_path / "data"))
    monkeypatch.setenv(hippocampus.MODELS_VARIABLE, str(tmp_path / "models"))
    monkeypatch.setattr(hippocampus, "_SETTINGS", settings)
    monkeypatch.setattr(hippocampus, "_NUM_TRAINING", 2)
    monkeypatch.setattr(hippocampus, "_NUM_TEST", 1)

    assert hippocampus.missing() is None
    card = load_card(hippocampus.bayesian_model())
    assert card.training["scans"] == ["a", "b"]
    assert card.scores["scans"] == [case.name for case in hippocampus.cases_for_choosing()] == ["c"]
    assert [case.name for case in hippocampus.cases_for_testing()] == ["d"]
    assert "training" in capsys.readouterr().err
    hippocampus.bayesian_model()
    assert "training" not in capsys.readouterr().err


def test_without_data_it_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(data.REAL_DATA_VARIABLE, raising=False)
    assert data.REAL_DATA_VARIABLE in str(hippocampus.missing())
    monkeypatch.setenv(data.REAL_DATA_VARIABLE, str(tmp_path))
    assert "hippocampus_mri" in str(hippocampus.missing())
