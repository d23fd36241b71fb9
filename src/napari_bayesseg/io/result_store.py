"""The result store: one OME-Zarr 0.5 folder that holds a run's arrays and its record.

Its layout is described in ``io.store_layout``.
"""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.io.block_files import block_hash, sync
from napari_bayesseg.io.ledger import Ledger
from napari_bayesseg.io.quantised import encode
from napari_bayesseg.io.result_arrays import COUNTS, DAMAGE, ResultArray, ResultArrays
from napari_bayesseg.io.store_layout import (
    COMPUTED,
    FORMAT_VERSION,
    RECORD_KEY,
    SKIPPED,
    StoreLayout,
    create_groups,
)
from napari_bayesseg.numerics.draw_counts import DrawCounts

__all__ = ["ResultStore", "is_result_store"]


def is_result_store(path: Path) -> bool:
    """Whether a folder is a result store of ours (of any version)."""
    try:
        return RECORD_KEY in zarr.open_group(path, mode="r").attrs
    except (FileNotFoundError, ValueError, OSError, KeyError):
        return False


class ResultStore(ResultArrays):
    """Reads and writes one result folder; use :meth:`create` or :meth:`open`."""

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

    def write_block(
        self,
        index: int,
        core: Roi,
        arrays: Mapping[str, NDArray[Any]],
        device: str,
        counts: DrawCounts | None = None,
        *,
        skipped: bool = False,
    ) -> None:
        """Write one block and return once it and its ledger line are on the disk.

        It is :meth:`write_arrays` and then :meth:`commit_block`.
        """
        self.commit_block(
            index, self.write_arrays(index, core, arrays, counts), device, skipped=skipped
        )

    def write_arrays(
        self,
        index: int,
        core: Roi,
        arrays: Mapping[str, NDArray[Any]],
        counts: DrawCounts | None,
    ) -> str:
        """Write the content of one block and return once it is on the disk.

        It touches no file of another block, so several processes may write at a time. The block
        counts as missing until :meth:`commit_block`.

        Parameters
        ----------
        index : int
        core : Roi
            Of the block; it begins at a chunk.
        arrays : dict of array
            Labels, mean probability and all measures of the core, by name.
        counts : DrawCounts or None
            Of the core; left alone where the store keeps none.

        Returns
        -------
        str
            SHA-256 of all that was stored, in hex.

        Raises
        ------
        StoreError
            If the disk refuses; the other blocks are kept.
        ValueError
            If the store keeps counts and there are none.
        """
        stored = {name: encode(self.array(name), arrays[name]) for name in self._names()}
        if self.has_counts:
            if counts is None:
                raise ValueError(f"{self.path}: keeps counts, but block {index} came without")
            both = (counts.voxels, counts.configurations)
            stored |= {n: c.astype(np.uint32) for n, c in zip(COUNTS, both, strict=True)}
        with self.disk_errors():
            for name, values in stored.items():
                target = self.stored(name)
                target[self._place(name, index, core)] = values
                for file in self._files(name, index, core):
                    # Zarr renames chunks into place but leaves it to the system when they reach
                    # the disk.
                    sync(file)
        return block_hash(stored)

    def commit_block(self, index: int, sha256: str, device: str, *, skipped: bool = False) -> None:
        """Make a block that was written a finished one; only whoever holds the lock may.

        Parameters
        ----------
        index : int
        sha256 : str
            What :meth:`write_arrays` returned.
        device : str
            Where it was computed.
        skipped : bool
            Whether the block was left out: labels 0, floats NaN, nothing counted.

        Raises
        ------
        StoreError
            If the disk refuses; the block then counts as missing.
        """
        with self.disk_errors():
            self.ledger.append(index, sha256, device, skipped=skipped)
            mask = self.stored("block_mask")
            cell = tuple(int(i) for i in np.unravel_index(index, mask.shape))
            mask[cell] = SKIPPED if skipped else COMPUTED

    @contextmanager
    def disk_errors(self) -> Iterator[None]:
        """Turn what the disk refuses into one line.

        Raises
        ------
        StoreError
            In place of an OSError.
        """
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"{self.path}: can't be written ({error.strerror or error}); finished blocks are "
                "kept: make room or mend the disk, and the same command continues"
            ) from error

    @property
    def is_complete(self) -> bool:
        """Whether every block is finished that meets the run's roi."""
        labels, mask = self.stored("labels"), np.asarray(self.stored("block_mask"))
        z, y, x = labels.shape
        text = self.record.get("settings", {}).get("roi")
        roi = Roi.parse(text, (z, y, x)) if text else Roi.whole((z, y, x))
        inside = tuple(
            slice(low // n, -(-high // n))
            for low, high, n in zip(roi.start, roi.stop, labels.chunks, strict=True)
        )
        return bool(mask[inside].all())

    @property
    def level_factors(self) -> list[Index3]:
        """By how much each coarser level is coarser than the full one along z, y and x.

        Empty where there are none, or they were made from what the blocks held before.
        """
        said = self.record.get("pyramid", {})
        if not said.get("factors") or said["content_sha256"] != self.content_sha256():
            return []
        found: list[Index3] = []
        for level, (z, y, x) in enumerate(said["factors"], start=1):
            if not self.has_level(level):
                break  # somebody made room
            found.append((z, y, x))
        return found

    def levels(self, name: str) -> tuple[ResultArray, ...]:
        """Return labels, mean probability or a measure and its coarser levels, finest first.

        Raises
        ------
        StoreError
            If the store has no such array.
        """
        return tuple(self.level(name, n) for n in range(len(self.level_factors) + 1))

    def content_sha256(self) -> str:
        """Return one hash of all finished blocks: equal for equal results, in whatever order."""
        rows = self.ledger.rows()
        lines = "".join(f"{index} {rows[index].sha256}\n" for index in sorted(rows))
        return hashlib.sha256(lines.encode()).hexdigest()

    def intact_blocks(self, cores: Mapping[int, Roi]) -> set[int]:
        """Return the finished blocks whose content still has the ledger's hash.

        Blocks that are damaged or missing lose their ledger line.
        """
        rows = self.ledger.rows()
        damaged = {
            index
            for index, row in rows.items()
            if index not in cores or not self._is_intact(index, cores[index], row.sha256)
        }
        if damaged:
            self.ledger.drop(damaged)
        finished = set(rows) - damaged
        mask = np.zeros(self.stored("block_mask").shape, np.uint8)
        for index in finished:
            mask.flat[index] = SKIPPED if rows[index].skipped else COMPUTED
        self.stored("block_mask")[...] = mask
        return finished

    def _is_intact(self, index: int, core: Roi, sha256: str) -> bool:
        names = (*self._names(), *(COUNTS if self.has_counts else ()))
        # Zarr reads a lost chunk as the fill value, which may be what the block held.
        if not all(file.exists() for name in names for file in self._files(name, index, core)):
            return False
        try:
            content = {
                name: np.asarray(self.stored(name)[self._place(name, index, core)])
                for name in names
            }
        except DAMAGE:
            return False
        return block_hash(content) == sha256

    def update_record(self, **entries: Any) -> None:
        """Add entries to the record, such as the time that a run took."""
        self.record.update(entries)
        self.group.attrs[RECORD_KEY] = self.record
