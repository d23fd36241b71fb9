from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_bayesseg.io.lazy import AxesView, MappedArray, ScaledArray

SHAPE = (4, 5, 7)
VALUES = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)


def mapped(folder: Path, dtype: str = "<i2") -> MappedArray:
    path = folder / "values.bin"
    path.write_bytes(b"head" + VALUES.astype(dtype).tobytes())
    return MappedArray(path, np.dtype(dtype), 4, SHAPE)


def keys(length: int):
    bound = st.none() | st.integers(-length - 2, length + 2)
    step = st.sampled_from([None, 1, 2, -1, -3])
    return st.builds(slice, bound, bound, step) | st.integers(-length, length - 1)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_basic_index_gives_what_numpy_gives(tmp_path_factory, data):
    array = mapped(tmp_path_factory.mktemp("lazy"))
    number = data.draw(st.integers(0, 3))
    key = tuple(data.draw(keys(length)) for length in SHAPE[:number])
    if data.draw(st.booleans()):
        key = (*key, Ellipsis)
    np.testing.assert_array_equal(array[key], VALUES[key])
    view = AxesView(array, (2, None, 0), {1: 3})
    np.testing.assert_array_equal(view[...], VALUES[:, 3, :].T[:, None, :])


def test_indices_outside_are_refused(tmp_path):
    array = mapped(tmp_path)
    for key in (4, -5, (0, 0, 7), (0, 0, 0, 0), (..., ...)):
        with pytest.raises(IndexError):
            array[key]


def test_big_endian_values_come_in_native_order_and_may_be_changed(tmp_path):
    array = mapped(tmp_path, ">i2")
    block = array[1:3]
    assert block.dtype.isnative
    assert array.dtype.isnative
    np.testing.assert_array_equal(block, VALUES[1:3])
    before = (tmp_path / "values.bin").read_bytes()
    block[...] = 0
    assert (tmp_path / "values.bin").read_bytes() == before
    np.testing.assert_array_equal(array[...], VALUES)


def test_pickle_holds_the_recipe_not_the_voxels(tmp_path):
    path = tmp_path / "big.bin"
    path.write_bytes(bytes(2**20))
    array = AxesView(MappedArray(path, np.dtype(np.uint8), 0, (64, 128, 128)), (2, 1, 0))
    array[0, 0, 0]  # mapped by now
    pickled = pickle.dumps(array)
    assert len(pickled) < 2000
    np.testing.assert_array_equal(pickle.loads(pickled)[1:3], array[1:3])


def test_many_threads_read_the_same_values(tmp_path):
    array = mapped(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        planes = list(pool.map(lambda index: array[index % 4], range(200)))
    for index, plane in enumerate(planes):
        np.testing.assert_array_equal(plane, VALUES[index % 4])


@pytest.mark.parametrize(
    ("stored", "result"),
    [("u1", "f4"), ("i2", "f4"), ("f4", "f4"), ("i4", "f8"), ("u2", "f4"), ("f8", "f8")],
)
def test_scaling_follows_the_line_and_keeps_enough_digits(stored, result):
    values = np.array([[[0, 1, 100]]], dtype=stored)
    scaled = ScaledArray(values, 0.5, -1024.0)
    assert scaled.dtype == np.dtype(result)
    np.testing.assert_array_equal(scaled[...], [[[-1024, -1023.5, -974]]])


def test_numpy_sees_an_array(tmp_path):
    array = mapped(tmp_path)
    np.testing.assert_array_equal(np.asarray(array), VALUES)
    assert np.asarray(array, dtype=np.float32).dtype == np.float32
    assert (array.ndim, array.size, array.nbytes, len(array)) == (3, 140, 280, 4)
    assert "MappedArray" in repr(array)
