from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile

from napari_bayesseg.core.errors import BayesSegWarning, FormatError, GeometryError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.io.hdf5 import find_dataset
from napari_bayesseg.io.readers import read_volume


def write(path: Path, **datasets: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file.create_dataset(name.replace("__", "/"), data=values)
    return path


@pytest.mark.parametrize("layout", [{}, {"chunks": (2, 5, 7), "compression": "gzip"}])
@pytest.mark.parametrize("dtype", ["u1", ">u2", "<i4", "f4", ">f8", "?"])
def test_the_only_volume_is_read_as_it_is_stored(tmp_path, scan, layout, dtype) -> None:
    values = (scan % 2 if dtype == "?" else scan % 200).astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("volumes/raw", data=values, **layout)
        file.create_dataset("names", data=[b"x", b"y"])
        file.create_dataset("plane", data=values[0])
    volume = read_volume(tmp_path / "a.h5")
    assert volume.shape == scan.shape
    assert volume.spec.dtype == np.dtype(dtype).newbyteorder("=").name
    assert volume.spec.source == tmp_path / "a.h5"
    assert (volume.spec.name, volume.spec.geometry.unit) == ("a", "pixel")
    np.testing.assert_array_equal(volume.read(Roi.whole(volume.shape)), values)
    box = Roi((1, 4, 6), (3, 11, 20))
    np.testing.assert_array_equal(volume.read(box), values[box.slices])
    np.testing.assert_array_equal(volume.data[::-2, 3, 5:1:-1], values[::-2, 3, 5:1:-1])


def test_one_of_several_is_named_by_argument_or_by_a_longer_path(tmp_path, scan) -> None:
    path = write(tmp_path / "a.h5", image=scan, sub__label=scan[:3])
    by_name = read_volume(path, dataset="sub/label")
    by_path = read_volume(path / "sub" / "label")
    assert by_name.shape == by_path.shape == (3, 17, 23)
    assert by_name.spec.source == by_path.spec.source == path / "sub" / "label"
    np.testing.assert_array_equal(by_path.read(Roi.whole(by_path.shape)), scan[:3])
    again = read_volume(by_name.spec.source)
    assert again.spec == by_name.spec
    with pytest.raises(FormatError, match=r"a\.h5: holds 2 datasets, of which one must be named"):
        read_volume(path)


def test_axes_say_which_dataset_can_be_meant(tmp_path, scan) -> None:
    path = write(tmp_path / "a.h5", image=np.stack([scan, scan + 1]), label=scan[0])
    np.testing.assert_array_equal(read_volume(path, axes="1ZYX").data[...], scan + 1)
    assert read_volume(path).shape == (1, 17, 23)  # the only plane
    assert read_volume(write(tmp_path / "b.h5", a=scan.T), axes="XYZ").shape == scan.shape


def test_dimension_labels_name_the_axes(tmp_path, scan) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("raw", data=scan.T)
        for dimension, letter in zip(data.dims, "xyz", strict=True):
            dimension.label = letter
    np.testing.assert_array_equal(read_volume(tmp_path / "a.h5").data[...], scan)


def test_spacing_in_micrometres(tmp_path, scan) -> None:
    path = write(tmp_path / "a.h5", raw=scan, plane=scan[0])
    with h5py.File(path, "a") as file:
        file["raw"].attrs["element_size_um"] = [2.0, 0.5, 0.25]
        file["plane"].attrs["element_size_um"] = [0.5, 0.25]
    geometry = read_volume(path, dataset="raw").spec.geometry
    assert (geometry.spacing, geometry.unit) == ((2.0, 0.5, 0.25), "micrometer")
    assert read_volume(path, dataset="plane").spec.geometry.spacing == (1.0, 0.5, 0.25)


@pytest.mark.parametrize("value", [[0, 1, 1], [np.nan, 1, 1], [1, 1], "fine", [1, np.inf, 1], 2.0])
def test_a_spacing_that_is_none_is_refused(tmp_path, scan, value) -> None:
    path = write(tmp_path / "a.h5", raw=scan)
    with h5py.File(path, "a") as file:
        file["raw"].attrs["element_size_um"] = value
    with pytest.raises(GeometryError, match=r"^a\.h5: .*(spacing|element_size_um)"):
        read_volume(path)


def test_links_inside_the_file_are_followed(tmp_path, scan) -> None:
    path = write(tmp_path / "a.h5", raw__v1=scan)
    with h5py.File(path, "a") as file:
        file["latest"] = h5py.SoftLink("/raw")
        file["raw/newest"] = h5py.SoftLink("v1")
        file["raw/itself"] = file["raw"]  # a circle of hard links
        layout = h5py.VirtualLayout(scan.shape, scan.dtype)
        layout[...] = h5py.VirtualSource(".", "raw/v1", scan.shape)
        file.create_virtual_dataset("view", layout)
    for name in ("latest/newest", "/raw/./v1", "raw/itself/v1", "view"):
        np.testing.assert_array_equal(read_volume(path, dataset=name).data[...], scan)
    with pytest.raises(FormatError, match=r"holds 2 datasets.*raw/v1 \(6, 17, 23\)"):
        read_volume(path)


def test_a_name_is_found_or_not(tmp_path, scan) -> None:
    path = write(tmp_path / "a.h5", image=scan)
    assert find_dataset(path, "image") == "image"
    assert find_dataset(path, "label") is None
    assert find_dataset(path, "image/label") is None


def test_missing_chunks_are_told(tmp_path, scan) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("raw", (8, 8, 8), "u2", chunks=(4, 4, 4), fillvalue=7)
        data[:4] = 1
    with pytest.warns(BayesSegWarning, match=r"^a\.h5: 4 of 8 chunks are missing.*value 7"):
        volume = read_volume(tmp_path / "a.h5")
    assert volume.data[7, 7, 7] == 7


def test_arrays_are_read_from_threads_and_pickle_as_their_recipe(tmp_path, scan) -> None:
    path = write(tmp_path / "a.h5", raw=scan)
    data = read_volume(path).data
    recipe = pickle.dumps(data)
    assert len(recipe) < 1000
    np.testing.assert_array_equal(pickle.loads(recipe)[...], scan)
    with ThreadPoolExecutor(4) as pool:
        planes = list(pool.map(lambda z: data[z % 6], range(24)))
    for number, plane in enumerate(planes):
        np.testing.assert_array_equal(plane, scan[number % 6])


def test_a_file_that_is_open_elsewhere_can_be_read(tmp_path, scan) -> None:
    path = write(tmp_path / "a.h5", raw=scan)
    with h5py.File(path, "a"):
        np.testing.assert_array_equal(read_volume(path).data[...], scan)


def test_a_dataset_is_named_in_hdf5_files_only(tmp_path, scan) -> None:
    tifffile.imwrite(tmp_path / "a.tif", scan)
    with pytest.raises(FormatError, match=r"a\.tif: dataset='raw'.*this is TIFF: leave it out"):
        read_volume(tmp_path / "a.tif", dataset="raw")


def test_a_file_of_another_name_is_known_by_its_first_bytes(tmp_path, scan) -> None:
    path = write(tmp_path / "a.mat", raw=scan)
    assert read_volume(path).shape == scan.shape
