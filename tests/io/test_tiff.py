from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_bayesseg.core.errors import BayesSegWarning
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.io.lazy import MappedArray
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.io.tiff_pages import PageArray

OME = {"axes": "ZYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.6, "PhysicalSizeZ": 2.0}
IMAGEJ = {"axes": "ZYX", "spacing": 2.0, "unit": "\\u00b5m"}

KINDS = {
    "plain": {"metadata": None},
    "shaped": {},
    "imagej": {"imagej": True, "metadata": IMAGEJ},
    "ome": {"ome": True, "metadata": OME},
    "bigtiff": {"bigtiff": True, "metadata": None},
    "big_endian": {"byteorder": ">", "metadata": None},
    "big_endian_bigtiff": {"byteorder": ">", "bigtiff": True, "metadata": None},
    "deflate": {"compression": "zlib", "metadata": None},
    "deflate_predictor": {"compression": "zlib", "predictor": True, "metadata": None},
    "packbits": {"compression": "packbits", "metadata": None},
    "lzma": {"compression": "lzma", "metadata": None},
    "lzw": {"compression": "lzw", "predictor": True, "metadata": None},
    "zstd": {"compression": "zstd", "tile": (16, 16), "metadata": None},
    "tiles": {"tile": (16, 16), "metadata": None},
    "tiles_deflate": {"tile": (16, 16), "compression": "zlib", "ome": True, "metadata": OME},
    "strips": {"rowsperstrip": 5, "metadata": None},
    "strips_deflate": {"rowsperstrip": 5, "compression": "zlib", "byteorder": ">"},
    "volumetric": {"volumetric": True, "tile": (16, 16, 16), "metadata": None},
    "one_directory": {"truncate": True},
    "one_directory_imagej": {"imagej": True, "truncate": True, "metadata": IMAGEJ},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_every_kind_gives_the_voxels_that_were_written(tmp_path, scan, kind, dtype):
    values = scan.astype(dtype)
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, values, **KINDS[kind])
    volume = read_volume(path)
    assert volume.shape == values.shape
    assert volume.spec.dtype == dtype
    np.testing.assert_array_equal(np.asarray(volume.data[...]), values)
    roi = Roi((1, 3, 5), (4, 14, 22))
    np.testing.assert_array_equal(volume.read(roi), values[roi.slices])
    np.testing.assert_array_equal(volume.data[2, -3:, 4], values[2, -3:, 4])


@pytest.mark.parametrize(
    "dtype", ["int8", "int16", "uint32", "int32", "float16", "float64", "bool"]
)
def test_every_type_of_real_numbers_is_read(tmp_path, scan, dtype):
    values = (scan % 2).astype(bool) if dtype == "bool" else scan.astype(dtype)
    tifffile.imwrite(tmp_path / "scan.tif", values, metadata=None)
    volume = read_volume(tmp_path / "scan.tif")
    assert volume.spec.dtype == dtype
    np.testing.assert_array_equal(np.asarray(volume.data[...]), values)


@pytest.mark.parametrize("kind", ["plain", "imagej", "ome", "one_directory", "big_endian"])
def test_uncompressed_stacks_are_mapped(tmp_path, scan, kind):
    tifffile.imwrite(tmp_path / "scan.tif", scan, **KINDS[kind])
    assert isinstance(read_volume(tmp_path / "scan.tif").data, MappedArray)


def test_only_the_touched_strips_are_decoded(tmp_path, scan):
    tifffile.imwrite(tmp_path / "scan.tif", scan, rowsperstrip=5, compression="zlib")
    data = read_volume(tmp_path / "scan.tif").data
    assert isinstance(data, PageArray)
    data[2:4, 6:9]
    assert sorted(data._recent) == [(2, 1), (3, 1)]


def test_decoded_strips_stay_within_the_budget(tmp_path, scan, monkeypatch):
    monkeypatch.setattr("napari_bayesseg.io.tiff_pages._CACHE_BYTES", 2000)
    tifffile.imwrite(tmp_path / "scan.tif", scan, rowsperstrip=5, compression="zlib")
    data = read_volume(tmp_path / "scan.tif").data
    for _ in range(2):
        np.testing.assert_array_equal(data[...], scan)
    assert sum(item.nbytes for item in data._recent.values()) == data._recent_bytes <= 2000


def test_compressed_stacks_pickle_and_are_read_by_threads(tmp_path, scan):
    tifffile.imwrite(tmp_path / "scan.tif", scan, tile=(16, 16), compression="zlib")
    data = pickle.loads(pickle.dumps(read_volume(tmp_path / "scan.tif").data))
    with ThreadPoolExecutor(6) as pool:
        planes = list(pool.map(lambda index: data[index % 6], range(60)))
    for index, plane in enumerate(planes):
        np.testing.assert_array_equal(plane, scan[index % 6])


def test_a_2d_image_has_one_plane(tmp_path, scan):
    tifffile.imwrite(tmp_path / "scan.tif", scan[0])
    volume = read_volume(tmp_path / "scan.tif")
    np.testing.assert_array_equal(volume.data[...], scan[:1])


@pytest.mark.parametrize("planar", [False, True])
def test_a_channel_of_a_colour_stack_can_be_chosen(tmp_path, rng, planar):
    values = rng.integers(0, 255, (5, 20, 30, 3), dtype=np.uint8)
    written = np.moveaxis(values, -1, 1) if planar else values
    tifffile.imwrite(
        tmp_path / "scan.tif",
        np.ascontiguousarray(written),
        photometric="rgb",
        planarconfig="separate" if planar else "contig",
        compression="zlib",
    )
    volume = read_volume(tmp_path / "scan.tif", axes="Z1YX" if planar else "ZYX1")
    np.testing.assert_array_equal(volume.data[...], values[..., 1])
    np.testing.assert_array_equal(volume.data[2:4, 3:5, 7], values[2:4, 3:5, 7, 1])


def test_a_channel_of_an_imagej_hyperstack_can_be_chosen(tmp_path, rng):
    values = rng.integers(0, 255, (5, 2, 20, 30), dtype=np.uint8)
    metadata = {"axes": "ZCYX", "spacing": 3.0, "unit": "nm"}
    tifffile.imwrite(tmp_path / "s.tif", values, imagej=True, metadata=metadata)
    volume = read_volume(tmp_path / "s.tif", axes="Z1YX")
    np.testing.assert_array_equal(volume.data[...], values[:, 1])
    assert volume.spec.geometry.spacing[0] == 3.0


def test_the_finest_level_of_a_pyramid_is_read(tmp_path, scan):
    with tifffile.TiffWriter(tmp_path / "scan.ome.tif") as file:
        file.write(scan, subifds=1, metadata=OME, compression="zlib")
        file.write(scan[:, ::2, ::2], subfiletype=1, compression="zlib")
    volume = read_volume(tmp_path / "scan.ome.tif")
    np.testing.assert_array_equal(volume.data[...], scan)


def test_of_several_images_the_first_is_read_and_told(tmp_path, scan):
    with tifffile.TiffWriter(tmp_path / "scan.tif") as file:
        file.write(scan)
        file.write(scan[:, :5, :5])
    with pytest.warns(BayesSegWarning, match="2 images"):
        volume = read_volume(tmp_path / "scan.tif")
    np.testing.assert_array_equal(volume.data[...], scan)


def patched(path: Path, old: bytes, new: bytes) -> None:
    """Replace bytes by as many others."""
    assert len(old) == len(new)
    content = path.read_bytes()
    assert content.count(old) >= 1
    path.write_bytes(content.replace(old, new))


@pytest.mark.parametrize("declared", [b"4", b"9"])
def test_the_directories_are_believed_rather_than_imagejs_description(tmp_path, scan, declared):
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, scan, imagej=True, metadata=IMAGEJ)
    patched(path, b"images=6", b"images=" + declared)
    patched(path, b"slices=6", b"slices=" + declared)
    with pytest.warns(BayesSegWarning, match=rf"declares {int(declared)} planes.*has 6"):
        volume = read_volume(path)
    np.testing.assert_array_equal(volume.data[...], scan)
    assert volume.spec.geometry.spacing[0] == 2.0


