"""Zarr arrays whose codecs are known to be harmless, and whose damaged chunks are named."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.io.lazy import BlockArray
from napari_bayesseg.io.stored import Notes

__all__ = ["ChunkArray", "check_codecs", "read_metadata", "warn_of_missing_chunks"]

_METADATA = ("zarr.json", ".zarray", ".zgroup")
# By name, without a "numcodecs." prefix. Not among them: pickle, which runs code, and the codecs
# of text and objects, which hold no voxels.
_CODECS = frozenset(
    {
        *("bytes", "endian", "transpose", "sharding_indexed", "vlen_none", "shuffle", "delta"),
        *("gzip", "zlib", "zstd", "blosc", "lz4", "lzma", "bz2", "zfpy", "pcodec", "packbits"),
        *("crc32c", "crc32", "adler32", "fletcher32", "jenkins_lookup3"),
        *("fixedscaleoffset", "scale_offset", "astype", "cast_value", "quantize", "bitround"),
    }
)
_BLOSC_HEADER = 16
_LARGEST_CHUNK = 2**32  # bytes of one unpacked chunk, which is always read as a whole
# Damaged chunks surface as any of these, by codec; zlib.error and lzma's are plain Exceptions, so
# they're found by name.
_DAMAGE = (ValueError, RuntimeError, OSError, LookupError, TypeError, EOFError, AttributeError)


def read_metadata(folder: Path) -> dict[str, Any] | None:
    """Return the zarr metadata of a folder (v3 or v2), None where there is none.

    Raises
    ------
    FormatError
        If the metadata file is no JSON object.
    """
    for name in _METADATA:
        file = folder / name
        if not file.is_file():
            continue
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise FormatError(
                f"{folder.name}: {name} must hold JSON; it can't be parsed ({error}): copy or "
                "export the folder again"
            ) from error
        if not isinstance(content, dict):
            raise FormatError(f"{folder.name}: {name} must hold a JSON object: export it again")
        return content
    return None


def check_codecs(folder: Path, metadata: dict[str, Any]) -> None:
    """Refuse an array with a codec that is unknown or could run code, before zarr sees it.

    Raises
    ------
    FormatError
        Naming the codec, or the type of the values where they are objects.
    """
    if "zarr_format" in metadata and metadata["zarr_format"] == 2:
        found = [metadata.get("compressor"), *(metadata.get("filters") or [])]
        names = [item.get("id") for item in found if isinstance(item, dict)]
    else:
        names = _names_v3(metadata.get("codecs") or [])
    for name in names:
        if str(name).removeprefix("numcodecs.").lower() not in _CODECS:
            raise FormatError(
                f"{folder.name}: chunks must be stored with a known codec of numbers; this array "
                f"uses {name!r}, which is not read: export it with blosc, zstd or gzip"
            )
    kind = str(metadata.get("dtype", ""))
    if kind.lstrip("<>|").startswith(("O", "S", "U", "V", "M", "m", "c")):
        raise FormatError(
            f"{folder.name}: a scan must hold real numbers; this array holds {kind}: convert it"
        )


def _names_v3(codecs: Any) -> list[Any]:
    """Return the codecs' names, those inside a shard included."""
    names: list[Any] = []
    for codec in codecs if isinstance(codecs, list) else []:
        if isinstance(codec, str):
            names.append(codec)
            continue
        if not isinstance(codec, dict):
            continue
        names.append(codec.get("name"))
        inner = codec.get("configuration")
        if isinstance(inner, dict):
            names += _names_v3(inner.get("codecs")) + _names_v3(inner.get("index_codecs"))
    return names


def warn_of_missing_chunks(array: zarr.Array[Any], notes: Notes) -> None:
    """Warn where chunks were never written: zarr reads them as the fill value, silently.

    A sparse volume leaves its empty chunks out on purpose, and a failed copy by accident; the
    two can't be told apart, so this is told and recorded but not refused.
    """
    present = int(array.nchunks_initialized)
    total = int(array.nchunks)
    if present < total:
        notes.warn(
            f"{total - present} of {total} chunks are missing and read as the fill value "
            f"{array.fill_value}; if the volume isn't sparse on purpose, copy it again"
        )


