from __future__ import annotations

import numpy as np
import pytest
import tifffile
import zarr

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.io.probabilities import read_probabilities
from napari_bayesseg.io.writers import write_volume

T, C, Z, Y, X = 3, 4, 5, 6, 7
ROI = Roi((1, 2, 3), (4, 6, 5))


@pytest.fixture
def softmax(rng) -> np.ndarray:
    """(T, C, Z, Y, X), sums to 1 over C."""
    values = rng.random((T, C, Z, Y, X))
    return (values / values.sum(axis=1, keepdims=True)).astype(np.float32)


def save(path, values):
    """Write (T, C, Z, Y, X) or (C, Z, Y, X) as another program would; return the path."""
    name = path.name
    if name.endswith(".npy"):
        np.save(path, values)
    elif name.endswith(".npz"):
        np.savez_compressed(path, probabilities=values)
    elif name.endswith(".zarr"):
        chunks = (1,) * (values.ndim - 3) + values.shape[-3:]
        array = zarr.create_array(path, shape=values.shape, dtype=values.dtype, chunks=chunks)
        array[...] = values
    elif name.endswith(".ome.tif"):
        tifffile.imwrite(path, values, metadata={"axes": "TCZYX"[-values.ndim :]})
    elif name.endswith(".tif"):
        tifffile.imwrite(path, values, photometric="minisblack")
    else:
        nibabel = pytest.importorskip("nibabel", reason="NIfTI needs the extra `medical`")
        order = [values.ndim - 1 - axis for axis in range(3)] + list(range(values.ndim - 3))
        nibabel.save(nibabel.Nifti1Image(values.transpose(order), np.diag([2, 3, 4, 1])), path)
    return path


KINDS = ["a.npy", "a.npz", "a.zarr", "a.ome.tif", "a.tif", "a.nii", "a.nii.gz"]


@pytest.mark.parametrize("name", KINDS)
def test_one_file_holds_all_members(tmp_path, softmax, name):
    stack = read_probabilities([save(tmp_path / name, softmax)])
    assert (stack.num_members, stack.num_classes, stack.shape) == (T, C, (Z, Y, X))
    for member in range(T):
        block = stack.read(member, ROI)
        assert block.dtype == np.float32
        np.testing.assert_array_equal(block, softmax[(member, slice(None), *ROI.slices)])
    assert stack.describe(2) == f"{name} member 2"
    assert stack.sources == (tmp_path / name,)


@pytest.mark.parametrize("name", KINDS)
def test_one_file_holds_one_member(tmp_path, softmax, name):
    stack = read_probabilities([str(save(tmp_path / name, softmax[1]))])
    assert (stack.num_members, stack.num_classes, stack.shape) == (1, C, (Z, Y, X))
    np.testing.assert_array_equal(stack.read(0, Roi.whole(stack.shape)), softmax[1])
    assert stack.describe(0) == name


def test_each_file_is_a_member(tmp_path, softmax):
    paths = [save(tmp_path / f"{t}{KINDS[t]}", softmax[t]) for t in range(T)]
    stack = read_probabilities(paths)
    assert stack.num_members == T
    for member in range(T):
        np.testing.assert_array_equal(
            stack.read(member, ROI), softmax[(member, slice(None), *ROI.slices)]
        )


@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4"])
def test_every_float_type_is_read_as_float32(tmp_path, softmax, dtype):
    np.save(tmp_path / "a.npy", softmax.astype(dtype))
    block = read_probabilities([tmp_path / "a.npy"]).read(0, ROI)
    assert block.dtype == np.float32
    assert block.dtype.isnative
    np.testing.assert_allclose(block, softmax[(0, slice(None), *ROI.slices)], atol=1e-3)


@pytest.mark.parametrize("shape", [(Z, Y, X), (1, Z, Y, X)])
def test_foreground_probabilities_make_two_classes(tmp_path, rng, shape):
    values = rng.random(shape, dtype=np.float32)
    np.save(tmp_path / "a.npy", values)
    stack = read_probabilities([tmp_path / "a.npy"])
    assert (stack.num_members, stack.num_classes) == (1, 2)
    block = stack.read(0, ROI)
    np.testing.assert_array_equal(block[1], values.reshape(Z, Y, X)[ROI.slices])
    np.testing.assert_allclose(block.sum(axis=0), 1, atol=1e-7)


