from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_bayesseg.core.errors import BayesSegWarning, StoreError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.review.labels.reviewed_mask import ReviewedMask, open_cache
from napari_bayesseg.review.labels.voxels import VoxelChange, VoxelSet
from tests.review.cases import SHAPE
from tests.review.journal.test_operations import operation

WHOLE = Roi.whole(SHAPE)


@pytest.fixture
def base() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 3, SHAPE).astype(np.uint8)


@pytest.fixture
def mask(tmp_path: Path, base: np.ndarray) -> ReviewedMask:
    array, is_new = open_cache(tmp_path / "reviewed.zarr", SHAPE, np.dtype("u1"))
    assert is_new
    made = ReviewedMask(array, base.copy(), base.copy())
    assert made.repair() == 6
    return made


def change(box: Roi, label: int, seed: int = 0) -> VoxelChange:
    inside = np.random.default_rng(seed).random(box.shape) > 0.5
    voxels = VoxelSet.from_mask(box, inside)
    labels = np.full(voxels.count, label, np.uint8)
    return VoxelChange(voxels, labels, labels)


def is_true_copy(mask: ReviewedMask) -> bool:
    return np.array_equal(mask.array[...], mask.labels)


def chunk_file(mask: ReviewedMask, index: str) -> Path:
    return Path(mask.array.store.root) / "c" / index


def test_the_copy_is_cut_into_small_chunks_with_checksums(tmp_path: Path, mask) -> None:
    assert mask.array.chunks == (5, 64, 64)
    metadata = json.loads((tmp_path / "reviewed.zarr" / "zarr.json").read_text())
    blosc = metadata["codecs"][1]
    assert (blosc["name"], blosc["configuration"]["cname"]) == ("blosc", "lz4")
    assert metadata["codecs"][2]["name"] == "crc32c"
    assert is_true_copy(mask)


def test_a_chunk_of_nothing_is_a_file_too(mask: ReviewedMask) -> None:
    """Only so a lost one is told from an empty one."""
    empty = VoxelSet.from_mask(WHOLE, np.ones(SHAPE, bool))
    zeros = np.zeros(empty.count, np.uint8)
    mask.write(VoxelChange(empty, zeros, zeros))
    assert chunk_file(mask, "0/1/2").is_file()
    assert not mask.array[...].any()


def test_changes_reach_labels_and_copy(mask: ReviewedMask, base: np.ndarray) -> None:
    first, second = change(Roi((1, 60, 60), (4, 70, 100)), 7), change(Roi((0, 0, 0), (5, 9, 9)), 8)
    for made in (first, second):
        mask.write(made)
        base[made.box.slices][made.voxels.mask()] = made.new
    np.testing.assert_array_equal(mask.labels, base)
    assert is_true_copy(mask)
    mask.take_back(second, mask.expected(second.box, [operation("edit", (), first)]))
    assert is_true_copy(mask)
    assert not (mask.labels == 8).any()


def test_only_chunks_that_hold_a_changed_voxel_are_written(mask: ReviewedMask) -> None:
    inside = np.zeros(SHAPE, bool)
    inside[0, 0, 0] = inside[4, 69, 129] = True
    voxels = VoxelSet.from_mask(WHOLE, inside)
    labels = np.full(2, 9, np.uint8)
    before = {index: chunk_file(mask, index).stat().st_ino for index in ("0/0/0", "0/0/1", "0/1/2")}
    mask.write(VoxelChange(voxels, labels, labels))
    after = {index: chunk_file(mask, index).stat().st_ino for index in before}
    assert {index for index in before if before[index] != after[index]} == {"0/0/0", "0/1/2"}
    assert is_true_copy(mask)


