from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from napari_bayesseg.inference.result import load_result
from tests.cli.conftest import Run


def test_a_result_is_described_and_holds_what_was_asked_for(
    run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "new" / "folder" / "r.zarr"
    options = ["--num-samples", 3, "--seed", 5, "--roi", "2:,0:8,4:16", "--block-shape", "4,8,8"]
    code, text, err = run(
        "predict", places["scan"], "--model", places["mc-dropout"], "--out", out, *options
    )
    assert code == 0, err
    assert text.splitlines()[:2] == [
        f"{out}: 4 blocks of 4 x 8 x 8 voxels",
        "classes: class 0, class 1, class 2",
    ]
    result = load_result(out)
    assert result.settings.num_samples == 3
    assert result.settings.seed == 5
    assert result.processed.sum() == 6 * 8 * 12
    assert np.isnan(np.asarray(result.measure("predictive_entropy"))[0]).all()


def test_the_same_command_again_computes_nothing(
    run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    command = ["predict", places["scan"], "--model", places["bcnn"], "--num-samples", 2, "--json"]
    first = run(*command, "--out", tmp_path / "r.zarr")
    again = run(*command, "--out", tmp_path / "r.zarr")
    assert (first.code, again.code) == (0, 0)
    assert again.err == ""
    assert again.out == first.out
    entry = json.loads(again.out)
    assert entry["run_id"] == load_result(tmp_path / "r.zarr").record["run_id"]
    assert entry["blocks"] == 1
    assert entry["seconds"] > 0


def test_overwrite_replaces_another_run_and_leaves_nothing_beside_it(
    run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    command = ["predict", places["scan"], "--model", places["bcnn"], "--out", tmp_path / "r.zarr"]
    assert run(*command, "--num-samples", 2).code == 0
    assert run(*command, "--num-samples", 3).code == 2
    assert run(*command, "--num-samples", 3, "--overwrite").code == 0
    assert load_result(tmp_path / "r.zarr").settings.num_samples == 3
    assert [path.name for path in tmp_path.iterdir()] == ["r.zarr"]


def test_blocks_that_are_left_out_are_told_of(
    run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    command = ["predict", places["scan"], "--model", places["bcnn"], "--num-samples", 2]
    command += ["--block-shape", "8,8,8", "--out", tmp_path / "r.zarr", "--skip-below", 1e6]
    code, text, err = run(*command)
    assert code == 0, err
    assert "left out: 4 of 4 blocks, as asked for\n" in text
    assert json.loads(run(*command, "--json").out)["blocks_left_out"] == 4
    result = load_result(tmp_path / "r.zarr")
    assert result.record["blocks_left_out"] == 4
    assert np.isnan(np.asarray(result.mean_probability)).all()


def test_ways_of_working_that_exclude_each_other_are_refused(
    run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    command = ["predict", places["scan"], "--model", places["bcnn"], "--out", tmp_path / "r.zarr"]
    code, _, err = run(*command, "--workers", 2, "--scheduler", "tcp://127.0.0.1:1")
    assert code == 2
    assert err.startswith("error: workers (processes of this machine) and scheduler")
    assert err.count("\n") == 1
    code, _, err = run(*command, "--workers", "two")
    assert code == 2
    assert not (tmp_path / "r.zarr").exists()
