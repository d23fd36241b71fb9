from __future__ import annotations

import threading
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_bayesseg.core.errors import SettingsError, StoreError
from napari_bayesseg.inference.result import Result
from napari_bayesseg.numerics.threshold_curve import threshold_curve
from napari_bayesseg.review.regions import maps_memory, region_source, region_tree, streamed_source
from napari_bayesseg.review.regions.region_names import RegionNames
from napari_bayesseg.review.regions.region_settings import RegionSettings, default_measure
from napari_bayesseg.review.regions.region_source import RegionSource
from napari_bayesseg.review.regions.region_table import RegionTable, find_result_regions
from napari_bayesseg.review.regions.streamed_source import StreamedSource
from tests.results import write_result
from tests.review.cases import CLASSES, SHAPE, write_random_result


@pytest.fixture
def result(tmp_path: Path) -> Result:
    return write_random_result(tmp_path / "r.zarr")


def same(first: RegionTable, second: RegionTable) -> bool:
    return first.regions == second.regions and np.array_equal(
        first.region_labels, second.region_labels
    )


@pytest.mark.parametrize("measure", ["mutual_information", "mutual_information_excess"])
def test_one_reading_answers_for_every_threshold(result: Result, measure: str) -> None:
    source = RegionSource.read(result, measure)
    np.testing.assert_array_equal(source.values, result.read(measure))
    np.testing.assert_array_equal(source.labels, result.labels[...])
    np.testing.assert_array_equal(source.expected_error, result.read("expected_error"))
    assert (source.geometry, source.class_names) == (result.geometry, result.class_names)
    for quantile in (0.7, 0.95):
        lower = float(np.nanquantile(source.values, quantile))
        table = source.find(RegionSettings(measure, lower, lower, 2.0, 6.0))
        expected = find_result_regions(result, measure, lower, min_volume=2.0, max_extent=6.0)
        assert same(table, expected)
        assert table.expected_error_volume == expected.expected_error_volume
        assert table.boundary_uncertainty == expected.boundary_uncertainty
        assert (table.measure, table.threshold, table.run_id) == (measure, lower, source.run_id)


def test_maps_of_one_result_are_shared(result: Result, monkeypatch) -> None:
    first = RegionSource.read(result, "mutual_information_excess")
    monkeypatch.setattr(region_source, "boundary_uncertainty", None)  # not computed again
    second = RegionSource.read(result, "expected_error_excess", sharing=first)
    monkeypatch.undo()
    assert second.labels is first.labels
    assert second.valid is first.valid
    alone = RegionSource.read(result, "expected_error_excess")
    np.testing.assert_array_equal(second.values, alone.values)
    assert (second.boundary_length, second.bounds) == (alone.boundary_length, alone.bounds)
    assert second.curve.total == alone.curve.total


@pytest.mark.parametrize("measure", ["mutual_information", "mutual_information_excess"])
def test_only_what_was_processed_counts(tmp_path: Path, measure: str) -> None:
    result = write_random_result(tmp_path / "r.zarr", roi="1:4,10:60,20:100")
    source = RegionSource.read(result, measure)
    inside = np.zeros(SHAPE, bool)
    inside[1:4, 10:60, 20:100] = True
    np.testing.assert_array_equal(source.valid, inside)
    np.testing.assert_array_equal(np.isfinite(source.values), inside)
    values = source.values[inside]
    assert source.bounds == (values.min(), values.max())
    assert source.curve.counts.sum() == inside.sum()
    assert source.percentile(50.0) == pytest.approx(np.median(values), rel=1e-6)
    regions = source.find(RegionSettings(measure, float(np.median(values)), 9.0)).regions
    assert regions
    assert all(min(region.box.start) >= 1 for region in regions)


