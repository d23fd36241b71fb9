"""Makers of files that can't be read: each writes one into a folder and returns its path.

`CASES` maps a name to (maker, words that the message must hold).
"""

from __future__ import annotations

import gzip
import json
import shutil
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import tifffile
import zarr

Maker = Callable[[Path], Path]
CASES: dict[str, tuple[Maker, str]] = {}
SCAN = np.random.default_rng(5).integers(0, 60_000, (6, 17, 23), dtype=np.uint16)
OME = {"axes": "ZYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0}
IMAGEJ = {"axes": "ZYX", "spacing": 2.0, "unit": "\\u00b5m"}
TIFF_KINDS = {
    "plain": {"metadata": None},
    "imagej": {"imagej": True, "metadata": IMAGEJ},
    "ome": {"ome": True, "metadata": OME},
    "bigtiff": {"bigtiff": True, "metadata": None},
    "shaped": {},
    "deflate": {"compression": "zlib", "metadata": None},
    "tiles": {"tile": (16, 16), "compression": "zlib", "ome": True, "metadata": OME},
    "one_directory": {"truncate": True},
    "one_directory_imagej": {"imagej": True, "truncate": True, "metadata": IMAGEJ},
}


def add(name: str, words: str, maker: Maker) -> None:
    CASES[name] = (maker, words)


def case(words: str) -> Callable[[Maker], Maker]:
    def register(maker: Maker) -> Maker:
        add(maker.__name__, words, maker)
        return maker

    return register


def put(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


# What is no scan at all


@case("does not exist")
def missing(folder: Path) -> Path:
    return folder / "missing.tif"


@case("holds none")
def folder_without_zarr(folder: Path) -> Path:
    (folder / "scans").mkdir()
    put(folder / "scans", "readme.txt", b"x")
    return folder / "scans"


@case("holds none")
def empty_folder(folder: Path) -> Path:
    (folder / "scans.zarr").mkdir()
    return folder / "scans.zarr"


@case("no known kind")
def png(folder: Path) -> Path:
    return put(folder, "scan.png", b"\x89PNG\r\n\x1a\n" + bytes(50))


@case("no known kind")
def without_suffix(folder: Path) -> Path:
    return put(folder, "scan", b"hello")


for suffix in (".tif", ".ome.tif", ".nii", ".nii.gz", ".dat"):
    add(f"empty{suffix}", "0 bytes", partial(put, name=f"scan{suffix}", content=b""))
for suffix, words in ((".tif", "start with II"), (".nii", "NIfTI"), (".nii.gz", "gzip")):
    text = b"Patient: nobody\nThis is no scan at all, but a letter about one.\n" * 20
    add(f"text{suffix}", words, partial(put, name=f"scan{suffix}", content=text))
add("one_byte.tif", "start with II", partial(put, name="scan.tif", content=b"I"))
add("only_magic.tif", "start with II", partial(put, name="scan.tif", content=b"II*\0"))
add("half_bigtiff_header", "truncated", partial(put, name="a.tif", content=b"II+\0\x08\0\0\0\1"))


# TIFF


def tiff(folder: Path, kind: str = "plain", values=SCAN) -> Path:
    path = folder / ("scan.ome.tif" if "ome" in TIFF_KINDS[kind] else "scan.tif")
    tifffile.imwrite(path, values, **TIFF_KINDS[kind])
    return path


def truncated_tiff(folder: Path, kind: str, keep: float) -> Path:
    path = tiff(folder, kind)
    content = path.read_bytes()
    return put(folder, path.name, content[: int(len(content) * keep)])


for kind in TIFF_KINDS:
    for keep in (0.03, 0.5, 0.9):
        add(f"truncated_{kind}_{keep}", "truncated", partial(truncated_tiff, kind=kind, keep=keep))


def with_tag(folder: Path, tag: int, value: int, kind: str = "plain", values=SCAN) -> Path:
    """Write a stack and change one number in the first directory (for 2D: the only one)."""
    path = tiff(folder, kind, values)
    with tifffile.TiffFile(path) as file:
        entry = file.pages[0].tags[tag]
        offset, code = entry.valueoffset, {3: "<H", 4: "<I"}[entry.dtype]
    content = bytearray(path.read_bytes())
    struct.pack_into(code, content, offset, value)
    return put(folder, path.name, bytes(content))


add("forged_width", "scan.tif", partial(with_tag, tag=256, value=60_000, values=SCAN[0]))
add("forged_length", "scan.tif", partial(with_tag, tag=257, value=60_000, values=SCAN[0]))
add("zero_width", "scan.tif", partial(with_tag, tag=256, value=0, values=SCAN[0]))
add("strip_outside", "truncated", partial(with_tag, tag=273, value=2**31, values=SCAN[0]))
add("strip_of_nothing", "truncated", partial(with_tag, tag=279, value=0, values=SCAN[0]))
add("unknown_compression", "scan.tif", partial(with_tag, tag=259, value=54_321, values=SCAN[0]))


@case("1100 to 1")
def compression_bomb(folder: Path) -> Path:
    path = folder / "bomb.tif"
    tifffile.imwrite(path, np.zeros((16, 16), np.uint8), compression="zlib", metadata=None)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        tags = file.pages[0].tags
        for tag in (256, 257, 278):  # width, length, rows in a strip
            code = {3: "<H", 4: "<I"}[tags[tag].dtype]
            struct.pack_into(code, content, tags[tag].valueoffset, 60_000)
    return put(folder, path.name, bytes(content))


@case("circle")
def directories_in_a_circle(folder: Path) -> Path:
    path = tiff(folder)
    with tifffile.TiffFile(path) as file:
        offsets = [page.offset for page in file.pages]
    content = bytearray(path.read_bytes())
    number = struct.unpack_from("<H", content, offsets[-1])[0]
    struct.pack_into("<I", content, offsets[-1] + 2 + 12 * number, offsets[0])
    return put(folder, path.name, bytes(content))


@case("no image directory")
def no_directory(folder: Path) -> Path:
    return put(folder, "scan.tif", b"II*\0\0\0\0\0" + bytes(100))


@case("can't be decoded")
def damaged_deflate(folder: Path) -> Path:
    path = tiff(folder, "deflate")
    with tifffile.TiffFile(path) as file:
        offset = file.pages[3].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[offset : offset + 40] = b"\xff" * 40
    return put(folder, path.name, bytes(content))


@case("one_plane")
def one_plane_of_an_imagej_stack(folder: Path) -> Path:
    """The case in which tifffile returns one plane without an error."""
    path = folder / "one_plane.tif"
    description = "ImageJ=1.54\nimages=20\nslices=20\n"
    tifffile.imwrite(path, SCAN[0], metadata=None, description=description)
    return path


@case("over 2 files|2 files")
def spread_over_files(folder: Path) -> Path:
    path = tiff(folder, "ome")
    content = path.read_bytes()
    old = content[content.index(b"<TiffData") : content.index(b"</Pixels>")]
    both = "".join(
        f'<TiffData IFD="0" FirstZ="{z}"><UUID FileName="../f{z % 2}.tif">urn:{z % 2}</UUID>'
        "</TiffData>"
        for z in range(6)
    )
    with tifffile.TiffFile(path) as file:
        xml = file.ome_metadata.encode().replace(old, both.encode())
    tifffile.imwrite(path, SCAN, metadata=None, description=xml)
    return path


def colour_tiff(folder: Path, **kwargs) -> Path:
    shape = (3, 20, 30) if "planarconfig" in kwargs else (20, 30, 3)
    tifffile.imwrite(folder / "rgb.tif", np.ones(shape, np.uint8), photometric="rgb", **kwargs)
    return folder / "rgb.tif"


add("rgb", "colour image.*axes='YX0'", colour_tiff)
add("rgb_planar", "colour image.*axes='0YX'", partial(colour_tiff, planarconfig="separate"))


def many_axes(folder: Path, axes: str, shape: tuple[int, ...], imagej: bool = False) -> Path:
    path = folder / ("hyper.tif" if imagej else "hyper.ome.tif")
    tifffile.imwrite(path, np.ones(shape, np.uint8), imagej=imagej, metadata={"axes": axes})
    return path


add("channels", "axes='0ZYX'", partial(many_axes, axes="CZYX", shape=(2, 5, 8, 9)))
add("time", "axes='0ZYX'", partial(many_axes, axes="TZYX", shape=(2, 5, 8, 9)))
add("time_channels", "axes='00ZYX'", partial(many_axes, axes="TCZYX", shape=(2, 2, 5, 8, 9)))
add("hyperstack", "axes='Z0YX'", partial(many_axes, axes="ZCYX", shape=(5, 2, 8, 9), imagej=True))


@case("real numbers")
def complex_tiff(folder: Path) -> Path:
    tifffile.imwrite(folder / "scan.tif", SCAN.astype(np.complex64), metadata=None)
    return folder / "scan.tif"


def ome_size(folder: Path, letter: str, value: str) -> Path:
    sizes = {**OME, f"PhysicalSize{letter}": value}
    tifffile.imwrite(folder / "scan.ome.tif", SCAN, metadata=sizes)
    return folder / "scan.ome.tif"


for letter, value in (("X", "0"), ("Z", "nan"), ("Y", "inf"), ("Z", "two")):
    words = "zero" if value == "0" else f"PhysicalSize{letter} must be a finite number"
    add(f"ome_spacing_{letter}_{value}", words, partial(ome_size, letter=letter, value=value))


def imagej_spacing(folder: Path, value: str) -> Path:
    metadata = {"axes": "ZYX", "spacing": value, "unit": "um"}
    tifffile.imwrite(folder / "scan.tif", SCAN, imagej=True, metadata=metadata, resolution=(2, 2))
    return folder / "scan.tif"


for value in ("0", "nan", "inf"):
    add(f"imagej_spacing_{value}", "spacing", partial(imagej_spacing, value=value))


@case("resolution must not be zero")
def zero_resolution(folder: Path) -> Path:
    path = imagej_spacing(folder, "2")
    with tifffile.TiffFile(path) as file:
        offset = file.pages[0].tags[282].valueoffset
    content = bytearray(path.read_bytes())
    content[offset : offset + 4] = bytes(4)
    return put(folder, path.name, bytes(content))


# NIfTI


def nifti_bytes(**fields) -> bytes:
    """Return a NIfTI-1 file of SCAN with fields of its header changed."""
    import nibabel

    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint16)
    header.set_data_shape(SCAN.shape[::-1])
    header.set_sform(np.diag([2, 3, 4, 1]), 1)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    for name, value in fields.items():
        header[name] = value
    return bytes(header.binaryblock) + bytes(4) + SCAN.tobytes()


def nifti(folder: Path, packed: bool = False, keep: float = 1.0, **fields) -> Path:
    content = nifti_bytes(**fields)
    content = gzip.compress(content) if packed else content
    name = "scan.nii.gz" if packed else "scan.nii"
    return put(folder, name, content[: int(len(content) * keep)])


def changed_spacing(value: float) -> np.ndarray:
    return np.array([1, 2, value, 4, 0, 0, 0, 0], np.float32)


def sform(first: float) -> dict[str, object]:
    return {"srow_x": [first, 0, 0, 0]}


for packed in (False, True):
    kind = "nii_gz" if packed else "nii"
    for keep in (0.001, 0.05, 0.5, 0.99):
        words = "truncated|NIfTI|gzip"
        add(f"truncated_{kind}_{keep}", words, partial(nifti, packed=packed, keep=keep))
    add(f"forged_{kind}", "truncated|1100 to 1", partial(
        nifti, packed=packed, dim=[3, 30_000, 30_000, 30_000, 1, 1, 1, 1]
    ))  # fmt: skip
    add(f"complex_{kind}", "real numbers", partial(nifti, packed=packed, datatype=32, bitpix=64))
    add(f"zero_spacing_{kind}", "pixdim of axis y", partial(
        nifti, packed=packed, pixdim=changed_spacing(0)
    ))  # fmt: skip
add("nan_spacing", "pixdim of axis y", partial(nifti, pixdim=changed_spacing(np.nan)))
add("inf_spacing", "pixdim of axis y", partial(nifti, pixdim=changed_spacing(np.inf)))
add("nan_sform", "finite numbers", partial(nifti, **sform(np.nan)))
add("zero_sform", "zero", partial(nifti, **sform(0)))
add("singular_sform", "singular", partial(
    nifti, srow_x=[1, 1, 0, 0], srow_y=[2, 2, 0, 0], srow_z=[0, 0, 1, 0]
))  # fmt: skip
add("zero_axis_nifti", "at least one voxel", partial(nifti, dim=[3, 23, 0, 6, 1, 1, 1, 1]))
add("negative_axis_nifti", "at least one voxel", partial(nifti, dim=[3, 23, -4, 6, 1, 1, 1, 1]))
add("no_axes_nifti", "number of axes", partial(nifti, dim=[0, 23, 17, 6, 1, 1, 1, 1]))
add("nine_axes_nifti", "number of axes", partial(nifti, dim=[9, 23, 17, 6, 1, 1, 1, 1]))
add("unknown_type_nifti", "scan.nii", partial(nifti, datatype=777))
add("wrong_magic_nifti", "n\\+1", partial(nifti, magic=b"xxx"))
add("wrong_offset_nifti", "must start after the header", partial(nifti, vox_offset=1e12))
add("negative_offset_nifti", "must start after", partial(nifti, vox_offset=-8))
add("nan_offset_nifti", "whole number", partial(nifti, vox_offset=np.nan))
add("nan_intercept_nifti", "scan.nii", partial(nifti, scl_slope=1, scl_inter=np.nan))
add("series_nifti", "axes='XYZ0'", partial(nifti, dim=[4, 23, 17, 3, 2, 1, 1, 1]))


# Zarr


def image(folder: Path, *, version: str = "0.5", **changes) -> Path:
    """Write an OME-Zarr image with parts of its metadata replaced."""
    path = folder / "image.zarr"
    root = zarr.open_group(path, mode="w", zarr_format=3 if version == "0.5" else 2)
    array = root.create_array("0", shape=SCAN.shape, dtype="u2", chunks=(3, 8, 8))
    array[...] = SCAN
    step = {"type": "scale", "scale": changes.pop("scale", [2, 1, 1])}
    entry = {
        "axes": [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"],
        "datasets": [{"path": "0", "coordinateTransformations": [changes.pop("step", step)]}],
        **changes,
    }
    if version == "0.5":
        root.attrs["ome"] = {"version": "0.5", "multiscales": [entry]}
    else:
        root.attrs["multiscales"] = [entry]
    return path


def plain(folder: Path, shape=SCAN.shape, chunks=(3, 8, 8), dtype="u2", zarr_format=3, **kwargs):
    path = folder / "plain.zarr"
    array = zarr.create_array(
        path, shape=shape, dtype=dtype, chunks=chunks, zarr_format=zarr_format, **kwargs
    )
    if shape == SCAN.shape:
        array[...] = SCAN.astype(dtype)
    return path


def chunk_file(path: Path) -> Path:
    """Return the file of chunk (1, 0, 1)."""
    return next(file for file in (path / "c/1/0/1", path / "1.0.1") if file.exists())


def damaged_chunk(folder: Path, zarr_format: int, how: str, codec: str) -> Path:
    compressors = {
        "zstd": "auto",
        "none": None,
        "gzip": zarr.codecs.GzipCodec() if zarr_format == 3 else __import__("numcodecs").GZip(),
        "blosc": zarr.codecs.BloscCodec() if zarr_format == 3 else __import__("numcodecs").Blosc(),
    }
    path = plain(folder, zarr_format=zarr_format, compressors=compressors[codec])
    file = chunk_file(path)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2] if how == "half" else b"\xff" * len(content))
    return path


