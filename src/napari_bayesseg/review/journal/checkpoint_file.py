"""A checkpoint: everything that a review was after some row of its journal, in one file.

A line of JSON says what follows; then come the labels and the voxels' statuses, a few planes at a
time, and the index of the operations, each compressed; then the SHA-256 of all that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import FormatError, StoreError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.io.atomic import replace_atomically
from napari_bayesseg.review.journal.history import History
from napari_bayesseg.review.labels.voxels import Labels

__all__ = ["Checkpoint", "packed", "read_checkpoint", "write_checkpoint"]

_MAGIC = b"napari-bayesseg checkpoint "
_VERSION = 1
_HASH = 32  # bytes at the end


@dataclass(frozen=True)
class Checkpoint:
    """What a review was after a row of its journal.

    Attributes
    ----------
    sequence : int
        Number of that row.
    head : str
        Its hash, which stands for all rows up to it.
    base_sha256 : str
        Of the labels that the review began from: the labels here follow from them.
    shape : (Z, Y, X)
    dtype : str
        Of the labels, as numpy writes it.
    depth : int
        Planes in a slab.
    labels, codes : tuple of bytes
        Slabs, compressed; an empty one of `codes` is all zeros.
    index : mapping of str to array
        What was done and undone: see :meth:`History.as_arrays`.
    """

    sequence: int
    head: str
    base_sha256: str
    shape: Index3
    dtype: str
    depth: int
    labels: tuple[bytes, ...]
    codes: tuple[bytes, ...]
    index: Mapping[str, NDArray[np.integer[Any]]]

    def label_slabs(self) -> Iterator[Labels]:
        """Yield the labels, some planes at a time.

        Raises
        ------
        StoreError
            If they can't be unpacked.
        """
        for number, slab in enumerate(self.labels):
            yield _unpacked(slab, self.dtype, self._planes(number))

    def labels_sha256(self) -> str:
        """Return the SHA-256 of the labels in hex: their bytes in C order, little-endian."""
        digest = hashlib.sha256()
        for slab in self.label_slabs():
            digest.update(np.ascontiguousarray(slab, slab.dtype.newbyteorder("<")).data)
        return digest.hexdigest()

    def restore(self, labels: Labels, history: History) -> None:
        """Make labels and an empty history what they were.

        Raises
        ------
        StoreError
            If the content contradicts itself; nothing was changed then.
        """
        slabs = list(self.label_slabs())
        codes = [
            _unpacked(packed_codes, "|u1", slab.shape) if packed_codes else None
            for packed_codes, slab in zip(self.codes, slabs, strict=True)
        ]
        history.restore(self.index)
        for number, (slab, found) in enumerate(zip(slabs, codes, strict=True)):
            low = number * self.depth
            labels[low : low + len(slab)] = slab
            if found is not None:
                history.voxels.restore(low, found)

    def _planes(self, number: int) -> Index3:
        low = number * self.depth
        return min(self.depth, self.shape[0] - low), self.shape[1], self.shape[2]


def packed(values: NDArray[Any]) -> bytes:
    """Compress an array, fast."""
    return bytes(imagecodecs.zstd_encode(np.ascontiguousarray(values).tobytes(), level=1))


def _unpacked(content: bytes, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    kind = np.dtype(dtype)
    size = kind.itemsize * int(np.prod(shape, dtype=np.int64))
    try:
        raw = imagecodecs.zstd_decode(content, out=size)
    except (RuntimeError, ValueError) as error:
        raise StoreError(f"a part of it can't be unpacked ({error})") from None
    if len(raw) != size:
        raise StoreError("a part of it has another length than stated")
    return np.frombuffer(raw, kind).reshape(shape)


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> str:
    """Write a checkpoint, whole or not at all, and read it back; return its SHA-256 in hex.

    Raises
    ------
    FormatError
        If the disk refuses.
    """
    index = {name: packed(values) for name, values in checkpoint.index.items()}
    header = {
        "sequence": checkpoint.sequence,
        "head": checkpoint.head,
        "base_sha256": checkpoint.base_sha256,
        "shape": checkpoint.shape,
        "dtype": checkpoint.dtype,
        "depth": checkpoint.depth,
        "labels": [len(slab) for slab in checkpoint.labels],
        "codes": [len(slab) for slab in checkpoint.codes],
        "index": {
            name: [values.dtype.str, values.size, len(index[name])]
            for name, values in checkpoint.index.items()
        },
    }
    first = _MAGIC + b"%d\n" % _VERSION + json.dumps(header).encode() + b"\n"
    digest = hashlib.sha256()

    def verify(temporary: Path) -> None:
        if _content(temporary)[1] != digest.digest():
            raise FormatError(f"{path.name}: was read back damaged: check the disk")

    with replace_atomically(path, verify=verify) as temporary, temporary.open("wb") as file:
        for part in (first, *checkpoint.labels, *checkpoint.codes, *index.values()):
            digest.update(part)
            file.write(part)
        file.write(digest.digest())
    return digest.hexdigest()


def _content(path: Path) -> tuple[memoryview, bytes]:
    """Return what a file holds and its hash; StoreError where that isn't the one at its end."""
    content = path.read_bytes()
    body = memoryview(content)[:-_HASH]
    digest = hashlib.sha256(body).digest()
    if digest != content[-_HASH:]:
        raise StoreError("it is damaged")
    return body, digest


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    StoreError
        If it is damaged, or was made by a newer version.
    """
    try:
        body, _ = _content(path)
        start = bytes(body[:200])
        if not start.startswith(_MAGIC):
            raise StoreError("it is no checkpoint")
        version = int(start[len(_MAGIC) :].split(b"\n", 1)[0])
        if version != _VERSION:
            raise StoreError(f"it has format {version}, and this version reads {_VERSION}")
        content = bytes(body)
        _, header, rest = content.split(b"\n", 2)
        return _checkpoint(json.loads(header), rest)
    except OSError as error:
        raise StoreError(f"it can't be read ({error.strerror or error})") from None
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise StoreError(f"it can't be understood ({type(error).__name__}: {error})") from None


def _checkpoint(header: Mapping[str, Any], rest: bytes) -> Checkpoint:
    place = 0

    def take(length: int) -> bytes:
        nonlocal place
        part, place = rest[place : place + int(length)], place + int(length)
        return part

    z, y, x = (int(length) for length in header["shape"])
    depth = int(header["depth"])
    labels = tuple(take(length) for length in header["labels"])
    codes = tuple(take(length) for length in header["codes"])
    index = {
        str(name): _unpacked(take(length), str(kind), (int(count),))
        for name, (kind, count, length) in header["index"].items()
    }
    if place != len(rest) or not len(labels) == len(codes) == -(-z // depth):
        raise StoreError("its parts have other lengths than stated")
    return Checkpoint(
        int(header["sequence"]),
        str(header["head"]),
        str(header["base_sha256"]),
        (z, y, x),
        str(header["dtype"]),
        depth,
        labels,
        codes,
        index,
    )