def test_labels_are_the_base_and_the_operations_in_order(mask: ReviewedMask, base) -> None:
    box = Roi((0, 10, 10), (5, 30, 30))
    made = [operation("edit", (), change(box, 7 + n, n)) for n in range(3)]
    for one in made:
        base[box.slices][one.change.voxels.mask()] = one.change.new
    for roi in (WHOLE, box, Roi((2, 20, 5), (4, 50, 25)), Roi((1, 0, 0), (2, 5, 5))):
        np.testing.assert_array_equal(mask.expected(roi, made), base[roi.slices])
    base_again = mask.expected(WHOLE, [])
    np.testing.assert_array_equal(base_again, mask.labels)


@pytest.mark.parametrize(
    ("damage", "count"),
    [
        (lambda file: file.unlink(), 1),
        (lambda file: file.write_bytes(b""), 1),
        (lambda file: file.write_bytes(file.read_bytes()[:40]), 1),
        (lambda file: file.write_bytes(file.read_bytes()[:-8] + b"x" * 8), 1),
    ],
)
def test_a_damaged_copy_is_mended(mask: ReviewedMask, damage, count: int) -> None:
    damage(chunk_file(mask, "0/1/1"))
    assert mask.repair() >= count
    assert is_true_copy(mask)
    assert mask.repair() == 0


def test_what_was_painted_and_never_saved_is_taken_back(mask: ReviewedMask) -> None:
    mask.array[2, 60:68, 60:70] = 9
    assert not is_true_copy(mask)
    assert mask.repair() == 4
    assert is_true_copy(mask)
    mask.array[2, 3:5, 3:5] = 9
    mask.restore(Roi((2, 3, 3), (3, 5, 5)))
    assert is_true_copy(mask)


def test_a_disk_that_refuses_takes_nothing_away(mask: ReviewedMask, tmp_path: Path) -> None:
    """A folder in the place of a chunk can't be replaced by a file."""
    file = chunk_file(mask, "0/0/0")
    file.unlink()
    file.mkdir()
    made = change(Roi((0, 0, 0), (5, 9, 9)), 8)
    with pytest.warns(BayesSegWarning, match="the step is saved, but the mask that is shown"):
        mask.write(made)
    assert (mask.labels == 8).any()
    file.rmdir()
    mask.write(change(Roi((0, 0, 100), (5, 9, 109)), 9))
    assert is_true_copy(mask)


@pytest.mark.parametrize(
    ("shape", "dtype"), [((5, 70, 131), "u1"), (SHAPE, "u2"), (SHAPE[::-1], "u1")]
)
def test_a_copy_of_another_kind_is_begun_again(tmp_path: Path, mask, shape, dtype) -> None:
    array, is_new = open_cache(tmp_path / "reviewed.zarr", shape, np.dtype(dtype))
    assert is_new
    assert (array.shape, array.dtype) == (shape, np.dtype(dtype))
    assert not array[...].any()


def test_what_is_no_array_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "reviewed.zarr").mkdir()
    (tmp_path / "reviewed.zarr" / "zarr.json").write_text("[]")
    assert open_cache(tmp_path / "reviewed.zarr", SHAPE, np.dtype("u1"))[1]
    zarr.create_group(tmp_path / "other.zarr")
    assert open_cache(tmp_path / "other.zarr", SHAPE, np.dtype("u1"))[1]


def test_files_of_a_killed_writer_are_swept(tmp_path: Path, mask: ReviewedMask) -> None:
    left = chunk_file(mask, "0/0/0").with_suffix(".0123.partial")
    left.write_bytes(b"x")
    array, is_new = open_cache(tmp_path / "reviewed.zarr", SHAPE, np.dtype("u1"))
    assert not is_new
    assert not left.exists()
    np.testing.assert_array_equal(array[...], mask.labels)


def test_a_damaged_base_is_told(mask: ReviewedMask) -> None:
    class Damaged:
        shape, dtype = SHAPE, np.dtype("u1")

        def __getitem__(self, key: object) -> object:
            raise ValueError("checksum\nmismatch")

    broken = ReviewedMask(mask.array, Damaged(), mask.labels)
    with pytest.raises(StoreError, match=r"can't be read \(checksum mismatch\)"):
        broken.expected(WHOLE, [])