for zarr_format in (2, 3):
    for codec in ("zstd", "none", "gzip", "blosc"):
        add(f"half_chunk_{codec}_v{zarr_format}", r"chunk \(1, 0, 1\)", partial(
            damaged_chunk, zarr_format=zarr_format, how="half", codec=codec
        ))  # fmt: skip
    for codec in ("zstd", "gzip"):
        add(f"noise_chunk_{codec}_v{zarr_format}", r"chunk \(1, 0, 1\)", partial(
            damaged_chunk, zarr_format=zarr_format, how="noise", codec=codec
        ))  # fmt: skip


@case(r"chunk \(1, 0, 1\).*(crc|CRC|checksum)")
def flipped_bit_with_checksum(folder: Path) -> Path:
    path = plain(folder, compressors=[zarr.codecs.Crc32cCodec()])
    file = chunk_file(path)
    content = bytearray(file.read_bytes())
    content[5] ^= 1
    file.write_bytes(content)
    return path


def edited(folder: Path, maker: Maker, file: str, edit: Callable[[dict], object]) -> Path:
    """Make a zarr folder and change one of its metadata files."""
    path = maker(folder)
    document = json.loads((path / file).read_text(encoding="utf-8"))
    edit(document)
    (path / file).write_text(json.dumps(document), encoding="utf-8")
    return path


