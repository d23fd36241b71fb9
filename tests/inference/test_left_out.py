from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_bayesseg.core.errors import BayesSegError, SettingsError, StoreError
from napari_bayesseg.inference.predict import RunHooks, predict
from napari_bayesseg.inference.result import Result, load_result
from napari_bayesseg.inference.serial_runner import Cancelled

BLOCK = (8, 8, 8)
SHAPE = (8, 24, 32)
SAMPLES = 2


@pytest.fixture(scope="module")
def scan() -> np.ndarray:
    """The blocks in columns 8 to 15 hold no value above 100."""
    scan = np.random.default_rng(1).integers(200, 900, SHAPE).astype(np.uint16)
    scan[:, :, 8:16] = 100
    return scan


@pytest.fixture(scope="module")
def mask_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Only one voxel is set, in the block of rows 8 to 15 and columns 24 to 31."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[7, 8, 31] = 1
    path = tmp_path_factory.mktemp("masks") / "mask.tif"
    tifffile.imwrite(path, mask, metadata={"axes": "ZYX"})
    return path


def run(scan: np.ndarray, models: dict[str, Path], out: Path, **settings: Any) -> Result:
    values = {"num_samples": SAMPLES, "block_shape": BLOCK, **settings}
    return predict(scan, models["bcnn"], out, **values)


@pytest.fixture(scope="module")
def whole(
    scan: np.ndarray, models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Result:
    return run(scan, models, tmp_path_factory.mktemp("whole") / "r.zarr")


def assert_left_out(result: Result, whole: Result, computed: list[int]) -> None:
    """The blocks `computed` are those of the whole run, the others empty."""
    mask = np.full(result.plan.grid, 2)
    mask.flat[computed] = 1
    np.testing.assert_array_equal(result.block_mask, mask)
    assert result.is_complete
    assert result.blocks_left_out == mask.size - len(computed)
    inside = np.zeros(SHAPE, bool)
    for index in computed:
        inside[result.plan.block(index).core.slices] = True
    for name in ("labels", "mean_probability", *result.measures):
        empty = 0 if name == "labels" else np.nan
        expected = np.where(inside, np.asarray(whole.array(name)), empty)
        np.testing.assert_array_equal(result.array(name), expected, err_msg=name)
    rows = result._store.ledger.rows()
    assert set(rows) == set(range(mask.size))
    for index in rows:
        counts, full = result._store.counts(index), whole._store.counts(index)
        wanted = full.configurations * (index in computed)
        np.testing.assert_array_equal(counts.configurations, wanted)
        np.testing.assert_array_equal(counts.voxels, full.voxels * (index in computed))


def test_blocks_without_a_voxel_above_the_value_are_left_out(
    scan: np.ndarray, models: dict[str, Path], tmp_path: Path, whole: Result
) -> None:
    result = run(scan, models, tmp_path / "r.zarr", skip_below=100)
    assert_left_out(result, whole, [0, 2, 3, 4, 6, 7, 8, 10, 11])
    # The whole scan normalises the grey values, whatever is left out.
    assert result.record["model"]["statistics"] == whole.record["model"]["statistics"]
    assert load_result(result.path).blocks_left_out == 3
    assert result.record["identity"]["settings"]["skip_below"] == 100.0


def test_one_voxel_above_it_is_enough(
    scan: np.ndarray, models: dict[str, Path], tmp_path: Path
) -> None:
    result = run(scan, models, tmp_path / "r.zarr", skip_below=99.5)
    assert result.blocks_left_out == 0
    assert np.asarray(result.block_mask).tolist() == np.ones(result.plan.grid).tolist()


def test_blocks_outside_a_mask_are_left_out(
    scan: np.ndarray, models: dict[str, Path], tmp_path: Path, whole: Result, mask_path: Path
) -> None:
    result = run(scan, models, tmp_path / "r.zarr", skip_outside=mask_path)
    assert_left_out(result, whole, [7])
    mask = tifffile.imread(mask_path)
    sha256 = hashlib.sha256(f"{SHAPE}/uint8/".encode() + mask.tobytes()).hexdigest()
    assert result.record["skip_outside"] == {"path": str(mask_path.resolve()), "sha256": sha256}
    assert result.record["identity"]["settings"]["skip_outside_sha256"] == sha256


def test_what_is_left_out_is_part_of_the_identity_only_where_it_was_asked_for(
    scan: np.ndarray, models: dict[str, Path], tmp_path: Path, whole: Result, mask_path: Path
) -> None:
    assert set(whole.record["identity"]["settings"]) == {
        "num_samples",
        "seed",
        "roi",
        "measures",
        "percentiles",
        "block_shape",
    }
    out = tmp_path / "r.zarr"
    run(scan, models, out, skip_below=100)
    with pytest.raises(StoreError, match=r"skip_below 100\.0 there, 50\.0 now"):
        run(scan, models, out, skip_below=50)
    with pytest.raises(StoreError, match="skip_below"):
        run(scan, models, out)
    with pytest.raises(StoreError, match="another settings skip_outside"):
        run(scan, models, out, skip_below=100, skip_outside=mask_path)


def test_a_mask_of_another_shape_is_refused_in_one_line(
    scan: np.ndarray, models: dict[str, Path], tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "m.tif", np.ones((8, 24, 33), np.uint8), metadata={"axes": "ZYX"})
    with pytest.raises(SettingsError, match=r"\(8, 24, 32\); got \(8, 24, 33\)") as caught:
        run(scan, models, tmp_path / "r.zarr", skip_outside=tmp_path / "m.tif")
    assert "\n" not in str(caught.value)
    with pytest.raises(BayesSegError, match="does not exist"):
        run(scan, models, tmp_path / "r.zarr", skip_outside=tmp_path / "absent.tif")
    assert not (tmp_path / "r.zarr").exists()


def test_a_result_is_not_written_into_the_mask(
    scan: np.ndarray, models: dict[str, Path], mask_path: Path
) -> None:
    with pytest.raises(StoreError, match="overlaps"):
        run(scan, models, mask_path, skip_outside=mask_path)


def test_a_cancelled_run_leaves_the_same_blocks_out_when_it_is_continued(
    scan: np.ndarray, models: dict[str, Path], tmp_path: Path, whole: Result
) -> None:
    out, calls = tmp_path / "r.zarr", []

    def stop() -> bool:
        calls.append(None)
        return len(calls) > 9

    with pytest.raises(Cancelled):
        run(scan, models, out, skip_below=100, hooks=RunHooks(should_stop=stop))
    again = run(scan, models, out, skip_below=100)
    assert_left_out(again, whole, [0, 2, 3, 4, 6, 7, 8, 10, 11])
