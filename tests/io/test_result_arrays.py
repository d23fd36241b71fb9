"""What a result store keeps beside plain floats: counts, fewer bits, blocks that were left out."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaozarrs
import zarr

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.io.chunk_cache import ChunkCache
from napari_bayesseg.io.result_store import ResultStore
from napari_bayesseg.numerics.draw_counts import DrawCounts
from tests.io.stores import (
    CORES,
    LAYOUT,
    MEASURES,
    NUM_SAMPLES,
    block_arrays,
    block_counts,
    make_store,
    skipped_arrays,
    write_blocks,
)

FLOATS = ("mean_probability", *MEASURES)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def counting(tmp_path: Path) -> ResultStore:
    return make_store(tmp_path / "r.zarr", num_samples=NUM_SAMPLES)


def assert_equal(found: DrawCounts, expected: DrawCounts) -> None:
    np.testing.assert_array_equal(found.voxels, expected.voxels)
    np.testing.assert_array_equal(found.configurations, expected.configurations)


def test_counts_come_back_block_by_block_and_summed(counting: ResultStore) -> None:
    write_blocks(counting, 0, 2, 3)
    assert counting.has_counts
    for index in (0, 2, 3):
        assert_equal(counting.counts(index), block_counts(index))
    expected = block_counts(0) + block_counts(2) + block_counts(3)
    assert_equal(counting.total_counts([3, 0, 2]), expected)
    assert counting.counts(0).voxels.shape == (NUM_SAMPLES, 3)
    assert counting.counts(0).configurations.shape == (NUM_SAMPLES, 3, 256)


def test_counts_are_one_chunk_a_block(counting: ResultStore) -> None:
    write_blocks(counting, 2)
    folder = counting.path / "counts"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("c/**/*")}
    assert {"voxels/c/2/0/0", "configurations/c/2/0/0/0"} <= names
    assert not {"voxels/c/0", "configurations/c/0"} & names


@pytest.mark.parametrize("name", ["voxels/c/1/0/0", "configurations/c/1/0/0/0"])
@pytest.mark.parametrize("is_lost", [True, False])
def test_damaged_counts_damage_their_block(counting: ResultStore, name: str, is_lost: bool) -> None:
    write_blocks(counting, 0, 1)
    file = counting.path / "counts" / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 2
    file.unlink() if is_lost else file.write_bytes(content)
    with pytest.raises(StoreError, match=r"r\.zarr: counts/.* is damaged \(.*mends it$"):
        counting.total_counts([0, 1])
    assert counting.intact_blocks(CORES) == {0}
    write_blocks(counting, 1)
    assert counting.intact_blocks(CORES) == {0, 1}
    assert_equal(counting.total_counts([0, 1]), block_counts(0) + block_counts(1))


def test_a_block_of_zero_counts_is_missed_when_it_is_lost(counting: ResultStore) -> None:
    zeros = DrawCounts.zeros(NUM_SAMPLES, 3)
    counting.write_block(0, CORES[0], skipped_arrays(CORES[0]), "cpu", zeros, skipped=True)
    assert counting.intact_blocks(CORES) == {0}
    (counting.path / "counts/voxels/c/0/0/0").unlink()
    assert counting.intact_blocks(CORES) == set()


def test_a_store_made_before_keeps_no_counts_and_its_hash(tmp_path: Path) -> None:
    store = make_store(tmp_path / "r.zarr")
    assert not store.has_counts
    arrays = block_arrays(CORES[1])
    sha256 = store.write_arrays(1, CORES[1], arrays, block_counts())
    digest = hashlib.sha256()
    for name in ("labels", *FLOATS):
        digest.update(name.encode() + arrays[name].tobytes())
    assert sha256 == digest.hexdigest()
    assert not (store.path / "counts").exists()
    with pytest.raises(StoreError, match="keeps no counts of draws"):
        store.counts(1)


def test_counts_are_never_left_out_where_they_are_kept(counting: ResultStore) -> None:
    with pytest.raises(ValueError, match="block 0 came without"):
        counting.write_block(0, CORES[0], block_arrays(CORES[0]), "cpu")
    assert counting.ledger.rows() == {}


def test_the_counts_are_part_of_the_hash(counting: ResultStore) -> None:
    arrays = block_arrays(CORES[0])
    first = counting.write_arrays(0, CORES[0], arrays, block_counts(0))
    assert counting.write_arrays(0, CORES[0], arrays, block_counts(1)) != first
    assert counting.write_arrays(0, CORES[0], arrays, block_counts(0)) == first


def test_a_block_that_was_written_but_not_committed_is_missing(counting: ResultStore) -> None:
    sha256 = counting.write_arrays(0, CORES[0], block_arrays(CORES[0]), block_counts())
    assert counting.intact_blocks(CORES) == set()
    assert not np.asarray(counting.array("block_mask")).any()
    counting.commit_block(0, sha256, "cuda")
    assert counting.intact_blocks(CORES) == {0}
    assert counting.ledger.rows()[0].device == "cuda"


def test_blocks_that_were_left_out_are_finished_and_empty(counting: ResultStore) -> None:
    write_blocks(counting, 0)
    zeros = DrawCounts.zeros(NUM_SAMPLES, 3)
    counting.write_block(3, CORES[3], skipped_arrays(CORES[3]), "cpu", zeros, skipped=True)
    assert np.asarray(counting.array("block_mask")).ravel().tolist() == [1, 0, 0, 2]
    counting.stored("block_mask")[...] = 0  # as after a crash
    assert counting.intact_blocks(CORES) == {0, 3}
    assert np.asarray(counting.array("block_mask")).ravel().tolist() == [1, 0, 0, 2]
    for name in FLOATS:
        values = counting.read(name, [CORES[0], CORES[3]])
        assert np.isnan(values[(..., *CORES[3].slices)]).all()
    assert not counting.read("labels", [CORES[3]])[CORES[3].slices].any()
    assert_equal(counting.total_counts([0, 3]), block_counts(0))


def test_the_hash_of_the_content_knows_no_order(tmp_path: Path) -> None:
    stores = [make_store(tmp_path / f"{i}.zarr", num_samples=NUM_SAMPLES) for i in range(3)]
    write_blocks(stores[0], 0, 1, 2, 3)
    write_blocks(stores[1], 3, 1, 0, 2, 1)
    write_blocks(stores[2], 0, 1, 2)
    hashes = [store.content_sha256() for store in stores]
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]


def test_a_store_is_complete_when_all_its_blocks_are(counting: ResultStore) -> None:
    write_blocks(counting, 1, 2, 3)
    assert not counting.is_complete
    counting.update_record(settings={"roi": "0:6,0:9,5:10"})
    assert counting.is_complete
    counting.update_record(settings={"roi": "0:6,0:9,4:10"})
    assert not counting.is_complete


def test_processes_write_different_blocks_of_one_store(counting: ResultStore) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.io.stores import *\n"
        "store = ResultStore.open(Path(sys.argv[1]), mode='r+')\n"
        "index = int(sys.argv[2])\n"
        "args = CORES[index], block_arrays(CORES[index], index), block_counts(index)\n"
        "print(store.write_arrays(index, *args))\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(counting.path), str(index)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
        )
        for index in (0, 1)
    ]
    for index, process in enumerate(processes):
        sha256, _ = process.communicate(timeout=100)
        counting.commit_block(index, sha256.strip(), "cpu")
    assert counting.intact_blocks(CORES) == {0, 1}
    for index in (0, 1):
        for name, values in counting.read_block(CORES[index]).items():
            np.testing.assert_array_equal(values, block_arrays(CORES[index], index)[name])


STEPS = {"uint8": 0.5 / 254, "float16": 2.0**-11, "float32": 0.0}


@pytest.mark.parametrize("dtype", STEPS)
def test_floats_come_back_as_floats_whatever_they_are_stored_as(tmp_path: Path, dtype: str) -> None:
    store = make_store(tmp_path / "r.zarr", store_dtype=dtype)
    write_blocks(store, 0, 1, 3)
    ranges = {"mean_probability": 1.0, "predictive_entropy": np.log(3), "standard_deviation": 0.5}
    for name, largest in ranges.items():
        assert store.stored(name).dtype == dtype
        array = store.array(name)
        assert array.dtype == np.float32
        whole = store.read(name, [CORES[0], CORES[1], CORES[3]])
        assert whole.dtype == np.float32
        np.testing.assert_array_equal(whole, array)
        for index in (0, 1, 3):
            expected = block_arrays(CORES[index], index)[name]
            inside = (..., *CORES[index].slices)
            atol = STEPS[dtype] * largest + 1e-7
            np.testing.assert_allclose(whole[inside], expected, atol=atol, rtol=0)
            np.testing.assert_array_equal(store.read_block(CORES[index])[name], whole[inside])
        assert np.isnan(whole[(..., *CORES[2].slices)]).all()
    labels = np.asarray(store.array("labels"))[CORES[0].slices]
    np.testing.assert_array_equal(labels, block_arrays(CORES[0], 0)["labels"])


@pytest.mark.parametrize("dtype", STEPS)
def test_resume_works_whatever_floats_are_stored_as(tmp_path: Path, dtype: str) -> None:
    store = make_store(tmp_path / "r.zarr", store_dtype=dtype, num_samples=NUM_SAMPLES)
    write_blocks(store, 0, 1, 2, 3)
    arrays = block_arrays(CORES[2], 2)
    arrays["mean_probability"][:, 0, 0, 0] = np.nan
    store.write_block(2, CORES[2], arrays, "cpu", block_counts(2))
    again = ResultStore.open(store.path, mode="r+")
    assert again.intact_blocks(CORES) == {0, 1, 2, 3}
    assert np.isnan(again.array("mean_probability")[:, 4, 0, 0]).all()
    (store.path / "mean_probability/c/1/0/0/1").unlink()
    with pytest.raises(StoreError, match="mean_probability/c/1/0/0/1 is missing"):
        again.read("mean_probability", CORES.values())
    assert again.intact_blocks(CORES) == {0, 2, 3}


def test_codes_say_what_they_mean_to_other_readers(tmp_path: Path) -> None:
    store = make_store(tmp_path / "r.zarr", store_dtype="uint8", num_samples=2)
    group = zarr.open_group(store.path, mode="r")
    yaozarrs.validate_zarr_store(group)
    window = group.attrs["ome"]["omero"]["channels"][0]["window"]
    assert (window["end"], window["max"]) == (254.0, 254.0)
    entropy = group["measures/predictive_entropy/0"]
    attributes = entropy.attrs.asdict()
    assert attributes == {
        "scale": pytest.approx(np.log(3) / 254),
        "offset": 0.0,
        "nan_code": 255,
    }
    assert entropy.fill_value == 255
    zarr.open_array(store.path / "measures/predictive_entropy/0", mode="r+").attrs.clear()
    with pytest.raises(StoreError, match=r"predictive_entropy can't be read \(codes without scale"):
        ResultStore.open(store.path).array("predictive_entropy")


@pytest.mark.parametrize("dtype", STEPS)
def test_the_viewers_cache_reads_decoded_values(tmp_path: Path, dtype: str) -> None:
    store = make_store(tmp_path / "r.zarr", store_dtype=dtype)
    write_blocks(store, 0, 1)
    array = store.array("predictive_entropy")
    cache = ChunkCache(array)
    assert cache.dtype == np.float32
    np.testing.assert_array_equal(cache[3], array[3])
    assert np.isnan(cache[5]).all()


def test_fewer_bits_take_less_of_the_disk() -> None:
    sizes = {dtype: replace(LAYOUT, store_dtype=dtype).bytes_per_voxel for dtype in STEPS}
    assert sizes == {"float32": 4 * 5 + 1, "float16": 2 * 5 + 1, "uint8": 5 + 1}
    counting = replace(LAYOUT, num_samples=16)
    assert (LAYOUT.counts_bytes_per_block, counting.counts_bytes_per_block) == (0, 16 * 3 * 257 * 4)
