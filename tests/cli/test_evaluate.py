from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.inference.result import load_result
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.numerics.overlap import dice_per_class
from tests.cli.conftest import OME, SHAPE, Run, snapshot, write_scan
from tests.models import write_model


@pytest.fixture
def truth(places: dict[str, Path]) -> Path:
    return places["labels"] / "s0.ome.tif"


def test_a_result_is_judged(run: Run, places: dict[str, Path], truth: Path, tmp_path: Path) -> None:
    before = snapshot(places["root"])
    out = tmp_path / "report"
    code, text, err = run("evaluate", places["result"], "--labels", truth, "--out", out)
    assert code == 0, err
    assert text.splitlines()[-1] == str(out / "report.html")
    assert "bcnn, scan: Dice" in text
    read = json.loads((out / "report.json").read_text())
    result = load_result(places["result"])
    labels = np.asarray(read_volume(truth).data[:])
    expected = dice_per_class(np.asarray(result.labels), labels, 3)
    assert list(read["dice"].values()) == pytest.approx(expected.tolist(), nan_ok=True)
    assert list(read["measures"]) == list(result.measures)
    assert (out / "errors_1.png").read_bytes().startswith(b"\x89PNG")
    assert snapshot(places["root"]) == before


def test_json_is_the_report(run: Run, places: dict[str, Path], truth: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    arguments = ("evaluate", places["result"], "--labels", truth, "--out", out, "--json")
    code, text, _ = run(*arguments, "--measure", "mutual_information")
    assert code == 0
    printed = json.loads(text)
    assert sorted(printed.pop("files")) == sorted(str(path) for path in out.iterdir())
    written = json.loads((out / "report.json").read_text())
    for values in (printed, written):
        values["made"].pop("created_utc")
    assert printed == written
    assert written["measure"] == "mutual_information"


def test_models_are_compared_over_cases(run: Run, places: dict[str, Path], tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    other = write_scan(tmp_path / "other.ome.tif", rng.gamma(3, 200, SHAPE).astype(np.uint16))
    model = write_model(tmp_path / "second", seed=1, channels=(4, 8))
    results, truths = [], []
    for scan, labels in ((places["scan"], "s0"), (other, "s1")):
        for name in (places["bcnn"], model):
            path = tmp_path / f"{scan.stem}_{name.name}.zarr"
            assert (
                run("predict", scan, "--model", name, "--out", path, "--num-samples", 2).code == 0
            )
            results.append(path)
            truths.append(places["labels"] / f"{labels}.ome.tif")
    out = tmp_path / "report"
    code, text, err = run("evaluate", *results, "--labels", *truths, "--out", out)
    assert code == 0, err
    read = json.loads((out / "report.json").read_text())
    assert read["comparison"]["methods"] == ["bcnn", "second"]
    assert read["comparison"]["cases"] == ["scan", "other"]
    assert [(one["name"], one["case"]) for one in read["results"]] == [
        ("bcnn", "scan"), ("second", "scan"), ("bcnn", "other"), ("second", "other"),
    ]  # fmt: skip
    (dice,) = [d for d in read["comparison"]["differences"] if d["score"] == "dice"]
    assert dice["num_cases"] == 2
    assert dice["low"] <= dice["mean"] <= dice["high"]
    assert len(text.splitlines()) == 5
    assert {path.name for path in out.glob("*.png")} == {"errors_1.png", "errors_2.png"}


def test_runs_are_named_and_a_report_is_replaced_when_asked(
    run: Run, places: dict[str, Path], truth: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.zarr"
    shutil.copytree(places["result"], copy)
    out = tmp_path / "report"
    arguments = ("evaluate", places["result"], copy, "--labels", truth, "--out", out)
    assert run(*arguments).code == 0
    read = json.loads((out / "report.json").read_text())
    assert read["comparison"]["methods"] == ["result", "copy"]
    code, _, err = run(*arguments, "--names", "a,b")
    assert code == 2
    assert "--overwrite" in err
    assert run(*arguments, "--names", "a,b", "--overwrite").code == 0
    read = json.loads((out / "report.json").read_text())
    assert read["comparison"]["methods"] == ["a", "b"]


def test_what_was_left_out_is_told(run: Run, places: dict[str, Path], tmp_path: Path) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[:, :4] = 255
    path = write_scan(tmp_path / "sparse.ome.tif", labels)
    part = tmp_path / "part.zarr"
    run(
        "predict", places["scan"], "--model", places["bcnn"], "--out", part,
        "--num-samples", 2, "--roi", "0:8,0:16,0:8",
    )  # fmt: skip
    arguments = ("evaluate", part, "--labels", path, "--out", tmp_path / "r")
    code, _, err = run(*arguments, "--ignore-label", 255)
    assert code == 0
    assert f"warning: {part}: 768 voxels have no prediction" in err
    read = json.loads((tmp_path / "r" / "report.json").read_text())
    assert (read["voxels"], read["voxels_ignored"]) == (8 * 12 * 8, 8 * 4 * 16)
    code, _, err = run("evaluate", part, "--labels", path, "--out", tmp_path / "s")
    assert code == 2
    assert "got 255: if it marks what nobody labelled" in err
    assert not (tmp_path / "s").exists()


def test_softmax_made_elsewhere_is_judged(
    run: Run, places: dict[str, Path], truth: Path, tmp_path: Path
) -> None:
    """One array has no draws: the measures that follow from the mean are there."""
    result = tmp_path / "theirs.zarr"
    run("import-probabilities", places["one"], "--out", result, "--scan", places["scan"])
    code, text, err = run("evaluate", result, "--labels", truth, "--out", tmp_path / "r", "--json")
    assert code == 0, err
    read = json.loads(text)
    assert read["name"] == "theirs"
    assert 0 < read["error_auroc"] < 1
    assert OME["PhysicalSizeX"] / 1000 <= max(v for v in read["hd95_mm"].values() if v is not None)
