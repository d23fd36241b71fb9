from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_bayesseg.core.errors import BayesSegWarning, SettingsError, StoreError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.plan import BASE_BYTES
from napari_bayesseg.inference.predict import RunHooks, predict
from napari_bayesseg.inference.result import Result, load_result
from napari_bayesseg.inference.serial_runner import Cancelled
from napari_bayesseg.numerics.measure_formulas import mutual_information, predictive_entropy
from napari_bayesseg.numerics.uncertainty import MEASURES
from tests.models import write_model

BLOCK = (8, 16, 16)
SAMPLES = 4


def contents(result: Result) -> dict[str, np.ndarray]:
    names = {"labels": result.labels, "mean_probability": result.mean_probability}
    return {
        **{name: np.asarray(array) for name, array in names.items()},
        **{name: np.asarray(result.measure(name)) for name in result.measures},
    }


def assert_same(a: Result, b: Result) -> None:
    for name, values in contents(a).items():
        np.testing.assert_array_equal(values, contents(b)[name], err_msg=name)


@pytest.fixture(scope="module", params=["bcnn", "mc-dropout"])
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def reference(
    method: str, models: dict[str, Path], scan_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Result:
    out = tmp_path_factory.mktemp("reference") / "r.zarr"
    return predict(scan_path, models[method], out, num_samples=SAMPLES, block_shape=BLOCK)


def test_the_result_is_the_statistics_of_the_draws(reference: Result) -> None:
    draws = np.stack([reference.draw(t) for t in range(SAMPLES)])
    mean = draws.mean(0, dtype=np.float64)
    np.testing.assert_allclose(reference.mean_probability, mean, atol=1e-6)
    stored = np.asarray(reference.mean_probability)
    np.testing.assert_array_equal(reference.labels, stored.argmax(0))
    for name, formula in (
        ("predictive_entropy", predictive_entropy),
        ("mutual_information", mutual_information),
    ):
        np.testing.assert_allclose(reference.measure(name), formula(draws), atol=1e-5)
    assert reference.measures == tuple(MEASURES)
    assert reference.is_complete
    assert reference.processed.all()
    assert np.asarray(reference.block_mask).all()


@pytest.mark.parametrize("block", [(4, 12, 40), (13, 30, 37), (13, 8, 16)])
def test_any_block_shape_gives_the_same_result(
    block: tuple[int, int, int],
    method: str,
    models: dict[str, Path],
    scan_path: Path,
    tmp_path: Path,
    reference: Result,
) -> None:
    other = predict(
        scan_path, models[method], tmp_path / "r.zarr", num_samples=SAMPLES, block_shape=block
    )
    np.testing.assert_allclose(other.mean_probability, reference.mean_probability, atol=1e-5)
    top = np.sort(np.asarray(reference.mean_probability), axis=0)
    clear = top[-1] - top[-2] > 2e-5
    np.testing.assert_array_equal(
        np.asarray(other.labels)[clear], np.asarray(reference.labels)[clear]
    )


def test_the_order_of_the_blocks_changes_no_bit(
    method: str, models: dict[str, Path], scan_path: Path, tmp_path: Path, reference: Result
) -> None:
    other = predict(
        scan_path,
        models[method],
        tmp_path / "r.zarr",
        num_samples=SAMPLES,
        block_shape=BLOCK,
        focus=(12, 29, 36),
    )
    assert_same(other, reference)
    assert other.record["run_id"] == reference.record["run_id"]


def test_less_memory_cuts_blocks_into_parts_and_changes_only_rounding(
    method: str, models: dict[str, Path], scan_path: Path, tmp_path: Path, reference: Result
) -> None:
    other = predict(
        scan_path,
        models[method],
        tmp_path / "r.zarr",
        num_samples=SAMPLES,
        block_shape=BLOCK,
        memory=BASE_BYTES + 10**6,
    )
    assert other.record["run_id"] == reference.record["run_id"]
    np.testing.assert_allclose(other.mean_probability, reference.mean_probability, atol=1e-5)


def test_a_cancelled_run_is_continued_bit_for_bit(
    method: str, models: dict[str, Path], scan_path: Path, tmp_path: Path, reference: Result
) -> None:
    out, calls = tmp_path / "r.zarr", []

    def stop() -> bool:
        calls.append(None)
        return len(calls) > 10

    arguments = (scan_path, models[method], out)
    with pytest.raises(Cancelled):
        predict(
            *arguments, num_samples=SAMPLES, block_shape=BLOCK, hooks=RunHooks(should_stop=stop)
        )
    with pytest.warns(BayesSegWarning, match="not finished"):
        half = load_result(out)
    finished = int(np.asarray(half.block_mask).sum())
    assert 0 < finished < len(half.plan.blocks())
    assert np.isnan(np.asarray(half.measure("mutual_information"))[~half.processed]).all()
    # Without a block shape the run keeps the one that it was begun with.
    assert_same(predict(*arguments, num_samples=SAMPLES), reference)


KILLED = """
import os, signal, sys
from napari_bayesseg.inference.plan import BASE_BYTES
from napari_bayesseg.inference.predict import RunHooks, predict
scan, model, out, fatal = sys.argv[1:]
calls = 0
def progress(now):
    global calls
    calls += 1
    if calls == int(fatal):
        os.kill(os.getpid(), signal.SIGKILL)
predict(scan, model, out, num_samples=4, block_shape=(8, 16, 16), hooks=RunHooks(progress=progress))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kills", [4, pytest.param(10, marks=pytest.mark.long)])
def test_kills_leave_the_result_bit_for_bit(
    kills: int, models: dict[str, Path], scan_path: Path, tmp_path: Path
) -> None:
    """The same store is killed again and again, at different points, then finished."""
    out = tmp_path / "r.zarr"
    arguments = [str(scan_path), str(models["bcnn"]), str(out)]
    generator = np.random.default_rng(0)
    for fatal in generator.integers(1, 12, size=kills):
        done = subprocess.run([sys.executable, "-c", KILLED, *arguments, str(fatal)], check=False)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    reference = predict(
        *arguments[:2], tmp_path / "undisturbed.zarr", num_samples=SAMPLES, block_shape=BLOCK
    )
    assert_same(predict(*arguments, num_samples=SAMPLES, block_shape=BLOCK), reference)


def test_damaged_and_missing_chunks_are_computed_again(
    method: str, models: dict[str, Path], scan_path: Path, tmp_path: Path, reference: Result
) -> None:
    out = tmp_path / "r.zarr"
    arguments = (scan_path, models[method], out)
    predict(*arguments, num_samples=SAMPLES, block_shape=BLOCK)
    chunk = out / "measures" / "mutual_information" / "0" / "c" / "0" / "0" / "0"
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 0xFF
    chunk.write_bytes(content)
    (out / "labels" / "predicted" / "0" / "c" / "1" / "1" / "1").unlink()
    computed = []
    again = predict(
        *arguments,
        num_samples=SAMPLES,
        hooks=RunHooks(progress=lambda now: computed.append(now.block) if now.block else None),
    )
    assert len(computed) == 2
    assert_same(again, reference)


def test_another_run_at_the_same_place_is_refused_with_the_difference(
    models: dict[str, Path], scan_path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "r.zarr"
    predict(scan_path, models["bcnn"], out, num_samples=2)
    with pytest.raises(StoreError, match="seed 0 there, 1 now"):
        predict(scan_path, models["bcnn"], out, num_samples=2, seed=1)
    with pytest.raises(StoreError, match="another model weights"):
        predict(scan_path, models["mc-dropout"], out, num_samples=2)
    with pytest.raises(StoreError, match="another model weights"):
        predict(scan_path, write_model(tmp_path / "other", seed=9), out, num_samples=2)
    other = np.random.default_rng(0).integers(0, 99, (13, 30, 37)).astype(np.uint16)
    with pytest.raises(StoreError, match="another scan"):
        predict(other, models["bcnn"], out, num_samples=2)
    replaced = predict(scan_path, models["bcnn"], out, num_samples=2, seed=1, overwrite=True)
    assert replaced.settings.seed == 1
    assert {path.name for path in tmp_path.iterdir()} == {"r.zarr", "other"}


def test_folders_of_other_things_are_never_overwritten(
    models: dict[str, Path], scan_path: Path, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    with pytest.raises(StoreError, match="no result of napari-bayesseg"):
        predict(scan_path, models["bcnn"], precious, num_samples=2, overwrite=True)
    assert (precious / "thesis.txt").read_text() == "years of work"


def test_a_second_writer_is_refused(
    models: dict[str, Path], scan_path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "r.zarr"
    refusals = []

    def progress(_: object) -> None:
        if not refusals:
            with pytest.raises(StoreError, match="another process") as caught:
                predict(scan_path, models["bcnn"], out, num_samples=2)
            refusals.append(caught.value)

    predict(scan_path, models["bcnn"], out, num_samples=2, hooks=RunHooks(progress=progress))
    assert refusals


def test_a_roi_computes_what_the_whole_run_computes_there(
    method: str, models: dict[str, Path], scan_path: Path, tmp_path: Path, reference: Result
) -> None:
    part = predict(
        scan_path,
        models[method],
        tmp_path / "r.zarr",
        num_samples=SAMPLES,
        block_shape=BLOCK,
        roi="3:11,5:23,20:",
    )
    inside = part.plan.roi.slices
    np.testing.assert_allclose(
        np.asarray(part.mean_probability)[(slice(None), *inside)],
        np.asarray(reference.mean_probability)[(slice(None), *inside)],
        atol=1e-5,
    )
    assert part.processed.sum() == part.plan.roi.size
    assert np.isnan(np.asarray(part.mean_probability)[:, ~part.processed]).all()


def test_a_draw_of_a_box_is_the_part_of_the_whole_draw(reference: Result) -> None:
    whole = reference.draw(2)
    for roi in ("2:9,3:20,10:37", "0:1,0:1,0:1"):
        box = reference.draw(2, roi)
        slices = Roi.parse(roi, reference.spec.shape).slices
        np.testing.assert_allclose(box, whole[(slice(None), *slices)], atol=1e-6)
        other, same = reference.draws((1, 2), roi)
        np.testing.assert_array_equal(same, box)
        np.testing.assert_array_equal(other, reference.draw(1, roi))
    assert np.abs(whole - reference.draw(3)).max() > 1e-3
    with pytest.raises(SettingsError, match="0 or more"):
        reference.draw(-1)
    with pytest.raises(SettingsError, match="inside the scan"):
        reference.draw(0, "0:99,0:1,0:1")


def test_draws_of_a_scan_in_memory_need_the_scan(models: dict[str, Path], tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 99, (8, 16, 16)).astype(np.uint8)
    result = predict(array, models["bcnn"], tmp_path / "r.zarr", num_samples=2)
    whole = result.draw(0)
    with pytest.raises(StoreError, match="array in memory"):
        load_result(tmp_path / "r.zarr").draw(0)
    again = load_result(tmp_path / "r.zarr", scan=Volume.from_array(array)).draw(0)
    np.testing.assert_array_equal(again, whole)
    with pytest.raises(StoreError, match="changed since"):
        load_result(tmp_path / "r.zarr", scan=Volume.from_array(array + 1)).draw(0)


def test_invalid_voxels_have_no_uncertainty_and_trouble_only_their_surroundings(
    models: dict[str, Path], tmp_path: Path
) -> None:
    scan = np.random.default_rng(0).normal(size=(8, 16, 16)).astype(np.float32)
    scan[2, 3, 4] = np.nan
    with pytest.warns(BayesSegWarning, match="1 voxels are NaN"):
        result = predict(scan, models["bcnn"], tmp_path / "r.zarr", num_samples=2)
    for name in result.measures:
        values = np.asarray(result.measure(name))
        assert np.isnan(values[2, 3, 4])
        assert np.isnan(values).sum() == 1
    assert result.labels[2, 3, 4] == 0


def test_one_draw_is_told_to_mean_little(models: dict[str, Path], tmp_path: Path) -> None:
    scan = np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32)
    with pytest.warns(BayesSegWarning, match="no disagreement"):
        result = predict(scan, models["bcnn"], tmp_path / "r.zarr", num_samples=1)
    assert np.all(np.asarray(result.measure("mutual_information")) == 0)


def test_geometry_and_provenance_are_kept(reference: Result) -> None:
    assert reference.geometry.spacing == (2.0, 0.5, 0.5)
    assert reference.geometry.unit == "micrometer"
    record = reference.record
    assert record["scan"]["name"] == "scan"
    assert len(record["run_id"]) == len(record["scan"]["sha256"]) == 64
    assert record["settings"]["num_samples"] == SAMPLES
    assert {"torch", "numpy", "zarr"} <= record["making"]["versions"].keys()
    transforms = zarr.open_group(reference.path).attrs["ome"]["multiscales"][0]["datasets"][0]
    assert transforms["coordinateTransformations"][0]["scale"] == [1.0, 2.0, 0.5, 0.5]


def test_an_estimate_comes_before_the_first_block(
    models: dict[str, Path], scan_path: Path, tmp_path: Path
) -> None:
    events: list[str] = []
    predict(
        scan_path,
        models["bcnn"],
        tmp_path / "r.zarr",
        num_samples=2,
        hooks=RunHooks(
            estimated=lambda e: events.append(str(e)), progress=lambda _: events.append("")
        ),
    )
    assert "of memory" in events[0]
    assert "of disk" in events[0]
    assert "of memory" not in "".join(events[1:])


def test_coherence_totals_over_draws_do_not_depend_on_the_tiling(
    models: dict[str, Path], scan_path: Path, tmp_path: Path
) -> None:
    """The volume of a class in draw t is one number, whatever blocks it was computed in."""
    totals = []
    for index, block in enumerate([(13, 30, 37), (4, 8, 8)]):
        result = predict(
            scan_path, models["bcnn"], tmp_path / f"{index}.zarr", num_samples=2, block_shape=block
        )
        totals.append([result.draw(t).argmax(0).sum() for t in range(6)])
    np.testing.assert_allclose(*totals, atol=2)
    assert np.std(totals[0]) > 10
