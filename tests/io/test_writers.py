from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from napari_bayesseg.core.errors import BayesSegWarning, FormatError, GeometryError
from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.io import tiff_writer
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.io.writers import write_volume

SUFFIXES = [".ome.tif", ".ome.tiff", ".tif", ".tiff", ".nii", ".nii.gz"]
UPRIGHT = Geometry.from_spacing((2.0, 0.5, 0.25), unit="micrometer")
UNITS = [
    "meter",
    "centimeter",
    "millimeter",
    "micrometer",
    "nanometer",
    "angstrom",
    "inch",
    "pixel",
]


@pytest.fixture(autouse=True)
def _nibabel():
    pytest.importorskip("nibabel", reason="NIfTI needs the extra `medical`")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "bool", "float16", ">u2", ">f4"])
def test_round_trip(tmp_path, scan, suffix, dtype):
    values = (scan > 30_000) if dtype == "bool" else (scan / 100).astype(dtype)
    path = tmp_path / f"out{suffix}"
    assert write_volume(path, values, UPRIGHT, name="mask") == ()
    volume = read_volume(path)
    np.testing.assert_array_equal(np.asarray(volume.data[...]), values)
    assert volume.spec.geometry.unit == "micrometer"
    np.testing.assert_allclose(volume.spec.geometry.matrix, UPRIGHT.matrix, rtol=1e-7)
    expected = {"bool": "uint8", "float16": "float32"}.get(
        dtype, np.dtype(dtype).newbyteorder("=").name
    )
    assert volume.spec.dtype == expected
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".ome.tif", ".nii"])
@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint32", "float64"])
def test_round_trip_of_wider_types(tmp_path, scan, suffix, dtype):
    values = (scan.astype(np.int64) - 100).astype(dtype)
    write_volume(tmp_path / f"out{suffix}", values, UPRIGHT)
    volume = read_volume(tmp_path / f"out{suffix}")
    assert volume.spec.dtype == dtype
    np.testing.assert_array_equal(volume.data[...], values)


@pytest.mark.parametrize(
    ("suffix", "dtype", "values", "result"),
    [
        (".ome.tif", "int64", (0, 255), "uint8"),
        (".ome.tif", "int64", (0, 256), "uint16"),
        (".ome.tif", "int64", (-1, 255), "int16"),
        (".ome.tif", "uint64", (0, 70_000), "uint32"),
        (".nii", "int64", (0, 300), "int16"),
        (".nii", "int64", (-70_000, 3), "int32"),
        (".tif", "int32", (0, 300), "uint16"),
        (".tif", "int16", (-3, 300), "float32"),
        (".tif", "int32", (0, 2**24), "float32"),
        (".tif", "int8", (0, 100), "uint8"),
        (".tif", "float64", (0.5, 0.25), "float32"),
        (".nii", "longdouble", (0.5, 0.25), "float32"),
    ],
)
def test_labels_get_the_narrowest_type_that_holds_them(tmp_path, suffix, dtype, values, result):
    array = np.array([[values]], dtype)
    write_volume(tmp_path / f"out{suffix}", array, UPRIGHT)
    volume = read_volume(tmp_path / f"out{suffix}")
    assert volume.spec.dtype == result
    np.testing.assert_array_equal(volume.data[...], array)


