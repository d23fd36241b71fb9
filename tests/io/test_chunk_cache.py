from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.io.chunk_cache import ChunkCache

SHAPE, CHUNKS = (11, 20, 33), (4, 8, 16)
VALUES = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


class Counting:
    """An array that counts how often it is read."""

    def __init__(self, array: zarr.Array) -> None:
        self.array, self.reads = array, 0
        self.shape, self.dtype, self.chunks = array.shape, array.dtype, array.chunks

    def __getitem__(self, key: object) -> np.ndarray:
        self.reads += 1
        return self.array[key]


@pytest.fixture
def stored(tmp_path: Path) -> Counting:
    array = zarr.create_array(tmp_path / "a.zarr", shape=SHAPE, chunks=CHUNKS, dtype="f4")
    array[...] = VALUES
    return Counting(array)


@pytest.mark.parametrize(
    "key", [np.s_[...], np.s_[3], np.s_[2:9, 7:9, -1], np.s_[:, 19:20, 15:17], np.s_[10, 0, 32]]
)
def test_it_reads_what_is_stored(stored: Counting, key: object) -> None:
    cache = ChunkCache(stored)
    for _ in range(2):
        np.testing.assert_array_equal(cache[key], VALUES[key])


def test_the_next_slice_of_the_same_chunks_is_not_read_again(stored: Counting) -> None:
    cache = ChunkCache(stored)
    for z in range(4):
        np.testing.assert_array_equal(cache[z], VALUES[z])
    assert stored.reads == 3 * 3


def test_what_was_written_is_read_again(stored: Counting) -> None:
    cache = ChunkCache(stored)
    cache[0]
    box = Roi((0, 0, 0), (4, 8, 16))
    stored.array[box.slices] = -1.0
    assert cache[0, 0, 0] == VALUES[0, 0, 0]
    cache.forget(box)
    before = stored.reads
    assert cache[0, 0, 0] == -1.0
    np.testing.assert_array_equal(cache[0, 8:], VALUES[0, 8:])
    assert stored.reads == before + 1
    cache.forget()
    assert cache[0, 19, 32] == VALUES[0, 19, 32]
    assert stored.reads == before + 2


def test_the_chunks_used_least_lately_go_first(stored: Counting) -> None:
    bytes_of_a_slab = 9 * 4 * 8 * 16 * 4
    cache = ChunkCache(stored, limit_bytes=bytes_of_a_slab)
    cache[0]
    cache[5]
    before = stored.reads
    cache[6]
    assert stored.reads == before
    cache[0]
    assert stored.reads == before + 9


def test_a_box_too_large_for_the_cache_passes_it_by(stored: Counting) -> None:
    cache = ChunkCache(stored, limit_bytes=1000)
    np.testing.assert_array_equal(np.asarray(cache), VALUES)
    assert stored.reads == 1


def test_a_chunk_that_is_written_while_it_is_read_is_not_kept(stored: Counting) -> None:
    cache = ChunkCache(stored)
    read = stored.__class__.__getitem__

    class Written(Counting):
        def __getitem__(self, key: object) -> np.ndarray:
            values = read(self, key)
            cache.forget()
            return values

    stored.__class__ = Written
    cache[0, 0, 0]
    cache[0, 0, 0]
    assert stored.reads == 2
