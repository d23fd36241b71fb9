"""The mask that a review began from, kept in the session's folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec

from napari_bayesseg.core.errors import FormatError, StoreError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.io.atomic import flush_folder, flush_to_disk
from napari_bayesseg.review.labels.stored_arrays import UNREADABLE, labels_sha256
from napari_bayesseg.review.labels.voxels import Labels

__all__ = ["checked_start", "open_start", "write_start"]

_CHUNK = 64
_CODECS = (BloscCodec(cname="lz4", clevel=5, shuffle="noshuffle"), Crc32cCodec())


def checked_start(
    start: Volume, shape: Index3, class_names: tuple[str, ...], dtype: np.dtype[Any]
) -> Labels:
    """Return a mask in the type of the predicted labels.

    Raises
    ------
    FormatError
        If it has another shape, is no mask, or holds a label without a class.
    """
    name = start.spec.name
    if start.shape != shape:
        raise FormatError(
            f"{name}: a starting mask must have the scan's shape {shape}; it has {start.shape}: "
            "export it on the grid of the scan"
        )
    values = start.read(Roi.whole(shape))
    if values.dtype.kind not in "biu":
        raise FormatError(
            f"{name}: a starting mask must hold whole numbers; it holds {values.dtype}: export it "
            "as labels"
        )
    low, high = int(values.min()), int(values.max())
    if low < 0 or high >= len(class_names):
        classes = ", ".join(f"{n} {text}" for n, text in enumerate(class_names))
        raise FormatError(
            f"{name}: a starting mask must hold the labels of the classes ({classes}); it holds "
            f"{low if low < 0 else high}: change that label first"
        )
    return values.astype(dtype)


def write_start(folder: Path, labels: Labels) -> str:
    """Put a mask in its place on the disk, whole or not at all.

    Returns
    -------
    str
        Its SHA-256, in hex.

    Raises
    ------
    StoreError
        If the disk refuses.
    """
    temporary = folder.with_name(f".{folder.name}.new")
    try:
        for left in (temporary, folder):  # of a program killed before the journal began
            if left.exists():
                shutil.rmtree(left)
        made = zarr.create_array(
            temporary,
            shape=labels.shape,
            chunks=tuple(min(_CHUNK, length) for length in labels.shape),
            dtype=labels.dtype,
            compressors=_CODECS,
            dimension_names=("z", "y", "x"),
            config={"write_empty_chunks": True},
        )
        made[...] = labels
        for place, _, names in os.walk(temporary):
            for name in names:
                flush_to_disk(Path(place) / name)
            flush_folder(Path(place))
        temporary.replace(folder)
        flush_folder(folder.parent)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise StoreError(
            f"{folder.parent}: the starting mask can't be kept ({error.strerror or error}): make "
            "room, or name another folder"
        ) from error
    return labels_sha256(labels)


def open_start(folder: Path, sha256: str) -> tuple[zarr.Array[Any], Labels]:
    """Return the kept mask, lazily and in memory.

    Raises
    ------
    StoreError
        If it is not the one that the review began from any more.
    """
    try:
        stored = zarr.open_array(folder, mode="r")
        labels = np.asarray(stored[...])
    except UNREADABLE as error:
        cause = " ".join(str(error).split())
        raise StoreError(
            f"{folder}: the starting mask can't be read ({cause}): restore the folder from a copy"
        ) from error
    if labels_sha256(labels) != sha256:
        raise StoreError(
            f"{folder}: the starting mask was changed since the review began: restore the folder "
            "from a copy"
        )
    return stored, labels
