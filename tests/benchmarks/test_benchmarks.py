"""The benchmarks themselves, on a scan and a model so small that they take a second."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

import benchmarks.__main__ as command
from benchmarks import (
    accuracy,
    case_worth,
    coherence,
    data,
    exactness,
    queue,
    real,
    review_worth,
    unseen,
)
from benchmarks.data import Case
from benchmarks.one_run import PARTS, run_fresh
from benchmarks.plain_pass import save_mean_network
from benchmarks.rows import Row, at_most
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.inference.result import Result
from napari_bayesseg.inference.scan import NormalisedScan, summarise_scan
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.networks.checkpoint import Normalisation
from napari_bayesseg.posteriors.network import NetworkPosterior
from napari_bayesseg.review.regions.region_table import find_result_regions
from tests.models import small_network, write_model

SHAPE = (8, 24, 24)
CHANNELS = ("inclusion", "delamination", "metal", "metal_zone", "rings", "delamination_fringes")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("benchmarks")


@pytest.fixture(scope="module")
def case(folder: Path) -> Case:
    """A scan of noise, labels of noise, and a box for every kind of defect."""
    rng = np.random.default_rng(0)
    masks = np.zeros((len(CHANNELS), *SHAPE), np.uint8)
    for channel in range(len(CHANNELS)):
        masks[channel, :, :6, 4 * channel : 4 * channel + 3] = 1
    masks[CHANNELS.index("delamination")] |= masks[-1]
    arrays = {
        "image": (rng.normal(1000, 100, SHAPE).astype(np.uint16), {"axes": "ZYX"}),
        "labels": (rng.integers(0, 3, SHAPE).astype(np.uint8), {"axes": "ZYX"}),
        "unseen": (masks, {"axes": "CZYX", "Channel": {"Name": list(CHANNELS)}}),
    }
    paths = []
    for name, (array, metadata) in arrays.items():
        paths.append(folder / f"{name}.ome.tif")
        tifffile.imwrite(paths[-1], array, ome=True, photometric="minisblack", metadata=metadata)
    return Case("tiny", *paths)


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    return write_model(folder / "model")


@pytest.fixture(scope="module")
def result(case: Case, model: Path, folder: Path) -> Result:
    return predict(case.image, model, folder / "result.zarr", num_samples=3)


def test_masks_are_read_by_name(case: Case) -> None:
    masks = unseen.kinds_of_defects(case)
    assert set(masks) == set(unseen.KINDS)
    assert masks["metal"].sum() == 8 * 6 * 3
    assert not (masks["delamination_core"] & masks["delamination_fringes"]).any()
    assert masks["delamination_core"].sum() == 8 * 6 * 3


def test_scores_of_a_perfect_prediction(case: Case, result: Result, folder: Path) -> None:
    """Against its own labels a prediction is right everywhere; all of them wrong is 0."""
    labels = np.asarray(result.labels)
    found = {}
    for name, array in (("same", labels), ("other", (labels + 1) % 3)):
        path = folder / f"{name}.ome.tif"
        tifffile.imwrite(path, array, ome=True, metadata={"axes": "ZYX"})
        found[name] = accuracy.scores(result, Case(name, case.image, path))
    assert found["same"]["share of right voxels"] == 1.0
    assert found["other"]["share of right voxels"] == 0.0
    mean = np.asarray(result.mean_probability).astype(np.float64)
    expected = -np.log(mean.max(axis=0)).mean()
    assert found["same"]["negative log-likelihood (nat)"] == pytest.approx(expected, rel=1e-5)


def test_defects_are_compared_with_ordinary_material(case: Case, result: Result) -> None:
    found = unseen.defect_scores(result, case)
    information = np.asarray(result.measure("mutual_information")).astype(np.float64)
    ordinary = np.ones(SHAPE, bool)
    ordinary[:, :6] = ~np.tile([True, True, True, False], (8, 6, 6))
    expected = information[:, :6, 8:11].mean() / information[ordinary].mean()
    assert found["metal", "mean MI / ordinary"] == pytest.approx(expected, rel=1e-5)
    assert 0 <= found["metal", "AUROC by MI"] <= 1


def test_regions_are_told_by_the_defects_that_they_lie_in(case: Case, result: Result) -> None:
    table = find_result_regions(result, "predictive_entropy", -1.0, max_extent=100.0)
    (whole,) = table.regions
    (found,) = queue.defect_shares(table, case, [whole])
    assert set(found) == set(unseen.KINDS)
    assert found["metal"] == pytest.approx(8 * 6 * 3 / np.prod(SHAPE))


def test_a_network_of_mean_weights_has_one_draw(model: Path, folder: Path, case: Case) -> None:
    out = save_mean_network(model, folder / "mean")
    result = predict(case.image, out, folder / "mean.zarr", num_samples=2)
    np.testing.assert_array_equal(result.draw(0), result.draw(1))


def test_reviews_of_a_case_end_where_their_regions_do(
    case: Case, model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case_worth, "NUM_SAMPLES", 2)
    worth = case_worth.case_worth(case, model, save_mean_network(model, folder / "plain"))
    share = worth.wide.voxels.sum() / np.prod(SHAPE)
    assert share == pytest.approx(0.05, abs=1.5 / np.prod(SHAPE))
    rows = {row.metric: row for row in review_worth._rows("tiny", [worth] * 2, with_goals=True)}
    table = "tiny, 2 test cases: share removed, by volume looked at | 5 %"
    found = [rows[f"{table} | {order}"].value for order in ("ours", "random", "best possible")]
    in_regions = worth.wide.wrong.sum() / worth.wide.all_wrong
    np.testing.assert_allclose(found, in_regions, rtol=5e-3)  # a voxel more than 5 %
    assert str(rows[f"{table} | ours"].goal) == ">= 0.95"
    assert rows[f"{table} | ours, standard deviation"].value == 0


def test_coherent_tiles_keep_every_volume(case: Case) -> None:
    volume = read_volume(case.image)
    scan = NormalisedScan(volume, summarise_scan(volume, Normalisation()).statistics)
    posterior = NetworkPosterior(small_network())
    whole, coherent, independent = coherence.volumes(posterior, scan, 3, block=(8, 12, 12))
    np.testing.assert_allclose(coherent, whole, atol=2)
    counted = coherence.counted(posterior, scan, 3, block=(8, 12, 12))
    np.testing.assert_array_equal(counted, coherent)
    assert np.all(independent.sum(axis=1) == np.prod(SHAPE))
    assert not np.allclose(independent, whole, atol=2)


def test_a_resumed_run_has_the_same_hashes(model: Path, folder: Path) -> None:
    scan = Volume.from_array(np.random.default_rng(1).normal(size=(24, 40, 40)).astype("f4"))
    corners = ((0, 0, 0), (23, 39, 39))
    fresh = exactness._store(scan, str(model), folder / "fresh.zarr")
    resumed = exactness._interrupted(scan, str(model), folder / "resumed.zarr", corners)
    assert exactness._hashes(fresh) == exactness._hashes(resumed)


def test_a_fresh_process_is_timed_and_weighed(case: Case, model: Path, folder: Path) -> None:
    run = run_fresh(scan=case.image, model=model, out=folder / "fresh_process.zarr", num_samples=2)
    assert 0 < run.first_block_seconds <= run.seconds
    assert run.idle_bytes <= run.peak_bytes < 4e9
    assert run.num_blocks == 1
    assert run.block_shape == list(SHAPE)
    assert set(run.parts) == set(PARTS)
    assert sum(run.parts.values()) <= run.seconds  # one block: nothing is written beside another


def test_a_run_that_is_asked_to_stop_does_so(case: Case, model: Path, folder: Path) -> None:
    run = run_fresh(
        stop_after_blocks=2,
        scan=case.image,
        model=model,
        out=folder / "stopped.zarr",
        num_samples=1000,
        block_shape=(8, 8, 8),
    )
    assert 2 <= run.num_blocks < 9
    assert 0 <= run.cancel_seconds < run.seconds


def test_probabilities_made_of_labels_sum_to_one() -> None:
    labels = np.random.default_rng(0).integers(0, 118, (4, 6, 6))
    merged = real.merged_probabilities(labels, 1.0, 0)
    assert merged.shape == (6, 4, 6, 6)
    np.testing.assert_allclose(merged.sum(axis=0), 1, atol=1e-6)


def test_without_real_data_the_benchmark_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(data.REAL_DATA_VARIABLE, raising=False)
    (row,) = real.run(quick=True)
    assert data.REAL_DATA_VARIABLE in str(row.value)


def test_the_command_writes_what_the_contract_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {False: [Row("a", 1, at_most(2))], True: [Row("a", 3, at_most(2))]}
    monkeypatch.setattr(command, "BENCHMARKS", {"one": rows.get, "two": lambda _: []})
    file = tmp_path / "out.json"
    assert command.main(["one", "--json", str(file)]) == 0
    assert command.main(["all", "--quick", "--json", str(file)]) == 1
    entries = json.loads(file.read_text(encoding="utf-8"))
    assert [entry["name"] for entry in entries] == ["one", "two"]
    assert entries[0]["results"] == [{"metric": "a", "value": 3, "goal": "<= 2", "holds": False}]
    assert "| a | **3 ✗ (≤ 2)** |" in capsys.readouterr().out