def plain_v2(folder: Path) -> Path:
    return plain(folder, zarr_format=2)


def codecs(*names: str) -> Callable[[dict], object]:
    return lambda document: document.update(codecs=[{"name": name} for name in names])


def setting(**values: object) -> Callable[[dict], object]:
    return lambda document: document.update(values)


def without(key: str) -> Callable[[dict], object]:
    return lambda document: document.pop(key)


_PICKLE = {"name": "numcodecs.pickle"}
_SHARDED = [{"name": "sharding_indexed", "configuration": {"codecs": [_PICKLE]}}]
_GRID = {"name": "regular", "configuration": {"chunk_shape": [10**4] * 3}}
V2_EDITS: dict[str, tuple[Callable[[dict], object], str]] = {
    "pickle_v2": (setting(filters=[{"id": "pickle"}]), "'pickle'"),
    "pickle_compressor": (setting(compressor={"id": "pickle"}), "'pickle'"),
    "msgpack": (setting(filters=[{"id": "msgpack2"}]), "msgpack2"),
    "objects": (setting(dtype="|O"), "real numbers"),
    "texts": (setting(dtype="<U8"), "real numbers"),
    "complex_v2": (setting(dtype="<c8"), "real numbers"),
}
V3_EDITS: dict[str, tuple[Callable[[dict], object], str]] = {
    "pickle_v3": (codecs("bytes", "numcodecs.pickle"), "numcodecs.pickle"),
    "unknown_v3": (codecs("bytes", "mystery"), "mystery"),
    "sharded_pickle": (setting(codecs=_SHARDED), "numcodecs.pickle"),
    "complex_v3": (setting(data_type="complex64"), "plain.zarr"),
    "unknown_type_v3": (setting(data_type="quaternion"), "plain.zarr"),
    "string_v3": (setting(data_type="string"), "plain.zarr"),
    "no_codecs": (without("codecs"), "plain.zarr"),
    "no_shape": (without("shape"), "plain.zarr"),
    "text_shape": (setting(shape="large"), "plain.zarr"),
    "negative_shape": (setting(shape=[-4, 5, 5]), "plain.zarr"),
    "petabytes": (setting(shape=[10**9] * 3), "can't be true"),
    "huge_chunks": (setting(shape=[10**4] * 3, chunk_grid=_GRID), "4 GiB"),
    "zarr_9": (setting(zarr_format=9), "plain.zarr"),
}
for name, (edit, words) in V2_EDITS.items():
    add(name, words, partial(edited, maker=plain_v2, file=".zarray", edit=edit))
