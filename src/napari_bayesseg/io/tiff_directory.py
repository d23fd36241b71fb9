"""The skeleton of a TIFF file, checked before any of its voxels is believed.

tifffile returns one plane of a truncated stack without an error. Here the chain of directories
is walked to its end and every strip and tile is looked up, so that what is missing is refused.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import tifffile

from napari_bayesseg.core.errors import FormatError

__all__ = ["Page", "check_segments", "count_directories", "is_tiff", "keyframe_of"]

Page = tifffile.TiffPage | tifffile.TiffFrame

_MAGIC = {b"II*\0": "<", b"MM\0*": ">", b"II+\0": "<", b"MM\0+": ">"}
_EXPORT_AGAIN = "copy or export the file again"
# The most that a codec can shrink data by its own format (deflate 1032:1, LZW 1365:1, PackBits
# 64:1); a declared size beyond it is forged. Others have no such bound and get a generous one.
_RATIO = {5: 1400, 8: 1100, 32946: 1100, 32773: 70}
_RATIO_OTHER = 50_000
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8, 17: 8}
_NEEDED_TAGS = frozenset(range(254, 348))  # the standard's own, with the image description
_LARGEST_SEGMENT = 2**31  # bytes of one decoded strip or tile, which is decoded as a whole


def is_tiff(path: Path) -> bool:
    """Whether the file starts as a TIFF or BigTIFF file does."""
    with path.open("rb") as file:
        return file.read(4) in _MAGIC


def count_directories(path: Path) -> int:
    """Return the number of image directories in the file's main chain.

    Raises
    ------
    FormatError
        If the file is no TIFF file, or the chain leaves the file or runs in a circle.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(16)
        if start[:4] not in _MAGIC or len(start) < 8:
            raise FormatError(
                f"{path.name}: a TIFF file must start with II* or MM*; this one starts with "
                f"{start[:8]!r}: {_EXPORT_AGAIN}"
            )
        order, big = _MAGIC[start[:4]], start[2:4] in (b"+\0", b"\0+")
        if big and len(start) < 16:
            raise _truncated(path, 16, size)
        offset = (
            struct.unpack(order + "Q", start[8:16])[0]
            if big
            else (struct.unpack(order + "I", start[4:8])[0])
        )
        seen: set[int] = set()
        while offset:
            if offset in seen:
                raise FormatError(
                    f"{path.name}: the chain of directories runs in a circle after {len(seen)} "
                    f"pages: the file is damaged, {_EXPORT_AGAIN}"
                )
            seen.add(offset)
            offset = _next_directory(path, file, offset, order, big, size)
    if not seen:
        raise FormatError(f"{path.name}: holds no image directory: {_EXPORT_AGAIN}")
    return len(seen)


def _next_directory(
    path: Path, file: BinaryIO, offset: int, order: str, big: bool, size: int
) -> int:
    """Return the position of the directory after the one at `offset`, 0 after the last."""
    width, pointer, entry = ("Q", "Q", "HHQQ") if big else ("H", "I", "HHII")
    if offset + struct.calcsize(width) > size:
        raise _truncated(path, offset + struct.calcsize(width), size)
    file.seek(offset)
    head = file.read(struct.calcsize(width))
    count = struct.unpack(order + width, head)[0]
    length = count * struct.calcsize("<" + entry)
    end = offset + len(head) + length + struct.calcsize(pointer)
    if end > size:
        raise _truncated(path, end, size)
    content = file.read(length + struct.calcsize(pointer))
    for tag, kind, number, value in struct.iter_unpack(order + entry, content[:length]):
        needed = number * _TYPE_BYTES.get(kind, 0)
        if tag in _NEEDED_TAGS and needed > struct.calcsize(pointer) and value + needed > size:
            raise _truncated(path, value + needed, size)
    return int(struct.unpack(order + pointer, content[length:])[0])


def keyframe_of(page: Page) -> tifffile.TiffPage:
    """Return the page that says how this one is stored."""
    keyframe = page if isinstance(page, tifffile.TiffPage) else page.keyframe
    if keyframe is None:
        raise ValueError(f"page {page.index} refers to a page that is missing")
    return keyframe


def check_segments(path: Path, page: Page, keyframe: tifffile.TiffPage) -> None:
    """Check that the strips or tiles of a page lie in the file and can hold what is declared.

    Raises
    ------
    FormatError
        If one points outside the file or is empty, if there are fewer than the page's shape
        needs, or if they would have to be compressed more than their codec can.
    """
    size = path.stat().st_size
    offsets, counts = page.dataoffsets, page.databytecounts
    number = 1
    for length in keyframe.chunked:
        number *= length
    if len(offsets) < number or len(counts) < number:
        raise FormatError(
            f"{path.name}: page {page.index} must have {number} strips or tiles for its shape "
            f"{keyframe.shape}; it lists {min(len(offsets), len(counts))}: {_EXPORT_AGAIN}"
        )
    for index, (offset, count) in enumerate(zip(offsets, counts, strict=False)):
        if count == 0 or offset == 0 or offset + count > size:
            raise FormatError(
                f"{path.name}: is truncated: strip or tile {index} of page {page.index} must lie "
                f"at bytes {offset} to {offset + count}, but the file has {size}: {_EXPORT_AGAIN}"
            )
    _check_ratio(path, page, keyframe, sum(counts), counts)


def _check_ratio(
    path: Path,
    page: Page,
    keyframe: tifffile.TiffPage,
    stored: int,
    counts: Sequence[int],
) -> None:
    """Refuse a page whose declared size can't come out of its stored bytes."""
    declared = keyframe.nbytes
    if keyframe.compression == 1:
        if stored < math.prod(keyframe.shaped) * keyframe.bitspersample // 8:
            raise FormatError(
                f"{path.name}: page {page.index} declares {keyframe.shape} voxels ({declared} "
                f"bytes) but stores {stored} bytes: the header is damaged, {_EXPORT_AGAIN}"
            )
        return
    ratio = _RATIO.get(int(keyframe.compression), _RATIO_OTHER)
    segment = math.prod(_segment_shape(keyframe)) * max(np.dtype(keyframe.dtype or "O").itemsize, 1)
    if declared > ratio * stored + 4096 * len(counts):
        raise FormatError(
            f"{path.name}: page {page.index} declares {declared} bytes out of {stored} compressed "
            f"ones, more than {ratio} to 1: a forged or damaged header, {_EXPORT_AGAIN}"
        )
    if segment > min(_LARGEST_SEGMENT, ratio * max(counts) + 2**16):
        raise FormatError(
            f"{path.name}: a strip or tile of page {page.index} declares {segment} bytes out of "
            f"{max(counts)} compressed ones; at most {ratio} to 1 and {_LARGEST_SEGMENT} bytes are "
            "unpacked: store the scan in smaller tiles or uncompressed"
        )


def _segment_shape(page: tifffile.TiffPage) -> tuple[int, ...]:
    """Return the shape of a whole strip or tile, samples included."""
    samples = page.samplesperpixel if page.planarconfig == 1 else 1
    if page.is_tiled:
        return (page.tiledepth, page.tilelength, page.tilewidth, samples)
    return (min(page.rowsperstrip, page.imagelength), page.imagewidth, samples)


def _truncated(path: Path, needed: int, size: int) -> FormatError:
    """Return the error for a directory that would lie beyond the end of the file."""
    return FormatError(
        f"{path.name}: is truncated: its directories reach to byte {needed}, but the file has "
        f"{size}: {_EXPORT_AGAIN}"
    )
