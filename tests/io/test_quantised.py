from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_bayesseg.io.quantised import DecodedArray, Quantisation, decoded, encode

RANGES = [(0.0, 1.0), (0.0, 0.5), (0.0, math.log(7)), (-2.0, 3.0)]
SHAPE = (7, 6, 5)


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_what_is_in_the_range_comes_back_within_half_a_step(
    rng: np.random.Generator, low: float, high: float
) -> None:
    quantisation = Quantisation.of_range(low, high)
    values = rng.uniform(low, high, 10_000).astype(np.float32)
    found = quantisation.decode(quantisation.encode(values))
    assert np.abs(found - values).max() <= quantisation.scale / 2 + 1e-6
    ends = np.array([low, high], np.float32)
    np.testing.assert_array_equal(quantisation.encode(ends), [0, 254])
    np.testing.assert_allclose(quantisation.decode(quantisation.encode(ends)), ends, rtol=1e-6)


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_codes_come_back_as_they_were(low: float, high: float) -> None:
    quantisation = Quantisation.of_range(low, high)
    codes = np.arange(256, dtype=np.uint8)
    values = quantisation.decode(codes)
    assert (np.diff(values[:255]) > 0).all()
    np.testing.assert_array_equal(quantisation.encode(values), codes)


def test_nan_stays_nan_and_the_rest_is_clipped() -> None:
    quantisation = Quantisation.of_range(0.0, 1.0)
    values = np.array([np.nan, -0.1, 1.1, np.inf, -np.inf], np.float32)
    codes = quantisation.encode(values)
    assert codes.tolist() == [255, 0, 254, 254, 0]
    np.testing.assert_array_equal(quantisation.decode(codes), np.float32([np.nan, 0, 1, 1, 0]))


def test_it_is_written_in_the_attributes() -> None:
    quantisation = Quantisation.of_range(0.0, 0.5)
    assert quantisation.attributes == {"scale": 0.5 / 254, "offset": 0.0, "nan_code": 255}
    assert Quantisation.from_attributes(quantisation.attributes) == quantisation


@pytest.mark.parametrize(
    "change",
    [
        {"scale": 0.0},
        {"scale": float("nan")},
        {"offset": float("inf")},
        {"nan_code": 0},
        {"scale": None},
    ],
)
def test_attributes_that_make_no_sense_are_refused(change: dict[str, float]) -> None:
    attributes = Quantisation.of_range(0.0, 1.0).attributes | change
    with pytest.raises(ValueError, match="scale, offset"):
        Quantisation.from_attributes(attributes)
    with pytest.raises(ValueError, match="without scale"):
        Quantisation.from_attributes({})


def stored(path: Path, dtype: str, quantisation: Quantisation | None) -> zarr.Array:
    attributes = None if quantisation is None else quantisation.attributes
    return zarr.create_array(
        path, shape=SHAPE, chunks=(4, 3, 5), dtype=dtype, attributes=attributes
    )


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32"])
def test_arrays_are_read_as_float32(tmp_path: Path, rng: np.random.Generator, dtype: str) -> None:
    quantisation = Quantisation.of_range(0.0, 1.0) if dtype == "uint8" else None
    raw = stored(tmp_path / "a.zarr", dtype, quantisation)
    array = decoded(raw)
    values = rng.random(SHAPE, dtype=np.float32)
    values[0, 0, 0] = np.nan
    kept = encode(array, values)
    assert kept.dtype == dtype
    raw[...] = kept
    assert (array.shape, array.ndim, array.dtype, array.chunks) == (SHAPE, 3, np.float32, (4, 3, 5))
    step = {"uint8": 0.5 / 254, "float16": 2.0**-12, "float32": 0.0}[dtype]
    whole = np.asarray(array)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(whole, values, atol=step + 1e-7, rtol=0)
    for key in (np.s_[2], np.s_[1:3, ::2, -1], np.s_[..., 4], np.s_[0, 0, 0]):
        np.testing.assert_array_equal(array[key], whole[key])
    assert isinstance(array, DecodedArray) == (dtype != "float32")