class ChunkArray(BlockArray):
    """A zarr array that names the chunk which can't be read.

    Raises
    ------
    FormatError
        On opening, if a chunk is over the budget of 4 GiB; while indexing, if one is damaged.
    """

    def __init__(self, name: str, folder: Path, array: zarr.Array[Any]) -> None:
        chunks = array.shards or array.chunks
        nbytes = math.prod(array.chunks) * array.dtype.itemsize
        if nbytes > _LARGEST_CHUNK:
            raise FormatError(
                f"{name}: one chunk must not exceed {_LARGEST_CHUNK / 2**30:.0f} GiB; its "
                f"shape {array.chunks} makes {nbytes / 2**30:.1f} GiB: store it in smaller chunks"
            )
        super().__init__(array.shape, np.dtype(array.dtype))
        self._name = name
        self._array = array
        self._chunks = tuple(int(length) for length in chunks)
        self._folder = folder
        self._whole: set[tuple[int, ...]] | None = set() if _ends_with_blosc(array) else None

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of what is stored as one file."""
        return self._chunks

    def _read_box(self, start: tuple[int, ...], stop: tuple[int, ...]) -> NDArray[Any]:
        if self._whole is not None:
            for index in self._touched(start, stop):
                self._check_length(index)
        try:
            return np.asarray(self._array[tuple(map(slice, start, stop))])
        except Exception as error:
            if not _is_damage(error):
                raise
            raise self._damaged(start, stop, error) from error

    def _touched(self, start: tuple[int, ...], stop: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """Yield the indices of the chunks that a box touches."""
        ranges = [
            range(low // length, (high - 1) // length + 1)
            for low, high, length in zip(start, stop, self._chunks, strict=True)
        ]
        return itertools.product(*ranges)

    def _check_length(self, index: tuple[int, ...]) -> None:
        """Compare a chunk's length with its blosc header, once.

        Blosc's decoder believes the header and reads beyond the end of a truncated chunk.
        """
        if self._whole is None or index in self._whole:
            return
        file = self._folder / self._array.metadata.encode_chunk_key(index)
        if file.is_file():
            with file.open("rb") as stream:
                head = stream.read(_BLOSC_HEADER)
            declared = int.from_bytes(head[12:16], "little")
            if len(head) < _BLOSC_HEADER or file.stat().st_size < declared:
                raise self._unreadable(
                    index, f"it has {file.stat().st_size} of {declared or _BLOSC_HEADER} bytes"
                )
        self._whole.add(index)

    def _unreadable(self, index: tuple[int, ...], cause: str) -> FormatError:
        """Return the error that names a chunk."""
        return FormatError(
            f"{self._name}: chunk {index} can't be read ({cause}): it is damaged or truncated, "
            "copy or export the volume again"
        )

    def _damaged(
        self, start: tuple[int, ...], stop: tuple[int, ...], error: Exception
    ) -> FormatError:
        """Return the error that names the first unreadable chunk of a box."""
        for index in self._touched(start, stop):
            corner = [n * length for n, length in zip(index, self._chunks, strict=True)]
            box = tuple(
                slice(low, min(low + length, end))
                for low, length, end in zip(corner, self._chunks, self.shape, strict=True)
            )
            try:
                self._array[box]
            except Exception as cause:
                if not _is_damage(cause):
                    raise
                return self._unreadable(index, " ".join(str(cause).split()) or type(cause).__name__)
        return FormatError(f"{self._name}: can't be read ({error}): copy the volume again")


def _ends_with_blosc(array: zarr.Array[Any]) -> bool:
    """Whether the file of a chunk is what blosc made of it."""
    if array.shards is not None or not array.compressors:
        return False
    return "blosc" in type(array.compressors[-1]).__name__.lower()


def _is_damage(error: Exception) -> bool:
    """Whether an exception is what a codec raises on damaged data."""
    return isinstance(error, _DAMAGE) or type(error).__module__ in ("zlib", "_lzma", "_bz2", "lzma")