for name, (edit, words) in V3_EDITS.items():
    add(name, words, partial(edited, maker=plain, file="zarr.json", edit=edit))


@case("JSON")
def metadata_no_json(folder: Path) -> Path:
    path = plain(folder)
    (path / "zarr.json").write_text("{half", encoding="utf-8")
    return path


@case("JSON object")
def metadata_a_list(folder: Path) -> Path:
    path = plain(folder)
    (path / "zarr.json").write_text("[1, 2]", encoding="utf-8")
    return path


@case("JSON")
def attributes_no_json(folder: Path) -> Path:
    path = image(folder, version="0.4")
    (path / ".zattrs").write_bytes(b"\xff\xfe{")
    return path


@case("at least one voxel")
def empty_axis_zarr(folder: Path) -> Path:
    return plain(folder, shape=(0, 5, 5), chunks=(1, 5, 5))


@case("2 to 5 stored axes")
def seven_axes_zarr(folder: Path) -> Path:
    return plain(folder, shape=(1,) * 7, chunks=(1,) * 7)


@case("it holds none")
def empty_group(folder: Path) -> Path:
    zarr.open_group(folder / "g.zarr", mode="w")
    return folder / "g.zarr"


@case("it holds one, two")
def two_arrays(folder: Path) -> Path:
    root = zarr.open_group(folder / "g.zarr", mode="w")
    for name in ("one", "two"):
        root.create_array(name, shape=(2, 3, 4), dtype="u1")[...] = 1
    return folder / "g.zarr"


