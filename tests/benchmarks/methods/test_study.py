"""The study from end to end, on volumes of noise and networks of six steps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from benchmarks import data, figures, hippocampus
from benchmarks.methods import (
    claims,
    contenders,
    results,
    runs,
    scores,
    shipped,
    study,
    tables,
    training,
    workers,
)
from benchmarks.methods.data import CARDIAC, HIPPOCAMPUS, HIPPOCAMPUS_LONGER, load_data
from benchmarks.methods.prediction import Predictor
from benchmarks.methods.runs import RUNS_OF, UNET, all_runs, settings_of
from benchmarks.rows import Outcome, Row
from benchmarks.shifts import IN_DOMAIN
from benchmarks.tables import markdown
from napari_bayesseg.networks.checkpoint import load_card
from napari_bayesseg.training.settings import TrainingSettings

SHAPE = (16, 18, 16)
COMMON = {
    "class_names": ["background", "anterior", "posterior"],
    "steps": 6,
    "accumulate_from": 0.4,
    "freeze_from": 0.8,
    "channels": [4, 8],
    "batch_size": 1,
    "patch_shape": [16, 16, 16],
    "num_validation": 1,
    "validate_every": 3,
    "dropout_rate": 0.2,
}
SECTIONS = {
    "mc-dropout": {"method": "mc-dropout"},
    UNET: {"method": "mc-dropout"},
    "ensemble": {"method": "ensemble", "num_members": 2},
    "supervised-8": {"method": "mc-dropout"},
    "ua-mt-8": {"method": "ua-mt", "mean_teacher": {"num_samples": 2}},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study of three training scans, one for choosing and two to test."""
    rng = np.random.default_rng(0)
    for part in ("images", "labels"):
        (tmp_path / "data" / "hippocampus_mri" / part).mkdir(parents=True)
    for name in "abcdef":
        labels = np.zeros(SHAPE, np.uint8)
        labels[4:10, 4:12, 4:12], labels[10:13, 4:12, 4:12] = 1, 2
        image = (40 * labels + rng.integers(0, 40, SHAPE)).astype(np.uint8)
        for part, values in (("images", image), ("labels", labels)):
            file = tmp_path / "data" / "hippocampus_mri" / part / f"{name}.nii.gz"
            nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), file)
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({HIPPOCAMPUS: {"common": COMMON, **SECTIONS}}), encoding="utf-8")
    monkeypatch.setenv(data.REAL_DATA_VARIABLE, str(tmp_path / "data"))
    monkeypatch.setenv(training.FOLDER_VARIABLE, str(tmp_path / "study"))
    monkeypatch.setenv(workers.PROCESSES_VARIABLE, "1")
    monkeypatch.setattr(hippocampus, "_NUM_TRAINING", 3)
    monkeypatch.setattr(hippocampus, "_NUM_TEST", 2)
    monkeypatch.setattr(runs, "SETTINGS", settings)
    seeds = {"mc-dropout": (0, 1)}
    kinds = {
        name: replace(kind, seeds=seeds.get(name, (0,)), every=min(kind.every, 2))
        for name, kind in RUNS_OF[HIPPOCAMPUS].items()
        if name in SECTIONS
    }
    monkeypatch.setitem(RUNS_OF, HIPPOCAMPUS, kinds)  # type: ignore[arg-type]
    monkeypatch.setitem(RUNS_OF, HIPPOCAMPUS_LONGER, {})  # type: ignore[arg-type]
    few = (("gamma", 2.5), ("blur", 1.5))
    for module in (study, results, claims):
        monkeypatch.setattr(module, "REFERENCE_CONDITIONS", few)
    for module in (study, tables):
        monkeypatch.setattr(module, "CONDITIONS", (IN_DOMAIN, *few))
    monkeypatch.setattr(shipped, "SHIPPED_MODEL", "no-such-model")
    monkeypatch.setattr(contenders, "NUM_SAMPLES", 3)
    monkeypatch.setattr(contenders, "NUM_SAMPLES_UNDER_SHIFT", 2)
    return tmp_path / "study"


def _value(rows: list[Row], *parts: str) -> object:
    return next(row.value for row in rows if row.metric == " | ".join(parts))