@settings(deadline=None)
@given(
    percent=st.floats(0, 100),
    seed=st.integers(0, 5),
    kind=st.sampled_from(["even", "heavy", "constant", "one", "ties"]),
)
def test_a_percentile_is_that_of_all_values(percent: float, seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    shape = (3, 5, 7)
    values = {
        "even": rng.random(shape),
        "heavy": rng.standard_cauchy(shape),
        "constant": np.full(shape, 0.25),
        "one": rng.random(shape),
        "ties": rng.integers(0, 3, shape) / 10,
    }[kind].astype(np.float32)
    valid = rng.random(shape) > 0.3
    if kind == "one":
        valid[...] = False
        valid[1, 2, 3] = True
    curve = threshold_curve(values, values, valid, 1.0)
    source = RegionSource("m", values, values, values, valid, None, (), "", 0.0, curve)
    expected = np.percentile(values[valid].astype(np.float64), percent)
    assert source.percentile(percent) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_where_nothing_is_valid_percentiles_are_zero() -> None:
    nothing = np.zeros((1, 2, 3), np.float32)
    curve = threshold_curve(nothing, nothing, nothing > 0, 1.0)
    source = RegionSource("m", nothing, nothing, nothing, nothing > 0, None, (), "", 0.0, curve)
    assert source.percentile(99.0) == 0.0


def test_settings_of_another_measure_are_refused(result: Result) -> None:
    source = RegionSource.read(result, "mutual_information")
    with pytest.raises(SettingsError, match="these maps are of mutual_information; the settings"):
        source.find(RegionSettings("expected_error", 0.1, 0.2))
    with pytest.raises(SettingsError, match="lower threshold"):
        source.find(RegionSettings("mutual_information", np.nan, 0.2))


def test_measures_are_checked(result: Result) -> None:
    with pytest.raises(SettingsError, match="measure must be one of"):
        RegionSource.read(result, "doubt")
    with pytest.raises(StoreError, match="holds no measure 'variation_ratio'; it holds mutual"):
        RegionSource.read(result, "variation_ratio_excess")


@pytest.mark.parametrize(("available", "fits"), [(None, True), (10**9, True), (10**5, False)])
def test_an_excess_that_does_not_fit_is_refused_with_its_size(
    result, monkeypatch, available, fits
) -> None:
    monkeypatch.setattr(maps_memory, "available_memory", lambda: available)
    if fits:
        source = RegionSource.read(result, "mutual_information_excess")
        assert source.values.shape == SHAPE
        return
    assert default_measure(result) == "mutual_information"
    with pytest.raises(StoreError, match=r"needs 0\.0 GB of memory, 0\.0 GB are available: take"):
        RegionSource.read(result, "mutual_information_excess")


@pytest.mark.parametrize("roi", [None, "1:4,10:60,20:100"])
@pytest.mark.parametrize("tree_fits", [True, False])
def test_a_result_larger_than_the_memory_has_the_same_regions(
    tmp_path: Path, monkeypatch, tree_fits: bool, roi: str | None
) -> None:
    result = write_random_result(tmp_path / "r.zarr", roi=roi)
    settings = RegionSettings("mutual_information", 0.28, 0.3, 2.0, 10.0)
    expected = RegionSource.read(result, "mutual_information")
    monkeypatch.setattr(maps_memory, "available_memory", lambda: 1000)
    monkeypatch.setattr(region_tree, "available_memory", lambda: 10**10 if tree_fits else 1000)
    monkeypatch.setattr(streamed_source, "_SLAB_VOXELS", 1)
    monkeypatch.setattr(Result, "read", None)
    source = RegionSource.read(result, "mutual_information")
    assert isinstance(source, StreamedSource)
    assert source.bounds == expected.bounds
    np.testing.assert_array_equal(source.curve.counts, expected.curve.counts)
    np.testing.assert_allclose(source.curve.errors, expected.curve.errors, rtol=1e-12)
    assert source.percentile(99) == pytest.approx(expected.percentile(99), abs=1e-3)
    tables = source.find(settings), expected.find(settings)
    assert len(tables[0].regions) == len(tables[1].regions) > 3
    voxels = [np.asarray(table.region_labels) > 0 for table in tables]
    np.testing.assert_array_equal(*voxels)
    assert np.isnan(tables[0].boundary_uncertainty)


def test_what_stays_on_the_disk_is_not_shared_when_there_is_room_again(
    result: Result, monkeypatch
) -> None:
    expected = RegionSource.read(result, "expected_error")
    with monkeypatch.context() as patch:
        patch.setattr(maps_memory, "available_memory", lambda: 1000)
        streamed = RegionSource.read(result, "mutual_information")
    source = RegionSource.read(result, "expected_error", sharing=streamed)
    assert source.is_held
    assert not streamed.is_held
    np.testing.assert_array_equal(source.expected_error, expected.expected_error)
    np.testing.assert_array_equal(source.curve.errors, expected.curve.errors)
    assert source.boundary_length == expected.boundary_length


def test_a_lost_piece_of_a_result_larger_than_the_memory_is_no_silent_zero(
    result: Result, monkeypatch
) -> None:
    monkeypatch.setattr(maps_memory, "available_memory", lambda: 1000)
    chunk = next(
        path
        for path in sorted((result.path / "measures/mutual_information/0/c").rglob("*"))
        if path.is_file()
    )
    chunk.unlink()
    with pytest.raises(StoreError, match="is missing"):
        RegionSource.read(result, "mutual_information")


def test_threads_may_search_at_the_same_time(result: Result) -> None:
    source = RegionSource.read(result, "mutual_information_excess")
    thresholds = [float(np.nanquantile(source.values, q)) for q in (0.8, 0.9, 0.95, 0.99)]
    alone = [source.find(RegionSettings(source.measure, t, t)) for t in thresholds]
    found: dict[float, RegionTable] = {}

    def search(threshold: float) -> None:
        found[threshold] = source.find(RegionSettings(source.measure, threshold, threshold))

    threads = [threading.Thread(target=search, args=(threshold,)) for threshold in thresholds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for threshold, expected in zip(thresholds, alone, strict=True):
        assert same(found[threshold], expected)


@pytest.mark.parametrize("dtype", ["uint8", "float16"])
@pytest.mark.parametrize("measure", ["mutual_information", "mutual_information_excess"])
def test_regions_of_maps_in_fewer_bits_are_those_of_their_values(
    tmp_path: Path, dtype: str, measure: str
) -> None:
    few = write_random_result(tmp_path / "few.zarr", roi="0:5,0:70,0:110", store_dtype=dtype)
    maps = {name: few.read(name) for name in few.measures}
    assert not np.array_equal(
        maps["mutual_information"],
        write_random_result(tmp_path / "full.zarr").read("mutual_information"),
    )
    # The labels are those of the unrounded probabilities in both.
    probability = np.eye(len(CLASSES))[few.labels[...]].transpose(3, 0, 1, 2)
    same_values = write_result(
        tmp_path / "same.zarr", probability, maps, class_names=CLASSES, roi="0:5,0:70,0:110"
    )
    source = RegionSource.read(few, measure)
    expected = RegionSource.read(same_values, measure)
    np.testing.assert_array_equal(source.values, expected.values)
    assert np.isnan(source.values[..., 110:]).all()
    lower = float(np.nanquantile(source.values, 0.9))
    settings = RegionSettings(measure, lower, lower, 2.0, 6.0)
    assert len(source.find(settings).regions) > 3
    assert same(source.find(settings), expected.find(settings))


def test_the_expected_error_comes_from_probabilities_in_fewer_bits_too(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    probability = rng.dirichlet(np.ones(3), SHAPE).transpose(3, 0, 1, 2)
    maps = {"mutual_information": rng.random(SHAPE)}
    result = write_result(tmp_path / "r.zarr", probability, maps, store_dtype="uint8")
    found = RegionSource.read(result, "mutual_information").expected_error
    np.testing.assert_allclose(found, 1 - probability.max(0), atol=0.5 / 254 + 1e-6)


def test_a_threshold_is_moved_to_the_next_one_that_costs_nothing(result: Result) -> None:
    source = RegionSource.read(result, "mutual_information")
    first = RegionSettings("mutual_information", 0.2912345, 0.3)
    assert source.snap(first) == first
    near = source.snap(replace(first, lower=0.29321))
    assert near.lower == pytest.approx(0.2932, abs=1e-4)
    assert near.lower <= 0.29321
    table = source.find(near)
    mask = (source.values > np.float32(near.lower)) & source.valid
    np.testing.assert_array_equal(np.asarray(table.region_labels) > 0, mask)


def test_regions_depend_on_the_settings_alone(result: Result) -> None:
    source = RegionSource.read(result, "mutual_information")
    settings = RegionSettings(source.measure, 0.29, 0.3, max_extent=10.0)
    alone = source.find(settings)
    for lower in (0.1, 0.25, 0.288, 0.0, -1.0):
        source.find(replace(settings, lower=lower))
        source.find(replace(settings, lower=lower, max_extent=5.0))
    assert same(source.find(settings), alone)


@pytest.mark.parametrize("lower", [0.05, 0.26, 0.294])
@pytest.mark.parametrize("distance", [None, 1.5])
def test_without_room_for_a_tree_the_regions_are_the_same(
    result: Result, monkeypatch, lower: float, distance: float | None
) -> None:
    settings = RegionSettings("mutual_information", lower, 0.3, 2.0, 10.0, distance)
    with_tree = RegionSource.read(result, "mutual_information").find(settings)
    source = RegionSource.read(result, "mutual_information")
    monkeypatch.setattr(region_tree, "available_memory", lambda: 1000)
    monkeypatch.setattr(region_tree, "build_component_tree", None)
    monkeypatch.setattr(region_source, "_SLAB_VOXELS", 70 * 130 * 2)
    found = source.find(settings)
    np.testing.assert_array_equal(
        np.asarray(found.region_labels) > 0, np.asarray(with_tree.region_labels) > 0
    )
    key = attrgetter("position")
    for one, other in zip(
        sorted(found.regions, key=key), sorted(with_tree.regions, key=key), strict=True
    ):
        sides = (replace(r, id=0, expected_error_volume=0, mean=0) for r in (one, other))
        assert len(set(sides)) == 1
        assert one.expected_error_volume == pytest.approx(other.expected_error_volume)
        assert one.mean == pytest.approx(other.mean)


def test_names_give_the_ids(result: Result) -> None:
    source = RegionSource.read(result, "mutual_information")
    names = RegionNames(SHAPE)
    settings = RegionSettings(source.measure, 0.297, 0.3)
    high = source.find(settings, names)
    low = source.find(source.snap(replace(settings, lower=0.29)), names)
    assert [region.id for region in high.regions] == list(range(1, len(high.regions) + 1))
    ids = [region.id for region in low.regions]
    assert len(set(ids)) == len(ids)
    by_position = {region.position: region.id for region in low.regions}
    for region in high.regions:
        assert by_position.get(region.position, region.id) == region.id
    region = low.regions[-1]
    assert low.region_labels[region.position] == region.id