@pytest.mark.parametrize(
    ("suffix", "dtype", "values", "remedy"),
    [
        (".tif", "int32", (0, 2**24 + 1), "write .ome.tif"),
        (".tif", "float64", (0.1, 1), "write .ome.tif"),
        (".ome.tif", "int64", (0, 2**33), "write .nii"),
        (".nii", "int64", (0, 2**33), "smaller"),
        (".ome.tif", "complex64", (0, 1), "real numbers"),
        (".nii", "object", (0, 1), "real numbers"),
    ],
)
def test_values_that_would_change_are_refused(tmp_path, suffix, dtype, values, remedy):
    path = tmp_path / f"out{suffix}"
    path.write_bytes(b"old")
    with pytest.raises(FormatError, match=rf"^out{suffix}: .*{remedy}"):
        write_volume(path, np.array([[values]], dtype), UPRIGHT)
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_nan_survives(tmp_path):
    values = np.array([[[np.nan, np.inf, -0.0, 1e-40]]], np.float32)
    for suffix in SUFFIXES:
        write_volume(tmp_path / f"out{suffix}", values, UPRIGHT)
        back = read_volume(tmp_path / f"out{suffix}").data[...]
        assert back.tobytes() == values.tobytes()


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("suffix", [".ome.tif", ".tif", ".nii"])
def test_every_unit_comes_back_or_is_converted(tmp_path, scan, suffix, unit):
    geometry = Geometry.from_spacing((3.0, 0.7, 0.3), unit=unit)
    write_volume(tmp_path / f"out{suffix}", scan, geometry)
    back = read_volume(tmp_path / f"out{suffix}").spec.geometry
    if suffix == ".nii" and unit in ("centimeter", "nanometer", "angstrom", "inch"):
        factor = {"centimeter": 10, "inch": 25.4, "nanometer": 1e-3, "angstrom": 1e-4}[unit]
        assert back.unit == ("millimeter" if unit in ("centimeter", "inch") else "micrometer")
        assert back.spacing == pytest.approx((3.0 * factor, 0.7 * factor, 0.3 * factor), rel=1e-6)
    else:
        assert back.unit == unit
        assert back.spacing == pytest.approx((3.0, 0.7, 0.3), rel=1e-6)


def test_other_programs_find_the_physical_size_in_ome(tmp_path, scan):
    geometry = Geometry.from_spacing((2.0, 0.5, 0.25), (10.0, -20.0, 30.0), "nanometer")
    write_volume(tmp_path / "mask.ome.tif", scan, geometry, name="cells < & \u00b5")
    with tifffile.TiffFile(tmp_path / "mask.ome.tif") as file:
        assert file.is_ome
        assert file.series[0].axes == "ZYX"
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
        name = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Name"]
        np.testing.assert_array_equal(file.asarray(), scan)
    assert name == "cells < & \u00b5"
    assert [pixels[f"PhysicalSize{letter}"] for letter in "ZYX"] == [2.0, 0.5, 0.25]
    assert [pixels[f"PhysicalSize{letter}Unit"] for letter in "ZYX"] == ["nm"] * 3
    assert read_volume(tmp_path / "mask.ome.tif").spec.geometry == geometry


def test_other_programs_find_the_voxel_size_for_imagej(tmp_path, scan):
    write_volume(tmp_path / "mask.tif", scan, UPRIGHT)
    with tifffile.TiffFile(tmp_path / "mask.tif") as file:
        assert file.imagej_metadata["spacing"] == 2.0
        assert file.imagej_metadata["unit"] == "\\u00b5m"
        assert file.imagej_metadata["slices"] == 6
        assert file.pages[0].tags["XResolution"].value == (4, 1)
        assert file.pages[0].tags["YResolution"].value == (2, 1)
        np.testing.assert_array_equal(file.asarray(), scan)


@pytest.mark.parametrize("suffix", [".ome.tif", ".tif"])
def test_what_a_tiff_cannot_carry_is_told(tmp_path, scan, suffix):
    matrix = np.array([[0, 2, 0, 0], [1, 0, 0, 0], [0, 0, -3, 0], [0, 0, 0, 1.0]])
    with pytest.warns(BayesSegWarning, match=rf"^out{suffix}: rotation.*write .nii"):
        lost = write_volume(
            tmp_path / f"out{suffix}", scan, Geometry.from_matrix(matrix, "millimeter")
        )
    assert len(lost) == 1
    assert read_volume(tmp_path / f"out{suffix}").spec.geometry.spacing == (1, 2, 3)


@pytest.mark.parametrize(
    ("suffix", "unit"), [(".tif", "millimeter"), (".tif", "pixel"), (".ome.tif", "pixel")]
)
def test_a_lost_origin_is_told(tmp_path, scan, suffix, unit):
    geometry = Geometry.from_spacing(translation=(1, 2, 3), unit=unit)
    with pytest.warns(BayesSegWarning, match="origin"):
        write_volume(tmp_path / f"out{suffix}", scan, geometry)


finite = st.floats(-1e4, 1e4, width=32)
lengths = st.floats(2.0**-10, 2.0**10, width=32)


