"""The streaming pass against NumPy on the whole array."""

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.voxel_statistics import VoxelStatistics


def stream(scan, *percentiles, thickness=3):
    statistics = VoxelStatistics()
    for start in range(0, scan.shape[0], thickness):
        statistics.update(scan[start : start + thickness])
    return statistics.finish(*percentiles)


def by_numpy(scan, low_percentile=0.5, high_percentile=99.5):
    values = scan[np.isfinite(scan)].astype(np.float64)
    low, high = np.percentile(values, [low_percentile, high_percentile])
    clipped = values.clip(low, high)
    return {
        "count": values.size,
        "num_invalid": scan.size - values.size,
        "minimum": values.min(),
        "maximum": values.max(),
        "low": low,
        "high": high,
        "mean": clipped.mean(),
        "std": clipped.std(),
    }


def scan_of(dtype, seed=0, shape=(20, 31, 33)):
    rng = np.random.default_rng(seed)
    phases = np.array([20.0, 90.0, 160.0])[rng.integers(0, 3, shape)] + rng.normal(0, 8, shape)
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return phases > 100
    if kind.kind == "i":
        return np.round((phases - 100) * (1 if kind.itemsize == 1 else 150)).clip(
            np.iinfo(kind).min, np.iinfo(kind).max
        ).astype(kind)  # fmt: skip
    return (phases * (1 if kind.itemsize == 1 else 300)).clip(0, None).astype(kind)


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", "<u2", ">u2", "<i2", ">i2"])
@pytest.mark.parametrize("percentiles", [(0.5, 99.5), (0, 100), (10, 60)])
def test_small_integers_are_exact(dtype, percentiles):
    scan = scan_of(dtype)
    found = stream(scan, *percentiles)
    for name, value in by_numpy(scan, *percentiles).items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-12, abs=1e-12), name


def test_extreme_integers_fall_into_place():
    found = stream(np.array([[-32768, 32767, -1, 0]], dtype=np.int16), 0, 100)
    assert (found.minimum, found.low, found.high, found.maximum) == (-32768, -32768, 32767, 32767)
    assert found.mean == pytest.approx(-0.5)


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f4", "f8", "i4", "u4", "i8", "u8"])
def test_other_types_are_exact_but_for_the_percentiles(dtype):
    scan = scan_of(dtype) if dtype != "f2" else scan_of("f4").astype("f2")
    found, expected = stream(scan), by_numpy(scan)
    for name in ("count", "num_invalid", "minimum", "maximum"):
        assert getattr(found, name) == expected[name], name
    assert found.low == pytest.approx(expected["low"], rel=1 / 128)
    assert found.high == pytest.approx(expected["high"], rel=1 / 128)
    assert found.mean == pytest.approx(expected["mean"], rel=1e-4)
    assert found.std == pytest.approx(expected["std"], rel=1e-3)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_moments_without_a_clip_are_exact_on_a_large_offset(dtype):
    rng = np.random.default_rng(1)
    scan = (1e6 + rng.normal(size=(10, 40, 40))).astype(dtype)
    found, expected = stream(scan, 0, 100), by_numpy(scan, 0, 100)
    for name in ("low", "high", "mean", "std"):
        assert getattr(found, name) == pytest.approx(expected[name], rel=1e-8), name


def test_signs_zeros_and_denormals_keep_their_order():
    scan = np.array([[-3.5, -1e-42, -0.0, 0.0, 1e-42, 2.25, 300.0]], dtype=np.float32)
    for percent, value in zip(np.arange(0, 101, 100 / 6), np.sort(scan[0]), strict=True):
        assert stream(scan, percent, 100).low == pytest.approx(float(value), rel=1e-6, abs=1e-12)


def test_invalid_voxels_are_counted_and_left_out():
    scan = scan_of("f8")
    scan[0, 0, :5] = [np.nan, np.inf, -np.inf, 1e300, -1e300]
    scan[7, 3, 3] = np.nan
    found = stream(scan)
    scan[0, 0, 3:5] = np.nan  # beyond float32, so infinite
    assert found.num_invalid == 6
    assert found.count == scan.size - 6
    assert found.maximum == np.nanmax(scan[np.isfinite(scan)])


@pytest.mark.parametrize("dtype", ["f4", "i2", "f8"])
def test_cutting_the_scan_elsewhere_changes_nothing(dtype):
    scan = scan_of(dtype)
    assert stream(scan, thickness=1) == stream(scan, thickness=7) == stream(scan, thickness=99)
    assert stream(scan.copy(order="F")) == stream(scan)


@pytest.mark.parametrize("value", [np.uint16(7), np.float32(0.1), np.float64(-1e-30), np.int32(0)])
def test_a_constant_scan_says_so(value):
    found = stream(np.full((4, 5, 6), value))
    assert found.is_constant
    assert found.low == found.high == found.mean == pytest.approx(float(value))


def test_a_scan_that_is_empty_but_for_a_few_voxels_counts_as_constant():
    scan = np.zeros((10, 10, 100), dtype=np.float32)
    scan[0, 0, :10] = 5.0
    found = stream(scan)
    assert found.is_constant
    assert found.maximum == 5.0


def test_a_ramp_cut_by_the_clip():
    scan = np.linspace(1.0, 1.0078, 10_000, dtype=np.float64)[None]  # one bucket
    found, expected = stream(scan, 10, 90), by_numpy(scan, 10, 90)
    for name in ("low", "high", "mean"):
        assert getattr(found, name) == pytest.approx(expected[name], abs=1e-6), name
    assert found.std == pytest.approx(expected["std"], rel=5e-3)


def test_finish_may_be_called_between_pieces():
    statistics = VoxelStatistics()
    statistics.update(np.array([1, 2, 3], dtype=np.uint8))
    assert statistics.finish(0, 100).mean == 2.0
    statistics.update(np.array([6], dtype=np.uint8))
    assert statistics.finish(0, 100).mean == 3.0


def test_refusals():
    statistics = VoxelStatistics()
    with pytest.raises(SettingsError, match="no finite voxel"):
        statistics.finish()
    statistics.update(np.full(3, np.nan, dtype=np.float32))
    with pytest.raises(SettingsError, match="3 are NaN"):
        statistics.finish()
    with pytest.raises(SettingsError, match="one type"):
        statistics.update(np.zeros(3, dtype=np.uint8))
    with pytest.raises(SettingsError, match="real numbers"):
        VoxelStatistics().update(np.zeros(3, dtype=complex))
    with pytest.raises(SettingsError, match="low <= high"):
        statistics.finish(60, 40)
