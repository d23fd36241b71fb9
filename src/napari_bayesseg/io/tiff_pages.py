"""The pages of a TIFF file as one lazy array, decoded strip by strip or tile by tile."""

from __future__ import annotations

import math
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.io.lazy import BlockArray
from napari_bayesseg.io.tiff_directory import Page, keyframe_of

__all__ = ["PageArray"]

_CACHE_BYTES = 256 * 2**20
# What tifffile's decoders raise on damaged or unsupported data. Errors of imagecodecs are
# RuntimeErrors.
_DECODE_ERRORS = (ValueError, TypeError, RuntimeError, NotImplementedError, EOFError, zlib.error)

Decode = Callable[..., tuple[Any, tuple[int, ...], tuple[int, ...]]]


class PageArray(BlockArray):
    """Equal pages stacked along the leading axes: ``(..., Y, X)`` or ``(..., Y, X, S)``.

    Only strips and tiles that a box touches are read and decoded; the latest 256 MiB of decoded
    ones are kept, because neighbouring blocks share them.

    Parameters
    ----------
    path : Path
        The file; opened anew for each read, so that nothing stays open.
    pages : sequence of TIFF pages
        In the order of the leading axes, all of the first one's shape and coding.
    leading : tuple of int
        Lengths of the axes before Y, their product the number of pages.

    Raises
    ------
    FormatError
        If the compression is unknown; while indexing, if a strip or tile can't be decoded (its
        page is named).
    """

    def __init__(
        self,
        path: Path,
        pages: Sequence[Page],
        leading: Sequence[int],
    ) -> None:
        keyframe = keyframe_of(pages[0])
        super().__init__((*leading, *keyframe.shape), np.dtype(keyframe.dtype))
        self._path = path
        self._leading = tuple(leading)
        self._coded = tuple(keyframe.shaped)  # (separate samples, depth, Y, X, samples)
        places = {"S": 0 if self._coded[0] > 1 else 4, "Z": 1, "Y": 2, "X": 3}
        self._page_axes = [places[letter] for letter in keyframe.axes]
        self._key_index = keyframe.index
        self._segments = [
            np.stack([np.asarray(page.dataoffsets), np.asarray(page.databytecounts)])
            for page in pages
        ]
        self._start()
        self._decode_function()  # an unknown compression is told now, not when a block is read

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._recent: OrderedDict[tuple[int, int], NDArray[Any]] = OrderedDict()
        self._recent_bytes = 0
        self._decoder: tuple[Decode, bytes | None, list[tuple[Any, Any]]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        dropped = {"_lock", "_recent", "_recent_bytes", "_decoder"}
        return {name: value for name, value in self.__dict__.items() if name not in dropped}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start()

    def _read_box(self, start: tuple[int, ...], stop: tuple[int, ...]) -> NDArray[Any]:
        lengths = [high - low for low, high in zip(start, stop, strict=True)]
        depth = len(self._leading)
        box = np.empty(lengths, self._dtype)
        with self._path.open("rb") as file:
            for position in np.ndindex(*lengths[:depth]):
                place = tuple(low + step for low, step in zip(start[:depth], position, strict=True))
                page = int(np.ravel_multi_index(place, self._leading)) if place else 0
                box[position] = self._read_page(file, page, start[depth:], stop[depth:])
        return box

    def _read_page(
        self, file: BinaryIO, page: int, start: tuple[int, ...], stop: tuple[int, ...]
    ) -> NDArray[Any]:
        """Return a box of one page; `start` and `stop` count its own axes."""
        first, last = [0, 0, 0, 0, 0], list(self._coded)
        for axis, begin, end in zip(self._page_axes, start, stop, strict=True):
            first[axis], last[axis] = begin, end
        out = np.empty([high - low for low, high in zip(first, last, strict=True)], self._dtype)
        for index, (at, shape) in enumerate(self._layout()):
            full = (1, *shape)
            low = [max(a, b) for a, b in zip(at, first, strict=True)]
            high = [min(a + n, b) for a, n, b in zip(at, full, last, strict=True)]
            if any(a >= b for a, b in zip(low, high, strict=True)):
                continue
            segment = self._decoded(file, page, index)[np.newaxis]
            inside = tuple(slice(a - o, b - o) for a, b, o in zip(low, high, at, strict=True))
            place = tuple(slice(a - o, b - o) for a, b, o in zip(low, high, first, strict=True))
            out[place] = segment[inside]
        return out.reshape([high - low for low, high in zip(start, stop, strict=True)])

    def _decode_function(self) -> tuple[Decode, bytes | None, list[tuple[Any, Any]]]:
        """Return the key page's decoder, its JPEG tables, and where each segment lies."""
        if self._decoder is None:
            with tifffile.TiffFile(self._path, _multifile=False) as file:
                page = file.pages[self._key_index].aspage()
                decode: Decode = page.decode
                tables = page.jpegtables
                number = math.prod(page.chunked)
            try:
                layout = [decode(None, index)[1:] for index in range(number)]
            except _DECODE_ERRORS as error:
                raise self._undecodable(0, 0, error) from error
            self._decoder = (decode, tables, layout)
        return self._decoder

    def _layout(self) -> list[tuple[Any, Any]]:
        return self._decode_function()[2]

    def _decoded(self, file: BinaryIO, page: int, index: int) -> NDArray[Any]:
        """Return one strip or tile ``(depth, Y, X, samples)``."""
        with self._lock:
            known = self._recent.get((page, index))
            if known is not None:
                self._recent.move_to_end((page, index))
                return known
        decode, tables, _ = self._decode_function()
        offset, count = (int(value) for value in self._segments[page][:, index])
        file.seek(offset)
        raw = file.read(count)
        try:
            if len(raw) != count:
                raise ValueError(f"{len(raw)} of {count} bytes are left in the file")
            decoded = decode(raw, index, jpegtables=tables)[0]
        except _DECODE_ERRORS as error:
            raise self._undecodable(page, index, error) from error
        segment = np.asarray(decoded)
        with self._lock:
            if (page, index) not in self._recent:  # another thread may have been quicker
                self._recent_bytes += segment.nbytes
            self._recent[page, index] = segment
            while self._recent_bytes > _CACHE_BYTES and len(self._recent) > 1:
                self._recent_bytes -= self._recent.popitem(last=False)[1].nbytes
        return segment

    def _undecodable(self, page: int, index: int, error: Exception) -> FormatError:
        """Return the error for a segment that is damaged, or whose codec is missing."""
        cause = " ".join(str(error).split()) or type(error).__name__
        remedy = "copy or export the file again"
        if "imagecodecs" in cause:
            remedy = "`pip install imagecodecs`, or store the file with deflate or uncompressed"
        return FormatError(
            f"{self._path.name}: strip or tile {index} of page {page} can't be decoded ({cause}): "
            f"{remedy}"
        )
