from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from napari_bayesseg.inference.result import load_result
from tests.cli.conftest import Run


def test_one_array_gives_entropy_and_no_warning(
    run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "r.zarr"
    names = ["--class-names", "pore,particle,binder"]
    code, text, err = run("import-probabilities", places["one"], "--out", out, *names)
    assert code == 0
    assert "warning" not in err
    assert "classes: pore, particle, binder\n" in text
    assert "measures: predictive_entropy, expected_entropy, expected_error\n" in text


def test_members_and_scan(run: Run, places: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "r.zarr"
    files = places["one"], places["another"]
    code, text, err = run(
        "import-probabilities", *files, "--out", out, "--scan", places["scan"], "--json"
    )
    assert code == 0, err
    entry = json.loads(text)
    assert entry["num_samples"] == 2
    assert entry["spacing"] == [2.0, 0.5, 0.5]
    assert "mutual_information" in entry["measures"]
    mean = (np.load(files[0]) + np.load(files[1])) / 2
    np.testing.assert_allclose(load_result(out).mean_probability, mean, atol=1e-6)


def test_voxels_without_a_number_have_no_uncertainty(
    run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "r.zarr"
    assert run("import-probabilities", places["invalid"], "--out", out).code == 0
    for name in ("predictive_entropy", "mutual_information", "expected_error"):
        missing = np.argwhere(np.isnan(load_result(out).read(name)))
        assert missing.tolist() == [[2, 3, 4]]


def test_a_block_of_nothing_but_background_is_a_result_too(run: Run, tmp_path: Path) -> None:
    certain = np.zeros((2, 3, 4, 6, 5), np.float32)
    certain[:, 0] = 1.0
    np.save(tmp_path / "p.npy", certain)
    code, _, err = run("import-probabilities", tmp_path / "p.npy", "--out", tmp_path / "r.zarr")
    assert code == 0, err
    result = load_result(tmp_path / "r.zarr")
    assert not result.read("labels").any()
    assert not result.read("mutual_information").any()
