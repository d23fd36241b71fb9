"""The scan of a result, to look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.result import Result, load_result
from tests.results import write_result

SHAPE = (4, 6, 8)


def write(path: Path, source: Path | None) -> Result:
    probability = np.full((2, *SHAPE), 0.5, np.float32)
    return write_result(path, probability, {"expected_error": probability[0]}, source=source)


def test_it_is_opened_again_from_its_file(tmp_path: Path) -> None:
    voxels = np.arange(192, dtype=np.uint16).reshape(SHAPE)
    source = tmp_path / "scan.tif"
    tifffile.imwrite(source, voxels, photometric="minisblack")
    scan = write(tmp_path / "r.zarr", source).open_scan()
    assert scan is not None
    np.testing.assert_array_equal(scan.read(Roi.whole(SHAPE)), voxels)


def test_where_there_is_none_any_more_nothing_is_raised(tmp_path: Path) -> None:
    assert write(tmp_path / "memory.zarr", None).open_scan() is None
    assert write(tmp_path / "gone.zarr", tmp_path / "gone.tif").open_scan() is None
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, np.zeros((4, 6, 9), np.uint8), photometric="minisblack")
    assert write(tmp_path / "other.zarr", other).open_scan() is None
    other.write_bytes(b"no image")
    assert load_result(tmp_path / "other.zarr").open_scan() is None


def test_one_in_memory_is_the_one_that_was_given(tmp_path: Path) -> None:
    write(tmp_path / "memory.zarr", None)
    scan = Volume.from_array(np.zeros(SHAPE, np.uint8))
    assert load_result(tmp_path / "memory.zarr", scan=scan).open_scan() is scan