@case("collection of images")
def plate(folder: Path) -> Path:
    root = zarr.open_group(folder / "plate.zarr", mode="w")
    root.attrs["ome"] = {"version": "0.5", "plate": {"wells": []}}
    return folder / "plate.zarr"


@case("missing")
def lost_level(folder: Path) -> Path:
    path = image(folder)
    shutil.rmtree(path / "0")
    return path


@case("its own folder|image's own folder")
def level_outside(folder: Path) -> Path:
    plain(folder)
    datasets = [{"path": "../plain.zarr", "coordinateTransformations": []}]
    return image(folder, datasets=datasets)


@case("image's own folder")
def level_through_a_link(folder: Path) -> Path:
    plain(folder)
    path = image(folder)
    shutil.rmtree(path / "0")
    (path / "0").symlink_to(folder / "plain.zarr")
    return path


for name, change, words in (
    ("no_datasets", {"datasets": []}, "list axes and datasets"),
    ("datasets_of_text", {"datasets": ["0"]}, "image.zarr"),
    ("no_axes_zarr", {"axes": None}, "list axes and datasets"),
    ("axes_too_few", {"axes": [{"name": "y"}, {"name": "x"}]}, "each of its 3 axes once"),
    ("axes_twice", {"axes": [{"name": n} for n in "yyx"]}, "each of its 3 axes once"),
    ("zero_scale", {"scale": [2, 0, 1]}, "zero"),
    ("nan_scale", {"scale": [2, float("nan"), 1]}, "finite"),
    ("text_scale", {"scale": [2, "1", 1]}, "finite"),
    ("short_scale", {"scale": [2, 1]}, "3 finite numbers"),
    ("no_scale", {"step": {"type": "scale"}}, "3 finite numbers"),
    ("rotation", {"step": {"type": "rotation"}}, "scale or translation"),
):
    add(name, words, partial(image, **change))
    if name != "datasets_of_text":
        add(f"{name}_0.4", words, partial(image, version="0.4", **change))