@pytest.mark.timeout(600)
def test_everything_is_trained_judged_and_shown_and_nothing_twice(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("supervised-8", "ua-mt-8"):
        monkeypatch.delitem(RUNS_OF[HIPPOCAMPUS], name)  # type: ignore[arg-type]
    rows = study.run(quick=False)
    assert "training 4 runs" in capsys.readouterr().err
    title = "hippocampus, short runs, 2 scans, as they are"
    dice = _value(rows, title, "mc-dropout", "Dice")
    assert isinstance(dice, float)
    assert 0.0 <= dice <= 1.0
    assert isinstance(_value(rows, title, "mc-dropout", "Dice ±"), float)
    draws = {
        name: _value(
            rows, "hippocampus, short runs: what a training costs", name, "draws of a prediction"
        )
        for name in ("plain UNet, softmax", "plain UNet, MC dropout", "ensemble")
    }
    assert draws == {
        "plain UNet, softmax": 1,
        "plain UNet, MC dropout": 3,
        "ensemble": 2,
    }
    outcome = Outcome.of("methods", "a machine", rows)
    assert " ± " in markdown(outcome)
    for name in ("methods_errors.png", "methods_reliability.png"):
        assert figures.PICTURES[name].draw(outcome) is not None
    skips = [row.value for row in rows if row.metric == "skipped"]
    assert any("cardiac_mri" in str(reason) for reason in skips)

    again = study.run(quick=False)
    assert again == rows
    assert "training" not in capsys.readouterr().err
    assert study.run(quick=True)[0].metric == "skipped"

    monkeypatch.setenv(study.SPLIT_VARIABLE, "everything")
    with pytest.raises(ValueError, match="must be testing or choosing"):
        study.run(quick=False)


def test_each_run_sees_its_own_scans_only(folder: Path) -> None:
    found = {run.name: run for run in all_runs(HIPPOCAMPUS) if run.settings.seed == 0}
    names = {
        name: [(pair.name, pair.labels is not None) for pair in training.pairs_of(run)]
        for name, run in found.items()
    }
    assert names["mc-dropout"] == [("a", True), ("b", True), ("c", True), ("d", True)]
    assert names["supervised-8"] == [("a", True), ("c", True), ("d", True)]
    assert names["ua-mt-8"] == [("a", True), ("b", False), ("c", True), ("d", True)]
    training.train_missing([found["supervised-8"]])
    card = load_card(training.model_folder(found["supervised-8"]))
    assert card.training["scans"] == ["a", "c"]
    assert training.training_seconds(found["supervised-8"]) > 0


def test_another_setting_or_seed_is_another_run(folder: Path) -> None:
    first, second = (r for r in all_runs(HIPPOCAMPUS) if r.name == "mc-dropout")
    assert first.key != second.key
    longer = replace(first, settings=first.settings.model_copy(update={"steps": 7}))
    assert longer.key != first.key
    assert replace(first, every=2).key != first.key
    assert first.key == replace(first).key


def test_one_plain_pass_has_no_randomness_and_no_information(folder: Path) -> None:
    run = next(r for r in all_runs(HIPPOCAMPUS) if r.name == UNET)
    training.train_missing([run])
    scan = np.random.default_rng(0).normal(50, 10, SHAPE).astype(np.float32)
    plain = Predictor(training.model_folder(run), plain=True)
    first, second = plain(scan, 5), plain(scan, 1)
    np.testing.assert_array_equal(first.mean_probability, second.mean_probability)
    assert np.abs(first.measures["mutual_information"]).max() < 1e-6
    drawn = Predictor(training.model_folder(run))(scan, 4)
    assert drawn.measures["mutual_information"].max() > 0
    case = load_data(HIPPOCAMPUS).testing[0]
    found = scores.judge(plain, ("a", "b", "c"), case, IN_DOMAIN, 2)
    assert found["epistemic"] < 1e-6 < found["aleatoric"]


def test_a_section_changes_what_it_names_only(folder: Path) -> None:
    settings = settings_of(HIPPOCAMPUS, "ua-mt-8", seed=4)
    assert (settings.seed, settings.steps, settings.method) == (4, 6, "ua-mt")
    assert settings.mean_teacher.num_samples == 2
    assert settings.mean_teacher.input_noise == 0.1


@pytest.mark.parametrize("data", sorted(RUNS_OF))
def test_the_settings_that_are_stored_are_valid(data: str) -> None:
    for name in RUNS_OF[data]:
        settings = settings_of(data, name, seed=1)
        assert isinstance(settings, TrainingSettings)
        assert settings.num_validation == (2 if data == CARDIAC else 16)


def test_a_longer_study_differs_in_its_steps_only() -> None:
    for name in RUNS_OF[HIPPOCAMPUS_LONGER]:
        settings = [settings_of(data, name, seed=0) for data in (HIPPOCAMPUS, HIPPOCAMPUS_LONGER)]
        usual, longer = (s.model_dump(exclude={"steps", "validate_every"}) for s in settings)
        assert usual == longer
        assert settings[1].steps > settings[0].steps