@st.composite
def affines(draw) -> np.ndarray:
    """Return spacing, rotation and shear, possibly flipped: what scanners and tools produce."""
    entries = draw(st.lists(st.floats(-1, 1, width=32), min_size=9, max_size=9))
    linear = np.asarray(entries).reshape(3, 3)
    linear = np.eye(3)[draw(st.permutations(range(3)))] + draw(st.sampled_from([0.0, 0.3])) * linear
    flips = draw(st.lists(st.sampled_from([-1.0, 1.0]), min_size=3, max_size=3))
    matrix = np.eye(4)
    matrix[:3, :3] = linear * draw(st.lists(lengths, min_size=3, max_size=3)) * flips
    matrix[:3, 3] = draw(st.lists(finite, min_size=3, max_size=3))
    return matrix


@pytest.mark.parametrize(
    "examples", [50, pytest.param(500, marks=pytest.mark.long)], ids=["short", "long"]
)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_any_affine_survives_nifti(tmp_path, examples, suffix):
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)

    @given(affines(), st.sampled_from(["meter", "millimeter", "micrometer", "pixel"]))
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    def check(matrix: np.ndarray, unit: str) -> None:
        try:
            geometry = Geometry.from_matrix(matrix, unit)
        except GeometryError:
            assume(False)
        path = tmp_path / f"out{suffix}"
        write_volume(path, values, geometry)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            back = read_volume(path).spec.geometry
        assert back.unit == unit
        np.testing.assert_array_equal(back.matrix, matrix.astype(np.float32).astype(np.float64))

    check()


@pytest.mark.parametrize("suffix", [".ome.tif", ".tif"])
def test_any_spacing_survives_tiff(tmp_path, suffix):
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)

    @given(st.tuples(lengths, lengths, lengths), st.tuples(finite, finite, finite))
    @settings(max_examples=50, deadline=None)
    def check(spacing, translation) -> None:
        origin = translation if suffix == ".ome.tif" else (0.0, 0.0, 0.0)
        geometry = Geometry.from_spacing(spacing, origin, "nanometer")
        write_volume(tmp_path / f"out{suffix}", values, geometry)
        back = read_volume(tmp_path / f"out{suffix}").spec.geometry
        assert back.translation == origin
        assert back.spacing == pytest.approx(spacing, rel=1e-7 if suffix == ".tif" else 0, abs=0)

    check()


def test_axes_longer_than_nifti_1_allows(tmp_path):
    values = np.zeros((1, 2, 40_000), np.uint8)
    values[0, 1, -1] = 7
    write_volume(tmp_path / "out.nii", values, UPRIGHT)
    assert (tmp_path / "out.nii").read_bytes()[:4] == (540).to_bytes(4, "little")
    np.testing.assert_array_equal(read_volume(tmp_path / "out.nii").data[...], values)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("shape", [(1, 4, 5), (3, 1, 5), (4, 5, 1), (1, 1, 1)])
def test_thin_volumes(tmp_path, suffix, shape):
    values = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    write_volume(tmp_path / f"out{suffix}", values, UPRIGHT)
    volume = read_volume(tmp_path / f"out{suffix}")
    np.testing.assert_array_equal(volume.data[...], values)


@pytest.mark.parametrize("suffix", [".ome.tif", ".tif", ".nii", ".nii.gz"])
def test_channels_are_written_and_can_be_chosen(tmp_path, rng, suffix):
    values = rng.random((3, 4, 5, 6), dtype=np.float32)
    path = tmp_path / f"out{suffix}"
    write_volume(path, values, UPRIGHT)
    axes = {".ome.tif": "1ZYX", ".tif": "Z1YX"}.get(suffix, "XYZ1")
    np.testing.assert_array_equal(read_volume(path, axes=axes).data[...], values[1])


def test_a_lazy_array_is_read_once_and_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_bayesseg.io.slabs._SLAB_BYTES", 4096)
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=(20, 32, 32), dtype="u1", chunks=(8, 32, 32)
    )
    array[...] = np.arange(20, dtype=np.uint8)[:, None, None]

    class Counting:
        shape, dtype, chunks = array.shape, array.dtype, array.chunks
        read: list[int]

        def __init__(self):
            self.read = []

        def __getitem__(self, key):
            piece = array[key]
            self.read.append(len(piece))
            return piece

    counting = Counting()
    write_volume(tmp_path / "mask.ome.tif", counting, UPRIGHT)
    assert counting.read == [8, 8, 4]  # along the chunks
    np.testing.assert_array_equal(read_volume(tmp_path / "mask.ome.tif").data[...], array[...])


