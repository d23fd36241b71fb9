from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.inference.result import load_result
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.regions.region_source import RegionSource
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Replacement, Status
from tests.cli.conftest import Run


@pytest.mark.parametrize("suffix", [".ome.tif", ".tif", ".nii.gz", ".nii"])
@pytest.mark.parametrize("array", [None, "mutual_information", "predictive_entropy_excess"])
def test_what_is_exported_reads_back_with_its_place(
    array: str | None, suffix: str, run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    if "nii" in suffix:
        pytest.importorskip("nibabel", reason="NIfTI needs the extra `medical`")
    out = tmp_path / f"out{suffix}"
    chosen = [] if array is None else ["--array", array]
    code, text, err = run("export", places["result"], "--out", out, *chosen, "--json")
    assert code == 0, err
    assert json.loads(text) == {
        "file": str(out),
        "array": array or "reviewed labels",
        "shape": [8, 16, 16],
    }
    result, written = load_result(places["result"]), read_volume(out)
    expected = result.labels if array is None else result.measure(array)
    np.testing.assert_array_equal(written.read(Roi.whole(written.shape)), np.asarray(expected))
    assert written.spec.geometry.spacing == pytest.approx((2.0, 0.5, 0.5))
    assert written.spec.geometry.unit == "micrometer"


def test_probabilities_are_exported_with_a_channel_a_class(
    run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "p.ome.tif"
    code, text, err = run("export", places["result"], "--out", out, "--array", "mean_probability")
    assert code == 0, err
    assert "3 x 8 x 16 x 16 voxels" in text
    second = read_volume(out, axes="1ZYX")
    expected = load_result(places["result"]).mean_probability[1]
    np.testing.assert_array_equal(second.read(Roi.whole(second.shape)), expected)


def test_a_file_is_replaced_only_on_request(
    run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "mask.ome.tif"
    assert run("export", places["result"], "--out", out).code == 0
    before = out.read_bytes()
    code, _, err = run("export", places["result"], "--out", out, "--array", "expected_error")
    assert code == 2
    assert "--overwrite" in err
    assert out.read_bytes() == before
    again = run("export", places["result"], "--out", out, "--labels", "predicted", "--overwrite")
    assert again.code == 0
    assert "predicted labels" in again.out
    assert [path.name for path in tmp_path.iterdir()] == ["mask.ome.tif"]


def test_the_reviewed_labels_are_those_of_the_journal(
    run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    result = load_result(shutil.copytree(places["result"], tmp_path / "r.zarr"))
    source = RegionSource.read(result, "predictive_entropy")
    table = source.find(RegionSettings("predictive_entropy", 0.0, 1.0))
    region = table.regions[0]
    with Review.open(result) as review:
        review.decide(
            [region],
            table.region_labels,
            Status.REJECTED,
            settings=None,
            replacement=Replacement.BACKGROUND,
        )
        for labels in ("reviewed", "predicted"):  # exported while the review is open
            out = tmp_path / f"{labels}.ome.tif"
            code, _, err = run("export", result.path, "--out", out, "--labels", labels)
            assert code == 0, err
    inside = np.asarray(table.region_labels) == region.id
    predicted = np.asarray(result.labels)
    written = [read_volume(tmp_path / f"{n}.ome.tif") for n in ("reviewed", "predicted")]
    reviewed, unchanged = (volume.read(Roi.whole(volume.shape)) for volume in written)
    np.testing.assert_array_equal(unchanged, predicted)
    np.testing.assert_array_equal(reviewed, np.where(inside, 0, predicted))
    assert (reviewed != predicted).any()


def test_an_unfinished_result_is_told_of(
    run: Run, places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "r.zarr"
    with monkeypatch.context() as patch:
        patch.setattr(
            "napari_bayesseg.inference.run.run_serially",
            lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt),
        )
        code = run("predict", places["scan"], "--model", places["bcnn"], "--out", out).code
    assert code == 130
    code, _, err = run("export", out, "--out", tmp_path / "mask.tif")
    assert code == 0
    assert err.startswith(f"warning: {out}: not finished")
    assert read_volume(tmp_path / "mask.tif").read(Roi.whole((8, 16, 16))).max() == 0