@pytest.mark.parametrize("declared", [b"4", b"9"])
def test_the_directories_are_believed_rather_than_omes_description(tmp_path, scan, declared):
    path = tmp_path / "scan.ome.tif"
    tifffile.imwrite(path, scan, metadata=OME)
    patched(path, b'SizeZ="6"', b'SizeZ="' + declared + b'"')
    patched(path, b'PlaneCount="6"', b'PlaneCount="' + declared + b'"')
    with pytest.warns(BayesSegWarning, match=rf"declares {int(declared)} planes.*has 6"):
        volume = read_volume(path)
    np.testing.assert_array_equal(volume.data[...], scan)
    assert volume.spec.geometry.spacing == (2.0, 0.6, 0.5)


def test_unreadable_ome_metadata_are_told_and_the_pages_read(tmp_path, scan):
    path = tmp_path / "scan.ome.tif"
    tifffile.imwrite(path, scan, metadata=OME)
    patched(path, b"</Pixels>", b"</Pixel >")
    with pytest.warns(BayesSegWarning, match="can't be parsed"):
        volume = read_volume(path)
    np.testing.assert_array_equal(volume.data[...], scan)


def test_a_tiff_is_known_by_its_content_too(tmp_path, scan):
    tifffile.imwrite(tmp_path / "scan.dat", scan, metadata=None)
    np.testing.assert_array_equal(read_volume(tmp_path / "scan.dat").data[...], scan)


def test_the_smallest_volume_is_read(tmp_path):
    tifffile.imwrite(tmp_path / "dot.tif", np.array([[[7]]], np.uint8))
    assert read_volume(tmp_path / "dot.tif").data[...].tolist() == [[[7]]]


def test_real_ct_stacks_are_read_whole(data_folder):
    path = data_folder / "xray_ct_unlabelled" / "cement_128x128x128.tif"
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.data[...], tifffile.imread(path))


def test_the_source_is_never_opened_for_writing(tmp_path, scan, hashes):
    for kind in ("plain", "deflate", "imagej"):
        tifffile.imwrite(tmp_path / f"{kind}.tif", scan, **KINDS[kind])
        (tmp_path / f"{kind}.tif").chmod(0o444)
    before = hashes(tmp_path)
    for kind in ("plain", "deflate", "imagej"):
        block = read_volume(tmp_path / f"{kind}.tif").data[...]
        block += 1
    assert hashes(tmp_path) == before