def test_fortran_order_is_read_right(tmp_path, softmax):
    np.save(tmp_path / "a.npy", np.asfortranarray(softmax))
    stack = read_probabilities([tmp_path / "a.npy"])
    np.testing.assert_array_equal(stack.read(1, Roi.whole((Z, Y, X))), softmax[1])


@pytest.mark.parametrize("keys", [["softmax"], ["probabilities"], ["whatever"]])
def test_keys_of_npz(tmp_path, softmax, keys):
    np.savez(tmp_path / "a.npz", **dict.fromkeys(keys, softmax[0]))
    assert read_probabilities([tmp_path / "a.npz"]).num_classes == C
    if keys[0] != "whatever":
        np.savez(tmp_path / "b.npz", other=np.zeros(3), **dict.fromkeys(keys, softmax[0]))
        assert read_probabilities([tmp_path / "b.npz"]).num_classes == C


def test_geometry_comes_from_the_first_file_that_has_one(tmp_path, softmax):
    geometry = Geometry.from_spacing((3, 2, 1), unit="micrometer")
    np.save(tmp_path / "a.npy", softmax[0])
    write_volume(tmp_path / "b.ome.tif", softmax[1], geometry)
    assert read_probabilities([tmp_path / "a.npy"]).geometry is None
    stack = read_probabilities([tmp_path / "a.npy", tmp_path / "b.ome.tif"])
    assert stack.geometry == geometry
    np.testing.assert_array_equal(stack.read(1, ROI), softmax[(1, slice(None), *ROI.slices)])


def test_an_imagej_hyperstack_with_z_before_c(tmp_path, softmax):
    geometry = Geometry.from_spacing((3, 2, 1), unit="micrometer")
    write_volume(tmp_path / "a.tif", softmax[0], geometry)
    stack = read_probabilities([tmp_path / "a.tif"])
    np.testing.assert_array_equal(stack.read(0, Roi.whole((Z, Y, X))), softmax[0])


def test_2d_probabilities_have_one_plane(tmp_path, softmax):
    values = np.ascontiguousarray(softmax[0, :, 0])
    tifffile.imwrite(tmp_path / "a.ome.tif", values, metadata={"axes": "CYX"})
    stack = read_probabilities([tmp_path / "a.ome.tif"])
    assert (stack.num_classes, stack.shape) == (C, (1, Y, X))


def test_different_shapes_are_named(tmp_path, softmax):
    save(tmp_path / "a.npy", softmax[0])
    save(tmp_path / "b.npy", softmax[0, :, :-1])
    with pytest.raises(FormatError, match=r"^b.npy: .*\(4, 4, 6, 7\), a.npy has \(4, 5, 6, 7\)"):
        read_probabilities([tmp_path / "a.npy", tmp_path / "b.npy"])


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("a.npy", np.zeros((2, 3, 4, 5), np.uint8), "floats between 0 and 1.*not the labels"),
        ("a.npy", np.zeros((2, 2, 3, 4, 5, 6), np.float32), "must have the axes"),
        ("a.npy", np.zeros((4, 5), np.float32), "must have the axes"),
        ("a.npy", np.zeros((2, 0, 4, 5), np.float32), "at least one voxel"),
        ("a.npy", np.zeros((2, 3, 4, 5), np.complex64), "real numbers"),
        ("a.npy", np.full((2, 2, 2), None), "Python objects"),
        ("a.npz", np.full((2, 2, 2), None), "Python objects"),
        ("a.zarr", np.ones((2, 3, 4, 5), np.int16), "floats"),
    ],
)
def test_what_is_no_softmax_is_refused(tmp_path, name, values, words):
    if values.dtype == object:
        (np.savez if name.endswith("z") else np.save)(tmp_path / name, values)
    else:
        save(tmp_path / name, values)
    with pytest.raises(FormatError, match=rf"^{name}: .*{words}"):
        read_probabilities([tmp_path / name])


def test_several_files_of_several_members_are_refused(tmp_path, softmax):
    paths = [save(tmp_path / name, softmax) for name in ("a.npy", "b.npy")]
    with pytest.raises(FormatError, match=r"^a.npy: .*one member.*holds 3"):
        read_probabilities(paths)


def test_nothing_is_refused():
    with pytest.raises(FormatError, match="at least one"):
        read_probabilities([])
