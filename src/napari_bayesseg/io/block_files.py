"""The files of one block: where they are, how they reach the disk, and what they hash to."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Roi

__all__ = ["block_hash", "chunk_files", "sync"]

# Folders on some systems, and on Windows whatever was opened for reading.
_CANNOT_SYNC = (errno.EBADF, errno.EINVAL, errno.ENOTSUP)


class _Chunked(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def chunks(self) -> tuple[int, ...]: ...
    @property
    def path(self) -> str: ...


def chunk_files(root: Path, array: _Chunked, core: Roi) -> Iterator[Path]:
    """Yield the files that hold a box of an array ``(Z, Y, X)`` or ``(C, Z, Y, X)``."""
    spans = [
        range(a // n, -(-b // n))
        for a, b, n in zip(core.start, core.stop, array.chunks[-3:], strict=True)
    ]
    folder = root / array.path / "c"
    is_flat = len(array.shape) == 3
    leading = [folder] if is_flat else [folder / str(c) for c in range(array.shape[0])]
    for start in leading:
        for z, y, x in itertools.product(*spans):
            yield start / str(z) / str(y) / str(x)


def sync(path: Path) -> None:
    """Return once a file and its place in its folder are on the disk."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
    for target in (path, path.parent):
        try:
            descriptor = os.open(target, flags)
        except PermissionError:  # Windows opens no folders
            continue
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in _CANNOT_SYNC:
                raise
        finally:
            os.close(descriptor)


def block_hash(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of arrays with their names, in the order given."""
    digest = hashlib.sha256()
    for name, values in arrays.items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()
