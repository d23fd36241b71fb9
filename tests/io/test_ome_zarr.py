from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import zarr

from napari_bayesseg.core.errors import BayesSegWarning
from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.io.readers import read_volume


def space(unit: str | None = "micrometer", letters: str = "zyx", **others: str) -> list[dict]:
    units = dict.fromkeys(letters, unit) | others
    axes = []
    for letter in letters:
        kind = {"c": "channel", "t": "time"}.get(letter, "space")
        axis = {"name": letter, "type": kind}
        if units[letter] and kind == "space":
            axis["unit"] = units[letter]
        axes.append(axis)
    return axes


def level(path: str, scale, translation=None) -> dict:
    steps = [{"type": "scale", "scale": list(scale)}]
    if translation is not None:
        steps.append({"type": "translation", "translation": list(translation)})
    return {"path": path, "coordinateTransformations": steps}


def make(path, arrays, axes, datasets, version="0.5", image_steps=None, **kwargs):
    """Write an OME-Zarr image; return its path."""
    root = zarr.open_group(path, mode="w", zarr_format=3 if version == "0.5" else 2)
    for name, values in arrays.items():
        chunks = kwargs.get("chunks", tuple(max(n // 2, 1) for n in values.shape))
        array = root.create_array(name, shape=values.shape, dtype=values.dtype, chunks=chunks)
        array[...] = values
    entry = {"axes": axes, "datasets": datasets}
    if image_steps:
        entry["coordinateTransformations"] = image_steps
    if version == "0.5":
        root.attrs["ome"] = {"version": "0.5", "multiscales": [entry]}
    else:
        root.attrs["multiscales"] = [{"version": "0.4", **entry}]
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_voxels_scale_translation_and_unit(tmp_path, scan, version):
    datasets = [level("0", (2, 0.5, 0.25), (10, 20, 30))]
    path = make(tmp_path / "cell.ome.zarr", {"0": scan}, space(), datasets, version)
    volume = read_volume(path)
    np.testing.assert_array_equal(np.asarray(volume.data[...]), scan)
    assert volume.spec.name == "cell"
    assert volume.spec.geometry == Geometry.from_spacing((2, 0.5, 0.25), (10, 20, 30), "micrometer")
    roi = Roi((1, 3, 5), (4, 14, 22))
    np.testing.assert_array_equal(volume.read(roi), scan[roi.slices])


def test_the_images_own_transformation_comes_after_the_levels(tmp_path, scan):
    steps = [{"type": "scale", "scale": [10, 10, 10]}]
    datasets = [level("0", (2, 1, 1), (1, 2, 3))]
    path = make(tmp_path / "a.zarr", {"0": scan}, space(), datasets, image_steps=steps)
    assert read_volume(path).spec.geometry == Geometry.from_spacing(
        (20, 10, 10), (10, 20, 30), "micrometer"
    )


def test_the_finest_level_is_read_wherever_it_stands(tmp_path, scan):
    arrays = {"low": scan[:, ::2, ::2], "high": scan}
    datasets = [level("low", (1, 2, 2)), level("high", (1, 1, 1))]
    path = make(tmp_path / "a.zarr", arrays, space(), datasets)
    with pytest.warns(BayesSegWarning, match="finer"):
        volume = read_volume(path)
    assert volume.shape == scan.shape
    assert volume.spec.geometry.spacing == (1, 1, 1)


def test_channels_are_chosen_by_axes(tmp_path, rng):
    values = rng.integers(0, 99, (1, 3, 4, 5, 6), dtype=np.uint8)
    axes = space(letters="tczyx")
    path = make(tmp_path / "a.zarr", {"0": values}, axes, [level("0", (1, 1, 3, 2, 1))])
    volume = read_volume(path, axes="2ZYX")
    np.testing.assert_array_equal(volume.data[...], values[0, 2])
    assert volume.spec.geometry.spacing == (3, 2, 1)


def test_axes_in_another_order_are_turned(tmp_path, scan):
    axes = space(letters="xyz")
    path = make(tmp_path / "a.zarr", {"0": scan}, axes, [level("0", (1, 2, 3))])
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.data[...], scan.T)
    assert volume.spec.geometry.spacing == (3, 2, 1)


def test_mixed_units_are_converted_and_told(tmp_path, scan):
    axes = space("micrometer", z="nanometer")
    path = make(tmp_path / "a.zarr", {"0": scan}, axes, [level("0", (500, 0.5, 0.5))])
    with pytest.warns(BayesSegWarning, match="mixed units"):
        geometry = read_volume(path).spec.geometry
    assert geometry.spacing == pytest.approx((0.5, 0.5, 0.5))


def test_without_unit_lengths_are_pixels(tmp_path, scan):
    path = make(tmp_path / "a.zarr", {"0": scan}, space(None), [level("0", (2, 1, 1))])
    assert read_volume(path).spec.geometry == Geometry.from_spacing((2, 1, 1))


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("grouped", [False, True])
def test_plain_arrays_are_read(tmp_path, scan, zarr_format, grouped):
    path = tmp_path / "plain.zarr"
    if grouped:
        root = zarr.open_group(path, mode="w", zarr_format=zarr_format)
        array = root.create_array("raw", shape=scan.shape, dtype=">u2", chunks=(2, 8, 8))
    else:
        array = zarr.create_array(
            path, shape=scan.shape, dtype=">u2", chunks=(2, 8, 8), zarr_format=zarr_format
        )
    array[...] = scan
    volume = read_volume(path)
    assert volume.spec.dtype == "uint16"
    assert volume.data[...].dtype.isnative
    np.testing.assert_array_equal(volume.data[...], scan)


def test_an_array_inside_a_group_can_be_named(tmp_path, scan):
    root = zarr.open_group(tmp_path / "two.zarr", mode="w")
    for name, values in (("raw", scan), ("other", scan // 2)):
        root.create_array(name, shape=scan.shape, dtype="u2", chunks=scan.shape)[...] = values
    volume = read_volume(tmp_path / "two.zarr" / "raw")
    np.testing.assert_array_equal(volume.data[...], scan)


def test_sharded_arrays_are_read(tmp_path, scan):
    array = zarr.create_array(
        tmp_path / "s.zarr", shape=scan.shape, dtype="u2", chunks=(2, 4, 4), shards=(4, 8, 8)
    )
    array[...] = scan
    np.testing.assert_array_equal(read_volume(tmp_path / "s.zarr").data[...], scan)


def test_dimension_names_of_plain_arrays_count(tmp_path, scan):
    array = zarr.create_array(
        tmp_path / "s.zarr", shape=scan.shape, dtype="u2", dimension_names=["x", "y", "z"]
    )
    array[...] = scan
    np.testing.assert_array_equal(read_volume(tmp_path / "s.zarr").data[...], scan.T)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_missing_chunks_are_counted_and_told(tmp_path, zarr_format):
    array = zarr.create_array(
        tmp_path / "a.zarr",
        shape=(8, 8, 8),
        dtype="f4",
        chunks=(4, 4, 4),
        fill_value=0,
        zarr_format=zarr_format,
    )
    array[:4, :4] = 1
    with pytest.warns(BayesSegWarning, match="6 of 8 chunks are missing"):
        volume = read_volume(tmp_path / "a.zarr")
    assert volume.data[...].sum() == 4 * 4 * 8
    assert "missing" in volume.spec.notes[0]


def test_arrays_pickle_and_are_read_by_threads(tmp_path, scan):
    array = zarr.create_array(tmp_path / "a.zarr", shape=scan.shape, dtype="u2", chunks=(2, 8, 8))
    array[...] = scan
    pickled = pickle.dumps(read_volume(tmp_path / "a.zarr").data)
    assert len(pickled) < 10_000
    data = pickle.loads(pickled)
    with ThreadPoolExecutor(4) as pool:
        planes = list(pool.map(lambda index: data[index % 6], range(24)))
    for index, plane in enumerate(planes):
        np.testing.assert_array_equal(plane, scan[index % 6])


def test_a_huge_sparse_volume_costs_nothing_until_it_is_read(tmp_path):
    zarr.create_array(
        tmp_path / "a.zarr", shape=(4096, 4096, 4096), dtype="f4", chunks=(256, 256, 256)
    )
    with pytest.warns(BayesSegWarning, match="4096 of 4096"):
        volume = read_volume(tmp_path / "a.zarr")
    assert volume.data[4000:4002, 5, 5].tolist() == [0, 0]


def test_metadata_validate_as_the_standard_says(tmp_path, scan):
    """The images of these tests are what other programs would write."""
    import yaozarrs

    path = make(tmp_path / "a.zarr", {"0": scan}, space(), [level("0", (1, 1, 1))])
    document = json.loads((path / "zarr.json").read_text(encoding="utf-8"))["attributes"]
    yaozarrs.validate_ome_object(document)