# HDF5


def hdf5(folder: Path, keep: float = 1.0, name: str = "scan.h5", **kwargs) -> Path:
    """Write a file with one dataset, ``raw``, and keep the first part of it."""
    with h5py.File(folder / name, "w") as file:
        file.create_dataset("raw", **{"data": SCAN, **kwargs})
    content = (folder / name).read_bytes()
    return put(folder, name, content[: int(len(content) * keep)])


def hdf5_of(folder: Path, fill: Callable[[h5py.File], object]) -> Path:
    with h5py.File(folder / "scan.h5", "w") as file:
        fill(file)
    return folder / "scan.h5"


def hdf5_named(folder: Path, name: str, fill: Callable[[h5py.File], object]) -> Path:
    """Return the path of a dataset in a file, as a person would name it."""
    return hdf5_of(folder, fill) / name


for suffix in (".h5", ".hdf5"):
    add(f"empty{suffix}", "0 bytes", partial(put, name=f"scan{suffix}", content=b""))
    add(f"text{suffix}", "no HDF5 file", partial(put, name=f"scan{suffix}", content=text))
for keep in (0.001, 0.05, 0.5, 0.99):
    add(f"truncated_h5_{keep}", "truncated", partial(hdf5, keep=keep))
add("truncated_h5_gzip", "truncated", partial(hdf5, keep=0.9, compression="gzip"))


