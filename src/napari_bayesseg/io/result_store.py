"""The result store: one OME-Zarr 0.5 folder that holds a run's arrays and its record.

Its layout is described in ``io.store_layout``.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.io.ledger import Ledger
from napari_bayesseg.io.store_layout import (
    FORMAT_VERSION,
    RECORD_KEY,
    StoreLayout,
    create_groups,
)

__all__ = ["ResultStore", "is_result_store"]


# Folders on some systems, and on Windows whatever was opened for reading.
_CANNOT_SYNC = (errno.EBADF, errno.EINVAL, errno.ENOTSUP)
_DAMAGE = (ValueError, OSError, RuntimeError)  # checksum, missing file, broken compression


def is_result_store(path: Path) -> bool:
    """Whether a folder is a result store of ours (of any version)."""
    try:
        return RECORD_KEY in zarr.open_group(path, mode="r").attrs
    except (FileNotFoundError, ValueError, OSError, KeyError):
        return False


class ResultStore:
    """Reads and writes one result folder; use :meth:`create` or :meth:`open`."""

    def __init__(self, path: Path, group: zarr.Group) -> None:
        self.path = path
        self._group = group
        self.record: dict[str, Any] = dict(group.attrs[RECORD_KEY])  # type: ignore[arg-type]

    @property
    def lock_path(self) -> Path:
        """File on which a writer holds its lock."""
        return self.path / ".lock"

    @property
    def ledger(self) -> Ledger:
        """Which blocks are finished."""
        return Ledger(self.path / "ledger.jsonl", self.record["run_id"])

    @classmethod
    def create(cls, path: Path, layout: StoreLayout, record: Mapping[str, Any]) -> ResultStore:
        """Make an empty store; it appears at `path` only when it is whole.

        Raises
        ------
        StoreError
            If something is at `path` already, or the folder can't be written to.
        """
        if path.exists():
            raise StoreError(f"{path}: exists already; name another --out, or pass --overwrite")
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            create_groups(temporary, layout, record)
            temporary.replace(path)
        except OSError as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise StoreError(f"{path}: can't be written ({error.strerror or error})") from None
        return cls.open(path, mode="r+")

    @classmethod
    def open(cls, path: Path, mode: str = "r") -> ResultStore:
        """Open a store for reading (``"r"``) or for adding blocks (``"r+"``).

        Raises
        ------
        StoreError
            If there is none, or it was made by a newer version.
        """
        if not path.is_dir():
            raise StoreError(f"{path}: no such result; make one with napari-bayesseg predict")
        if not is_result_store(path):
            raise StoreError(f"{path}: is no result of napari-bayesseg")
        group = zarr.open_group(path, mode="r+" if mode == "r+" else "r")
        store = cls(path, group)
        found = store.record.get("format_version")
        if found != FORMAT_VERSION:
            raise StoreError(
                f"{path}: result format {found}, but this version reads {FORMAT_VERSION}: "
                "update napari-bayesseg, or predict again"
            )
        return store

    def array(self, name: str) -> zarr.Array[Any]:
        """Return ``"labels"``, ``"mean_probability"``, ``"block_mask"`` or a measure, lazily.

        Raises
        ------
        StoreError
            If the store has no such array.
        """
        places = {"labels": "labels/predicted/0"}
        place = places.get(name, name)
        if name in self.record["measures"]:
            place = f"measures/{name}/0"
        found = self._group.get(place)
        if not isinstance(found, zarr.Array):
            known = ", ".join(["labels", "mean_probability", *self.record["measures"]])
            raise StoreError(f"{self.path}: holds no {name!r}; it holds {known}")
        # A chunk of nothing but the fill value, such as a block of background, is a file too:
        # only then a lost one can be told. Zarr doesn't store this, so it is said at each opening.
        return found.with_config({"write_empty_chunks": True})

    def _names(self) -> tuple[str, ...]:
        return ("labels", "mean_probability", *self.record["measures"])

    def write_block(
        self, index: int, core: Roi, arrays: Mapping[str, NDArray[Any]], device: str
    ) -> None:
        """Write one block and return once it and its ledger line are on the disk.

        Raises
        ------
        StoreError
            If the disk refuses; the block then counts as missing, the others are kept.
        """
        try:
            for name in self._names():
                target = self.array(name)
                target[(..., *core.slices)] = arrays[name]
                for file in self._chunk_files(target, core):
                    # Zarr renames chunks into place but leaves it to the system when they reach
                    # the disk.
                    _sync(file)
            self.ledger.append(index, _block_hash(arrays, self._names()), device)
            self._mark(index)
        except OSError as error:
            raise StoreError(
                f"{self.path}: can't be written ({error.strerror or error}); finished blocks are "
                "kept: make room or mend the disk, and the same command continues"
            ) from error

    def _mark(self, index: int) -> None:
        mask = self.array("block_mask")
        mask[tuple(int(i) for i in np.unravel_index(index, mask.shape))] = 1

    def _chunk_files(self, array: zarr.Array[Any], core: Roi) -> Iterator[Path]:
        """Yield the files that hold a box of an array."""
        spans = [
            range(a // n, -(-b // n))
            for a, b, n in zip(core.start, core.stop, array.chunks[-3:], strict=True)
        ]
        folder = self.path / array.path / "c"
        leading = [folder / str(c) for c in range(array.shape[0])] if array.ndim == 4 else [folder]
        for root in leading:
            for z, y, x in itertools.product(*spans):
                yield root / str(z) / str(y) / str(x)

    def read(self, name: str, finished: Iterable[Roi]) -> NDArray[Any]:
        """Return a whole array (see :meth:`array`) in memory.

        Parameters
        ----------
        name : str
        finished : iterable of Roi
            Boxes that must be there; zarr reads a missing chunk as empty without a word.

        Raises
        ------
        StoreError
            If the store has no such array, or part of it is missing or damaged.
        """
        array = self.array(name)
        mend = f"{self.path}: {name} is damaged (%s); the same predict command mends it"
        for file in itertools.chain.from_iterable(self._chunk_files(array, c) for c in finished):
            if not file.exists():
                raise StoreError(mend % f"{file.relative_to(self.path)} is missing")
        try:
            return np.asarray(array[...])
        except _DAMAGE as error:
            raise StoreError(mend % error) from None

    def read_block(self, core: Roi) -> dict[str, NDArray[Any]]:
        """Return everything stored for a box, by name."""
        return {name: np.asarray(self.array(name)[(..., *core.slices)]) for name in self._names()}

    def intact_blocks(self, cores: Mapping[int, Roi]) -> set[int]:
        """Return the finished blocks whose content still has the ledger's hash.

        Blocks that are damaged or missing lose their ledger line.
        """
        damaged = set()
        rows = self.ledger.rows()
        for index, row in rows.items():
            if index not in cores or not self._is_intact(cores[index], row.sha256):
                damaged.add(index)
        if damaged:
            self.ledger.drop(damaged)
        finished = set(rows) - damaged
        mask = np.zeros(self.array("block_mask").shape, np.uint8)
        mask.flat[sorted(finished)] = 1
        self.array("block_mask")[...] = mask
        return finished

    def _is_intact(self, core: Roi, sha256: str) -> bool:
        try:
            return _block_hash(self.read_block(core), self._names()) == sha256
        except _DAMAGE:
            return False

    def update_record(self, **entries: Any) -> None:
        """Add entries to the record, such as the time that a run took."""
        self.record.update(entries)
        self._group.attrs[RECORD_KEY] = self.record


def _block_hash(arrays: Mapping[str, NDArray[Any]], names: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for name in names:
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


def _sync(path: Path) -> None:
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
