"""Reading TIFF, BigTIFF, OME-TIFF and ImageJ stacks without loading them.

Uncompressed contiguous voxels are mapped into memory read-only; anything else is decoded strip
by strip (:mod:`napari_bayesseg.io.tiff_pages`). What a file declares is compared with its
directories and bytes before a voxel is handed out.
"""

from __future__ import annotations

import logging
import math
import struct
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_bayesseg.core.errors import FormatError, GeometryError
from napari_bayesseg.core.volume import LazyArray, Volume
from napari_bayesseg.io.lazy import MappedArray
from napari_bayesseg.io.stored import (
    Notes,
    StoredArray,
    check_declared_size,
    choose_axes,
    naming_file,
)
from napari_bayesseg.io.tiff_directory import (
    Page,
    check_segments,
    count_directories,
    is_tiff,
    keyframe_of,
)
from napari_bayesseg.io.tiff_geometry import (
    OmeImage,
    described_placement,
    ome_placement,
    parse_ome,
)
from napari_bayesseg.io.tiff_pages import PageArray

__all__ = ["TiffReader", "open_tiff"]

Pages = list[Page]
# What is wrong with a file is said once, in our error, not also by tifffile on stderr. Programs
# that set up logging still get it.
logging.getLogger("tifffile").addHandler(logging.NullHandler())
# What tifffile raises on damaged directories and tags, besides its own TiffFileError.
_PARSE_ERRORS = (
    tifffile.TiffFileError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    AssertionError,
    RuntimeError,  # with NotImplementedError and RecursionError
    MemoryError,
    struct.error,
)


class TiffReader:
    """Reads TIFF files: plain, BigTIFF, OME, ImageJ."""

    name = "TIFF"
    suffixes = (".tif", ".tiff", ".ome.tif", ".ome.tiff", ".tf8", ".btf")

    def claims(self, path: Path) -> bool:
        """Whether the file has a TIFF suffix, or starts like one."""
        return path.is_file() and (path.name.lower().endswith(self.suffixes) or is_tiff(path))

    def read(self, path: Path, axes: str | None) -> Volume:
        """Open a volume; see :func:`napari_bayesseg.io.readers.read_volume`."""
        return choose_axes(open_tiff(path), axes)


def open_tiff(path: Path) -> StoredArray:
    """Open a TIFF file with all its axes.

    Raises
    ------
    FormatError
        If the file is truncated, damaged, spread over several files, or not a TIFF file.
    GeometryError
        If it declares a spacing that is no number.
    """
    directories = count_directories(path)
    notes = Notes(path)
    try:
        with tifffile.TiffFile(path, _multifile=False) as file:
            return _opened(path, file, directories, notes)
    except GeometryError:
        raise
    except _PARSE_ERRORS as error:
        cause = " ".join(str(error).split()) or type(error).__name__
        raise FormatError(
            f"{path.name}: can't be read as TIFF ({cause}): copy or export the file again"
        ) from error


def _opened(path: Path, file: tifffile.TiffFile, directories: int, notes: Notes) -> StoredArray:
    """Check an open file and describe its first image."""
    first = file.pages[0].aspage()
    ome = parse_ome(first.description) if "<OME" in first.description else None
    if ome is None and "<OME" in first.description:
        notes.warn("the OME metadata can't be parsed; the pages are read without it")
    if ome is not None and ome.num_files > 1:
        raise FormatError(
            f"{path.name}: must hold the whole image; its OME metadata spreads it over "
            f"{ome.num_files} files: save it as one file"
        )
    data, letters = _arranged(path, file, directories, ome, notes)
    depth = data.shape[letters.index("Z")] if "Z" in letters else 1
    with naming_file(path):
        if ome is not None:
            matrix, unit = ome_placement(ome, depth, notes)
        else:
            matrix, unit = described_placement(first, _described(file, first), depth, notes)
    return StoredArray(path, data, letters, matrix, unit, tuple(notes.lines))


def _described(file: tifffile.TiffFile, first: tifffile.TiffPage) -> Mapping[str, Any]:
    """Return the keys of an ImageJ or tifffile image description."""
    if first.is_imagej:
        return file.imagej_metadata or {}
    shaped = file.shaped_metadata if first.is_shaped else None
    return shaped[0] if shaped else {}


def _declared_planes(
    file: tifffile.TiffFile, first: tifffile.TiffPage, ome: OmeImage | None
) -> int:
    """Return how many planes the image description declares; 0 where it doesn't say."""
    if ome is not None:
        sizes = [int(ome.pixels.get(f"Size{letter}", 1)) for letter in "ZTC"]
        planes = math.prod(sizes) // max(first.samplesperpixel, 1)
        return 0 if ome.num_images > 1 else planes // max(first.imagedepth, 1)
    if first.is_imagej:
        return int((file.imagej_metadata or {}).get("images", 1))
    return 0