def forged_hdf5(folder: Path, length: int, **kwargs) -> Path:
    """Change the declared length of the first axis, wherever it is written."""
    path = hdf5(folder, maxshape=(10**6, 17, 23), **kwargs)
    content = path.read_bytes()
    dimensions = struct.pack("<3Q", *SCAN.shape)
    assert dimensions in content
    return put(folder, path.name, content.replace(dimensions, struct.pack("<3Q", length, 17, 23)))


add("forged_h5", "damaged", partial(forged_hdf5, length=500_000))
add("forged_h5_gzip", "damaged", partial(forged_hdf5, length=500_000, compression="gzip"))
add("forged_h5_petabytes", "can't be true|damaged", partial(forged_hdf5, length=2**45))


@case("can't hold, not even packed 1100 to 1")
def stretched_h5(folder: Path) -> Path:
    """Much larger than what was ever written."""
    path = hdf5(folder, maxshape=(None, 17, 23), compression="gzip")
    with h5py.File(path, "a") as file:
        file["raw"].resize(500_000, axis=0)
    return path


add("zero_axis_h5", "at least one voxel", partial(hdf5, data=SCAN[:0]))
add("unwritten_h5", "never written", partial(hdf5, data=None, shape=(6, 17, 23), dtype="u2"))
add("complex_h5", "holds no dataset of numbers", partial(hdf5, data=SCAN.astype(np.complex64)))
add("compound_h5", "holds no dataset of numbers", partial(
    hdf5, data=np.zeros((3, 4, 5), [("a", "u1"), ("b", "f4")])
))  # fmt: skip
add("texts_h5", "holds no dataset of numbers", partial(hdf5, data=[[["a"]]]))
add("series_h5", "axes='0ZYX'", partial(hdf5, data=SCAN[np.newaxis].repeat(2, 0)))
add("line_h5", "holds no dataset", partial(hdf5, data=SCAN[0, 0]))
add("no_dataset_h5", "holds no dataset", partial(hdf5_of, fill=lambda file: file.create_group("a")))
add("objects_h5", "holds no dataset", partial(hdf5_of, fill=lambda file: file.create_dataset(
    "raw", (2, 2, 2), h5py.vlen_dtype(np.uint8)
)))  # fmt: skip


@case("one must be named: a \\(6, 17, 23\\), b/c")
def several_datasets(folder: Path) -> Path:
    return hdf5_of(folder, lambda file: file.update({"a": SCAN, "b/c": SCAN}))


def filled(name: str, link: object) -> Callable[[h5py.File], object]:
    return lambda file: file.update({"raw": SCAN, "group/deep": SCAN, name: link})


def circle(file: h5py.File) -> None:
    file["raw"], file["one"], file["two"] = SCAN, h5py.SoftLink("/two"), h5py.SoftLink("/one")


def outside(folder: Path, name: str, link: Callable[[Path], object]) -> Path:
    """Name a dataset that leads to another, existing file."""
    with h5py.File(folder / "other.h5", "w") as file:
        file["secret"] = SCAN
    return hdf5_named(folder, name, filled("link", link(folder / "other.h5")))


