"""Reading pieces of stored arrays, with damage told in one line, and the hash of a mask."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.volume import LazyArray

__all__ = ["DAMAGE", "UNREADABLE", "labels_sha256", "read_piece"]

DAMAGE = (ValueError, OSError, RuntimeError)  # checksum, missing file, broken compression
UNREADABLE = (*DAMAGE, LookupError, TypeError, AttributeError)  # and metadata that is none


def read_piece(array: LazyArray, key: tuple[slice, ...], name: str) -> NDArray[Any]:
    """Return a piece of an array in memory.

    Raises
    ------
    StoreError
        If a part of it is damaged.
    """
    try:
        return np.asarray(array[key])
    except DAMAGE as error:
        cause = " ".join(str(error).split())
        raise StoreError(
            f"{name} can't be read ({cause}): predict again with the same command, or restore the "
            "folder from a copy"
        ) from error


def labels_sha256(labels: NDArray[np.integer[Any]]) -> str:
    """Return the SHA-256 of labels in hex: their bytes in C order, little-endian."""
    kind = labels.dtype.newbyteorder("<")
    return hashlib.sha256(np.ascontiguousarray(labels, kind).data).hexdigest()
