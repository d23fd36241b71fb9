from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import BayesSegWarning, FormatError, GeometryError
from napari_bayesseg.io.stored import (
    StoredArray,
    check_declared_size,
    choose_axes,
    naming_file,
    volume_name,
)

MATRIX = np.diag([3.0, 2.0, 1.0, 1.0])
MATRIX[:3, 3] = 30, 20, 10


def stored(axes: str, shape: tuple[int, ...], dtype: str = "u1") -> StoredArray:
    values = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    return StoredArray(Path("some") / "cells.tif", values, axes, MATRIX, "micrometer")


@pytest.mark.parametrize(
    ("letters", "shape", "axes", "index"),
    [
        ("ZYX", (2, 3, 4), None, np.s_[:]),
        ("YX", (3, 4), None, np.s_[None]),
        ("TCZYX", (1, 1, 2, 3, 4), None, np.s_[0, 0]),
        ("CZYX", (3, 2, 3, 4), "1ZYX", np.s_[1]),
        ("CZYX", (3, 2, 3, 4), "2zyx", np.s_[2]),
        ("TCZYX", (1, 3, 2, 3, 4), "2ZYX", np.s_[0, 2]),
        ("TCZYX", (1, 3, 2, 3, 4), "02ZYX", np.s_[0, 2]),
        ("ZYXS", (2, 3, 4, 3), "ZYX1", np.s_[..., 1]),
        ("YXS", (3, 4, 3), "YX0", np.s_[None, ..., 0]),
        ("SYX", (3, 3, 4), "ZYX", np.s_[:]),
        ("TZYX", (5, 2, 3, 4), "4ZYX", np.s_[4]),
    ],
)
def test_the_chosen_voxels_are_taken(letters, shape, axes, index):
    array = stored(letters, shape)
    volume = choose_axes(array, axes)
    expected = array.data[index]
    assert volume.shape == expected.shape
    np.testing.assert_array_equal(np.asarray(volume.data[...]), expected)
    np.testing.assert_array_equal(volume.spec.geometry.matrix, MATRIX)
    assert volume.spec.geometry.unit == "micrometer"


def test_the_fastest_axis_first_turns_voxels_and_keeps_the_world():
    array = stored("XYZ", (4, 3, 2))
    volume = choose_axes(array, None)
    np.testing.assert_array_equal(volume.data[...], array.data.T)
    np.testing.assert_array_equal(volume.spec.geometry.matrix, MATRIX)


def test_spacing_stays_with_the_stored_axis_when_axes_are_renamed():
    array = stored("ZYX", (2, 3, 4))
    volume = choose_axes(array, "XYZ")
    np.testing.assert_array_equal(volume.data[...], array.data.T)
    assert volume.spec.geometry.spacing == (1.0, 2.0, 3.0)
    assert volume.spec.geometry.translation == (10.0, 20.0, 30.0)


def test_one_plane_of_a_stack_can_be_cut_along_any_axis():
    array = stored("ZYX", (2, 3, 4))
    volume = choose_axes(array, "Y2X")
    np.testing.assert_array_equal(volume.data[...], array.data[:, 2][None])
    assert volume.spec.geometry.spacing == (2.0, 3.0, 1.0)


def test_channels_without_z_are_taken_as_z_and_told():
    with pytest.warns(BayesSegWarning, match=r"^cells.tif: .*channels.*taken as Z"):
        volume = choose_axes(stored("CYX", (5, 3, 4)), None)
    assert volume.shape == (5, 3, 4)
    assert "taken as Z" in volume.spec.notes[0]


@pytest.mark.parametrize(
    ("letters", "shape", "axes", "words"),
    [
        ("CZYX", (3, 2, 3, 4), None, r"4 axes.*C=3.*axes='0ZYX'"),
        ("YXS", (3, 4, 3), None, r"colour.*axes='YX0'"),
        ("CZYX", (3, 2, 3, 4), "3ZYX", "below 3"),
        ("CZYX", (3, 2, 3, 4), "ZYX", "one character for each of the 4"),
        ("CZYX", (3, 2, 3, 4), "CZYX", "a digit for every other"),
        ("CZYX", (3, 2, 3, 4), "ZZYX", "each once"),
        ("ZYX", (3, 2, 3), "ZY0", "must hold Y, X"),
        ("ZYX", (3, 2, 3), "", "one character"),
        ("ZYX", (3, 2, 3), "Z-X", "must hold Y, X"),
    ],
)
def test_what_is_unclear_is_refused_with_the_remedy(letters, shape, axes, words):
    with pytest.raises(FormatError, match=r"^cells.tif: .*" + words) as caught:
        choose_axes(stored(letters, shape), axes)
    assert "\n" not in str(caught.value)


def test_the_suggested_axes_work():
    for letters, shape in (("CZYX", (3, 2, 3, 4)), ("YXS", (3, 4, 3)), ("XYZT", (4, 3, 2, 5))):
        with pytest.raises(FormatError) as caught:
            choose_axes(stored(letters, shape), None)
        axes = re.search(r"axes='(\w+)'", str(caught.value)).group(1)
        assert choose_axes(stored(letters, shape), axes).shape[1:] == (3, 4)


def test_float64_is_kept_and_recorded():
    volume = choose_axes(stored("ZYX", (2, 3, 4), "f8"), None)
    assert volume.spec.dtype == "float64"
    assert any("float64" in note for note in volume.spec.notes)


def test_geometry_errors_name_the_file():
    flat = StoredArray(Path("a") / "x.nii", np.ones((1, 1, 1)), "ZYX", np.diag([0.0, 1, 1, 1]))
    with pytest.raises(GeometryError, match=r"^x.nii: .*zero.*correct"), naming_file(flat.path):
        choose_axes(flat, None)


@pytest.mark.parametrize(
    ("shape", "dtype", "words"),
    [
        ((2, 0, 3), "u1", "at least one voxel"),
        ((2, 2, 3), "c8", "real numbers"),
        ((2, 2, 3), "O", "real numbers"),
        ((2**20, 2**20, 2**20), "f4", "can't be true"),
    ],
)
def test_impossible_declarations_are_refused(shape, dtype, words):
    with pytest.raises(FormatError, match=words):
        check_declared_size(Path("scan.tif"), shape, np.dtype(dtype))


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a/b/cell.ome.tif", "cell"),
        ("../../x.nii.gz", "x"),
        ("Zelle_\u00b5.OME.TIFF", "Zelle_\u00b5"),
        ("v.1.2.tif", "v.1.2"),
        (".nii.gz", ".nii"),
        ("con.ome.zarr", "con"),
    ],
)
def test_a_volume_is_called_after_its_file_never_after_a_path(file, name):
    assert volume_name(Path(file)) == name