def _arranged(
    path: Path, file: tifffile.TiffFile, directories: int, ome: OmeImage | None, notes: Notes
) -> tuple[LazyArray, str]:
    """Return the first image's voxels and a letter for every axis."""
    first, series = file.pages[0].aspage(), file.series[0]
    declared = _declared_planes(file, first, ome)
    planes = math.prod(series.shape) // max(math.prod(first.shape), 1)
    if directories == 1 and max(planes, declared) > 1:
        return _single_directory(path, file, max(planes, declared)), _lettered("Q" + first.axes)
    alone = declared > 0 or len(file.series) == 1
    if alone and (declared or planes) != directories:
        every: Pages = [page.aspage() for page in file.pages]
        if _alike(every):
            notes.warn(
                f"the image description declares {declared or planes} planes, the file has "
                f"{directories}; the file's count is used"
            )
            return _stacked(path, file, every, (directories,)), _lettered("Q" + first.axes)
    pages: Pages = [page for page in series.pages if page is not None]
    if len(pages) != planes:
        raise FormatError(
            f"{path.name}: must hold {planes} pages for its declared shape {series.shape}; it has "
            f"{len(pages)}: copy or export the file again"
        )
    if len(file.series) > 1:
        notes.warn(f"the file holds {len(file.series)} images; the first one is read")
    if not _alike(pages):
        raise FormatError(
            f"{path.name}: all pages must be stored in the same way; they differ in shape, type "
            "or compression: export the file again"
        )
    leading, letters = _leading_axes(series, first, len(pages))
    return _stacked(path, file, pages, leading), _lettered(letters + first.axes)


def _leading_axes(
    series: tifffile.TiffPageSeries, first: tifffile.TiffPage, num_pages: int
) -> tuple[tuple[int, ...], str]:
    """Return length and letter of the axes over pages; those of length one are dropped."""
    shape, letters = tuple(series.get_shape(False)), series.get_axes(False)
    while len(shape) > 2 and shape[-1] == 1 and letters[-1] not in first.axes:
        shape, letters = shape[:-1], letters[:-1]
    depth = len(shape) - len(first.axes)
    kept = [number for number in range(max(depth, 0)) if shape[number] > 1]
    leading = tuple(int(shape[number]) for number in kept)
    if math.prod(leading) != num_pages:
        return (num_pages,), "Q"
    return leading, "".join(letters[number] for number in kept)


def _alike(pages: Pages) -> bool:
    """Whether all pages are of one shape, type and coding."""
    return len({keyframe_of(page).hash for page in pages}) == 1


def _lettered(letters: str) -> str:
    """Name unknown axes over pages: the last of them Z, before it C, then T."""
    names = [letter if letter in "TCZYXS" else "?" for letter in letters]
    for name in (name for name in "ZCT" if name not in names):
        unknown = [number for number, letter in enumerate(names) if letter == "?"]
        if unknown:
            names[unknown[-1]] = name
    return "".join(names).replace("?", "Q")


def _single_directory(path: Path, file: tifffile.TiffFile, planes: int) -> LazyArray:
    """Map the planes that follow the only directory, as ImageJ stores stacks over 4 GiB."""
    page = file.pages[0].aspage()
    shape = (planes, *page.shape)
    dtype = np.dtype(page.dtype or "O").newbyteorder(file.byteorder)
    check_declared_size(path, shape, dtype)
    check_segments(path, page, page)
    needed = page.dataoffsets[0] + math.prod(shape) * dtype.itemsize
    size = path.stat().st_size
    if not (page.is_imagej or page.is_shaped) or not page.is_final or needed > size:
        raise FormatError(
            f"{path.name}: is truncated: {planes} planes of {page.shape} are declared and must "
            f"end at byte {needed}, but the file has one directory and {size} bytes: copy or "
            "export the file again"
        )
    return MappedArray(path, dtype, page.dataoffsets[0], shape)


def _stacked(
    path: Path, file: tifffile.TiffFile, pages: Pages, leading: tuple[int, ...]
) -> LazyArray:
    """Return checked pages as one array: mapped where they lie end to end, else decoded."""
    keyframe = keyframe_of(pages[0])
    shape, dtype = (*leading, *keyframe.shape), np.dtype(keyframe.dtype or "O")
    check_declared_size(path, shape, dtype)
    for page in pages:
        check_segments(path, page, keyframe)
    offsets = [page.dataoffsets[0] for page in pages]
    in_place = all(page.is_final and page.is_contiguous for page in pages)
    steps = {after - before for before, after in pairwise(offsets)}
    if in_place and steps <= {keyframe.nbytes}:
        return MappedArray(path, dtype.newbyteorder(file.byteorder), offsets[0], shape)
    return PageArray(path, pages, leading)