def shown(source: str, name: str) -> Callable[[h5py.File], object]:
    def fill(file: h5py.File) -> None:
        file["raw"] = SCAN
        layout = h5py.VirtualLayout(SCAN.shape, SCAN.dtype)
        layout[...] = h5py.VirtualSource(source, name, SCAN.shape)
        file.create_virtual_dataset("view", layout)
        file.create_virtual_dataset("second", layout)

    return fill


def view_of_a_view(file: h5py.File) -> None:
    shown("other.h5", "secret")(file)
    layout = h5py.VirtualLayout(SCAN.shape, SCAN.dtype)
    layout[...] = h5py.VirtualSource(".", "view", SCAN.shape)
    file.create_virtual_dataset("nested", layout)


def raw_elsewhere(folder: Path) -> Path:
    """Voxels in another file: HDF5 would read any file of the disk as voxels."""
    put(folder, "other.raw", SCAN.tobytes())
    return hdf5(folder, data=None, shape=SCAN.shape, dtype=SCAN.dtype, external=[
        ("other.raw", 0, SCAN.nbytes)
    ])  # fmt: skip


def unknown_filter(folder: Path) -> Path:
    """Change the number of the filter deflate to that of none."""
    path = hdf5(folder, compression="gzip")
    content = path.read_bytes()
    found = struct.pack("<4H", 1, 8, 1, 1) + b"deflate"
    assert content.count(found) == 1
    return put(
        folder, path.name, content.replace(found, struct.pack("<4H", 399, 8, 1, 1) + found[8:])
    )


add("external_raw_h5", "lie in another file", raw_elsewhere)
add("unknown_filter_h5", "filter 399", unknown_filter)
add("damaged_gzip_h5", "can't be read between voxels", lambda folder: damaged_hdf5(folder))


def damaged_hdf5(folder: Path) -> Path:
    path = hdf5(folder, compression="gzip", chunks=(3, 17, 23))
    with h5py.File(path) as file:
        chunk = file["raw"].id.get_chunk_info(1)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + 10 : chunk.byte_offset + 60] = b"\xff" * 50
    return put(folder, path.name, bytes(content))


NAMED: dict[str, tuple[Maker, str]] = {
    "missing": (partial(hdf5_named, name="row", fill=filled("a", SCAN)), "'row' is missing.*raw"),
    "group": (partial(hdf5_named, name="group", fill=filled("a", SCAN)), "'group' is a group"),
    "below_dataset": (partial(hdf5_named, name="raw/x", fill=filled("a", SCAN)), "is missing"),
    "line": (partial(hdf5_named, name="a", fill=filled("a", SCAN[0, 0])), "two axes or more"),
    "scalar": (partial(hdf5_named, name="a", fill=filled("a", 3.0)), "two axes or more"),
    "null": (partial(hdf5_named, name="a", fill=filled("a", h5py.Empty("f4"))), "two axes"),
    "complex": (partial(hdf5_named, name="a", fill=filled("a", SCAN * 1j)), "real numbers"),
    "circle": (partial(hdf5_named, name="one", fill=circle), "in a circle"),
    "dangling": (
        partial(hdf5_named, name="a", fill=filled("a", h5py.SoftLink("/no"))),
        "is missing",
    ),
    "external": (
        partial(outside, name="link", link=lambda other: h5py.ExternalLink(other.name, "/secret")),
        "'other.h5'.*not followed",
    ),
    "external_group": (
        partial(outside, name="link/secret", link=lambda other: h5py.ExternalLink(other.name, "/")),
        "'other.h5'.*not followed",
    ),
    "virtual": (partial(hdf5_named, name="view", fill=shown("other.h5", "secret")), "'other.h5'"),
    "virtual_missing": (partial(hdf5_named, name="view", fill=shown(".", "no")), "plain dataset"),
    "view_of_a_view": (partial(hdf5_named, name="nested", fill=view_of_a_view), "plain dataset"),
}
