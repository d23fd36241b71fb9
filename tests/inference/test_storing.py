"""Settings that choose how numbers are computed and stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.inference.result import Result, load_result


@pytest.fixture(scope="module")
def full(
    models: dict[str, Path], scan_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Result:
    out = tmp_path_factory.mktemp("full") / "r.zarr"
    return predict(scan_path, models["bcnn"], out, num_samples=3, block_shape=(8, 16, 16))


@pytest.mark.parametrize(("store_dtype", "error"), [("float16", 6e-4), ("uint8", 3e-3)])
def test_maps_in_fewer_bits_are_read_as_what_they_were(
    store_dtype: str,
    error: float,
    full: Result,
    models: dict[str, Path],
    scan_path: Path,
    tmp_path: Path,
) -> None:
    out = tmp_path / "r.zarr"
    arguments = {"num_samples": 3, "block_shape": (8, 16, 16)}
    predict(scan_path, models["bcnn"], out, store_dtype=store_dtype, **arguments)
    small = load_result(out)
    assert small.settings.store_dtype == store_dtype
    np.testing.assert_array_equal(small.labels, full.labels)
    np.testing.assert_array_equal(
        small.draw_counts().configurations, full.draw_counts().configurations
    )
    for name in ("mean_probability", *full.measures):
        values = np.asarray(full.array(name))
        # Relative to the range of the map: 8 bits are spread over it.
        bound = error * max(1.0, float(values.max()))
        np.testing.assert_allclose(np.asarray(small.array(name)), values, atol=bound)
        np.testing.assert_array_equal(small.read(name), np.asarray(small.array(name)))
    with pytest.raises(StoreError, match=f"store_dtype {store_dtype} there, None now"):
        predict(scan_path, models["bcnn"], out, **arguments)


@pytest.mark.filterwarnings("ignore:this processor does not multiply bfloat16")
def test_the_precision_is_part_of_the_run_and_of_its_draws(
    full: Result, models: dict[str, Path], scan_path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "r.zarr"
    predict(
        scan_path,
        models["bcnn"],
        out,
        num_samples=3,
        block_shape=(8, 16, 16),
        precision="bfloat16",
    )
    coarse = load_result(out)
    assert coarse.settings.precision == "bfloat16"
    assert coarse.record["identity"]["settings"]["precision"] == "bfloat16"
    difference = np.abs(np.asarray(coarse.mean_probability) - np.asarray(full.mean_probability))
    assert 1e-5 < difference.max() < 0.1
    mean = np.mean([coarse.draw(t) for t in range(3)], axis=0, dtype=np.float64)
    np.testing.assert_allclose(coarse.mean_probability, mean, atol=1e-6)
