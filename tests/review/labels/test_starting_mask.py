from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import FormatError, StoreError
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.review.labels.starting_mask import checked_start, open_start, write_start

SHAPE = (3, 20, 70)
CLASSES = ("pore", "solid", "binder")
UINT8 = np.dtype("u1")


def labels(dtype: str = "u1") -> np.ndarray:
    return np.random.default_rng(0).integers(0, 3, SHAPE).astype(dtype)


@pytest.mark.parametrize("dtype", ["u1", "i8", ">u2", "i1"])
def test_a_mask_takes_the_type_of_the_labels(dtype: str) -> None:
    found = checked_start(Volume.from_array(labels(dtype)), SHAPE, CLASSES, UINT8)
    assert found.dtype == UINT8
    np.testing.assert_array_equal(found, labels())


def test_a_mask_of_yes_and_no_is_one_of_two_classes() -> None:
    found = checked_start(Volume.from_array(labels() > 0), SHAPE, CLASSES, UINT8)
    np.testing.assert_array_equal(found, labels() > 0)


def with_value(value: int, dtype: str = "i4") -> np.ndarray:
    made = labels(dtype)
    made[2, 3, 4] = value
    return made


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (labels()[:2], r"the scan's shape \(3, 20, 70\); it has \(2, 20, 70\)"),
        (labels("f4"), "hold whole numbers; it holds float32"),
        (with_value(3), r"classes \(0 pore, 1 solid, 2 binder\); it holds 3"),
        (with_value(255), "it holds 255"),
        (with_value(-1), "it holds -1"),
    ],
)
def test_another_mask_is_refused_in_words(array: np.ndarray, message: str) -> None:
    with pytest.raises(FormatError, match=f"^old mask: a starting mask must.*{message}"):
        checked_start(Volume.from_array(array, name="old mask"), SHAPE, CLASSES, UINT8)


def test_the_kept_copy_is_known_by_its_hash(tmp_path: Path) -> None:
    folder = tmp_path / "start.zarr"
    sha256 = write_start(folder, labels())
    assert sha256 == hashlib.sha256(labels().tobytes()).hexdigest()
    stored, found = open_start(folder, sha256)
    np.testing.assert_array_equal(found, labels())
    np.testing.assert_array_equal(stored[1:2, 3:5], labels()[1:2, 3:5])
    assert [path.name for path in tmp_path.iterdir()] == ["start.zarr"]


def test_what_a_killed_program_left_is_replaced(tmp_path: Path) -> None:
    for name in ("start.zarr", ".start.zarr.new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "zarr.json").write_text("{")
    open_start(tmp_path / "start.zarr", write_start(tmp_path / "start.zarr", labels()))
    assert [path.name for path in tmp_path.iterdir()] == ["start.zarr"]


def test_a_changed_or_lost_copy_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "start.zarr"
    sha256 = write_start(folder, labels())
    other = write_start(tmp_path / "other.zarr", 2 - labels())
    with pytest.raises(StoreError, match="was changed since the review began"):
        open_start(folder, other)
    (folder / "c" / "0" / "0" / "1").unlink()
    with pytest.raises(StoreError, match="was changed since the review began"):
        open_start(folder, sha256)
    (folder / "c" / "0" / "0" / "0").write_bytes(b"damage")
    with pytest.raises(StoreError, match="can't be read"):
        open_start(folder, sha256)
    with pytest.raises(StoreError, match="can't be read"):
        open_start(tmp_path / "nowhere.zarr", sha256)


def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="the starting mask can't be kept"):
        write_start(tmp_path / "file" / "start.zarr", labels())