def test_large_files_are_bigtiff_or_refused_for_imagej(tmp_path, scan, monkeypatch):
    monkeypatch.setattr(tiff_writer, "_CLASSIC_LIMIT", 1000)
    write_volume(tmp_path / "out.ome.tif", scan, UPRIGHT)
    assert (tmp_path / "out.ome.tif").read_bytes()[2] == 43
    np.testing.assert_array_equal(read_volume(tmp_path / "out.ome.tif").data[...], scan)
    with pytest.raises(FormatError, match=r"below 4 GiB.*ome.tif"):
        write_volume(tmp_path / "out.tif", scan, UPRIGHT)


def test_nothing_is_written_over_a_source(tmp_path, scan):
    source = tmp_path / "scan.ome.tif"
    write_volume(source, scan, UPRIGHT)
    before = source.read_bytes()
    (tmp_path / "link.ome.tif").symlink_to(source)
    (tmp_path / "hard.ome.tif").hardlink_to(source)
    for name in ("scan.ome.tif", "link.ome.tif", "hard.ome.tif"):
        with pytest.raises(FormatError, match=rf"^{name}: is the source"):
            write_volume(tmp_path / name, scan * 0, UPRIGHT, sources=[source])
    with pytest.raises(FormatError, match="is the source"):
        write_volume(tmp_path / "." / "scan.ome.tif", scan * 0, UPRIGHT, sources=[str(source)])
    assert source.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mask.png", "suffix must be one of .ome.tif"),
        ("mask", r"it is \(none\)"),
        ("there.tif", "is a folder"),
        ("absent/mask.tif", "folder absent does not exist"),
    ],
)
def test_impossible_targets_are_refused(tmp_path, scan, name, words):
    (tmp_path / "there.tif").mkdir()
    with pytest.raises(FormatError, match=words):
        write_volume(tmp_path / name, scan, UPRIGHT)


@pytest.mark.parametrize("shape", [(4, 5), (2, 2, 2, 2, 2), (0, 4, 5)])
def test_only_volumes_are_written(tmp_path, shape):
    with pytest.raises(FormatError, match="must have the axes"):
        write_volume(tmp_path / "out.nii", np.zeros(shape), UPRIGHT)


@pytest.mark.parametrize(
    "name", ["Zelle \u00b5 \u7d30\u80de.ome.tif", "con.tif", "x" * 240 + ".ome.tif"]
)
def test_unusual_names_are_coped_with(tmp_path, scan, name):
    write_volume(tmp_path / name, scan, UPRIGHT)
    np.testing.assert_array_equal(read_volume(tmp_path / name).data[...], scan)


def test_a_result_lies_exactly_on_its_real_source(tmp_path, data_folder):
    import nibabel

    source = data_folder / "spleen_ct" / "spleen2_ct_crop.nii.gz"
    volume = read_volume(source)
    labels = (np.asarray(volume.data[...]) > 100).astype(np.uint8)
    write_volume(tmp_path / "mask.nii.gz", labels, volume.spec.geometry, sources=[source])
    written, original = nibabel.load(tmp_path / "mask.nii.gz"), nibabel.load(source)
    np.testing.assert_array_equal(written.affine, original.affine)
    np.testing.assert_array_equal(written.get_qform(), original.get_qform())
    assert written.header.get_xyzt_units()[0] == "mm"  # the source names none
    assert written.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(np.asarray(written.dataobj), np.asarray(original.dataobj) > 100)


def test_measures_are_not_quantised(tmp_path, rng):
    import nibabel

    values = rng.random((3, 4, 5), dtype=np.float32)
    write_volume(tmp_path / "entropy.nii", values, UPRIGHT)
    written = nibabel.load(tmp_path / "entropy.nii")
    assert written.get_data_dtype() == np.float32
    assert written.dataobj.slope == 1
    np.testing.assert_array_equal(np.asarray(written.dataobj), values.T)
    assert Path(tmp_path / "entropy.nii").stat().st_size == 352 + values.nbytes
