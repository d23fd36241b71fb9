"""The result store: one OME-Zarr 0.5 folder that holds a run's arrays and its record.

Layout (see docs/decisions)::

    result.zarr/
        zarr.json                  OME image of the mean probability; record under napari_bayesseg
        mean_probability/          (C, Z, Y, X)
        labels/predicted/0/        (Z, Y, X), an OME label image
        measures/<name>/0/         (Z, Y, X), an OME image each
        block_mask/                one number a block: 1 where it is finished
        ledger.jsonl               one line a finished block: what resume goes by
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, Crc32cCodec

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.geometry import Geometry, Index3, Roi
from napari_bayesseg.io import ome_metadata
from napari_bayesseg.io.ledger import Ledger

__all__ = ["FORMAT_VERSION", "ResultStore", "StoreLayout", "is_result_store"]

FORMAT_VERSION = 1
_KEY = "napari_bayesseg"
_FILTER = BloscCodec(cname="zstd", clevel=1, shuffle="shuffle")


@dataclass(frozen=True)
class StoreLayout:
    """What decides the arrays of a store.

    Attributes
    ----------
    shape, block_shape, grid : (Z, Y, X)
        Of the scan and a block in voxels, and the number of blocks.
    geometry : Geometry
        Of the scan.
    class_names : tuple of str
        In the order of the label values.
    measures : dict of str to str
        Name to unit.
    """

    shape: Index3
    block_shape: Index3
    grid: Index3
    geometry: Geometry
    class_names: tuple[str, ...]
    measures: Mapping[str, str]

    @property
    def label_dtype(self) -> str:
        """uint8, or uint16 from 257 classes on."""
        return "uint8" if len(self.class_names) <= 256 else "uint16"

    @property
    def bytes_per_voxel(self) -> int:
        """Uncompressed size of what is stored for each voxel."""
        return (
            4 * (len(self.class_names) + len(self.measures)) + np.dtype(self.label_dtype).itemsize
        )


def is_result_store(path: Path) -> bool:
    """Whether a folder is a result store of ours (of any version)."""
    try:
        return _KEY in zarr.open_group(path, mode="r").attrs
    except (FileNotFoundError, ValueError, OSError, KeyError):
        return False


def _create_array(
    parent: zarr.Group, name: str, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: str
) -> None:
    parent.create_array(
        name,
        shape=shape,
        chunks=chunks,
        dtype=dtype,
        # An unfinished block must not look like a certain one.
        fill_value=float("nan") if dtype.startswith("float") else 0,
        compressors=(_FILTER, Crc32cCodec()),
        dimension_names=("c", "z", "y", "x")[-len(shape) :],
        config={"write_empty_chunks": True},
    )


class ResultStore:
    """Reads and writes one result folder; use :meth:`create` or :meth:`open`."""

    def __init__(self, path: Path, group: zarr.Group) -> None:
        self.path = path
        self._group = group
        self.record: dict[str, Any] = dict(group.attrs[_KEY])  # type: ignore[arg-type]

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
            _create_groups(temporary, layout, record)
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
        return found

    def _names(self) -> tuple[str, ...]:
        return ("labels", "mean_probability", *self.record["measures"])

    def write_block(
        self, index: int, core: Roi, arrays: Mapping[str, NDArray[Any]], device: str
    ) -> None:
        """Write one block and return once it and its ledger line are on the disk."""
        for name in self._names():
            target = self.array(name)
            target[(..., *core.slices)] = arrays[name]
            self._sync_chunks(target, core)
        self.ledger.append(index, _block_hash(arrays, self._names()), device)
        self._mark(index, 1)

    def _mark(self, index: int, value: int) -> None:
        mask = self.array("block_mask")
        position = tuple(int(i) for i in np.unravel_index(index, mask.shape))
        mask[position] = value

    def _sync_chunks(self, array: zarr.Array[Any], core: Roi) -> None:
        # Zarr renames chunks into place but leaves it to the system when they reach the disk.
        chunk = array.chunks[-3:]
        spans = [
            range(a // n, -(-b // n)) for a, b, n in zip(core.start, core.stop, chunk, strict=True)
        ]
        leading = range(array.shape[0]) if array.ndim == 4 else (None,)
        folder = self.path / array.path / "c"
        for channel in leading:
            root = folder if channel is None else folder / str(channel)
            for z in spans[0]:
                for y in spans[1]:
                    for x in spans[2]:
                        _sync(root / str(z) / str(y) / str(x))

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
        except (ValueError, OSError, RuntimeError):  # checksum, missing file, broken compression
            return False

    def update_record(self, **entries: Any) -> None:
        """Add entries to the record, such as the time that a run took."""
        self.record.update(entries)
        self._group.attrs[_KEY] = self.record


def _create_groups(path: Path, layout: StoreLayout, record: Mapping[str, Any]) -> None:
    root = zarr.create_group(path)
    root.attrs.update(
        {
            "ome": ome_metadata.probability_image(layout.geometry, layout.class_names),
            _KEY: {**record, "format_version": FORMAT_VERSION},
        }
    )
    classes = len(layout.class_names)
    _create_array(
        root,
        "mean_probability",
        (classes, *layout.shape),
        (1, *layout.block_shape),
        "float32",
    )
    labels = root.create_group("labels")
    labels.attrs["ome"] = ome_metadata.labels_group(["predicted"])
    predicted = labels.create_group("predicted")
    predicted.attrs["ome"] = ome_metadata.label_image(layout.geometry, "predicted", classes)
    _create_array(predicted, "0", layout.shape, layout.block_shape, layout.label_dtype)
    measures = root.create_group("measures")
    for name, unit in layout.measures.items():
        group = measures.create_group(name)
        group.attrs.update({"ome": ome_metadata.image(layout.geometry, name), "unit": unit})
        _create_array(group, "0", layout.shape, layout.block_shape, "float32")
    root.create_array(
        "block_mask", shape=layout.grid, chunks=layout.grid, dtype="uint8", fill_value=0
    )


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
        except OSError:  # a read-only descriptor can't be synced on Windows
            continue
        finally:
            os.close(descriptor)
