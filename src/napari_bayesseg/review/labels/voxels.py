"""Sets of voxels and changes of their labels, small enough to be kept by the thousand."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_bayesseg.core.errors import SettingsError, StoreError
from napari_bayesseg.core.geometry import Index3, Roi

__all__ = ["Labels", "VoxelChange", "VoxelSet", "unpacked", "voxel_change_from_indices"]

Labels = NDArray[np.integer[Any]]

_MAGIC = b"NBVC"
_VERSION = 1
_HEADER = struct.Struct("<4sB3s6IQ")  # magic, version, dtype, box, voxels


@dataclass(frozen=True)
class VoxelSet:
    """Voxels inside a box.

    Attributes
    ----------
    box : Roi
    bits : bytes
        One bit a voxel of the box, in C order, the first one in the highest bit.
    """

    box: Roi
    bits: bytes

    @classmethod
    def from_mask(cls, box: Roi, mask: NDArray[np.bool_]) -> VoxelSet:
        """Pack a mask of the box's shape.

        Raises
        ------
        SettingsError
            If the shapes differ.
        """
        if mask.shape != box.shape:
            raise SettingsError(
                f"the mask of box {box} must have its shape {box.shape}; got {mask.shape}"
            )
        return cls(box, np.packbits(mask).tobytes())

    def mask(self) -> NDArray[np.bool_]:
        """Return the box with True in the set."""
        return self.planes(0, self.box.shape[0])[0]

    def planes(self, start: int, stop: int) -> tuple[NDArray[np.bool_], int]:
        """Return some planes of the mask, and how many voxels of the set come before them.

        Only these planes are unpacked: the box of a decision about many regions may be the scan.
        """
        _, y, x = self.box.shape
        first, last = start * y * x, stop * y * x
        low = first // 8
        bits = np.frombuffer(self.bits, np.uint8)
        flat = np.unpackbits(bits[low : -(-last // 8)]).view(np.bool_)
        before = int(np.bitwise_count(bits[:low]).sum(dtype=np.int64))
        before += int(np.count_nonzero(flat[: first - 8 * low]))
        return flat[first - 8 * low : last - 8 * low].reshape(stop - start, y, x), before

    @property
    def count(self) -> int:
        """Number of voxels in the set."""
        return int(np.bitwise_count(np.frombuffer(self.bits, np.uint8)).sum(dtype=np.int64))

    @classmethod
    def union(cls, parts: Sequence[VoxelSet]) -> VoxelSet:
        """Return the voxels that are in any of some sets."""
        filled = [part for part in parts if not part.box.is_empty]
        if not filled:
            return cls(Roi((0, 0, 0), (0, 0, 0)), b"")
        if len(filled) == 1:
            return filled[0]
        start = np.min([part.box.start for part in filled], axis=0).tolist()
        stop = np.max([part.box.stop for part in filled], axis=0).tolist()
        box = Roi(tuple(start), tuple(stop))
        mask = np.zeros(box.shape, np.bool_)
        for part in filled:
            mask[part.box.relative_to(box.start).slices] |= part.mask()
        return cls.from_mask(box, mask)

    def intersection(self, roi: Roi) -> VoxelSet:
        """Return the voxels inside another box; its box is what the two have in common."""
        if roi.contains(self.box):
            return self
        box = self.box.intersection(roi)
        if box.is_empty:
            return VoxelSet(Roi(box.start, box.start), b"")
        part = box.relative_to(self.box.start)
        planes, _ = self.planes(part.start[0], part.stop[0])
        return VoxelSet.from_mask(box, planes[:, part.slices[1], part.slices[2]])


@dataclass(frozen=True, eq=False)
class VoxelChange:
    """Labels of a set of voxels before and after.

    Attributes
    ----------
    voxels : VoxelSet
    old, new : (count,) int
        Labels in C order of the box's voxels, of one type. Read-only.
    """

    voxels: VoxelSet
    old: Labels
    new: Labels

    def __post_init__(self) -> None:
        count = self.voxels.count
        if self.old.shape != (count,) or self.new.shape != (count,):
            raise SettingsError(
                f"a change of {count} voxels needs as many labels; got {self.old.shape} before "
                f"and {self.new.shape} after"
            )
        if self.old.dtype != self.new.dtype or self.old.dtype.kind not in "iu":
            raise SettingsError(
                "labels before and after must be integers of one type; got "
                f"{self.old.dtype} and {self.new.dtype}"
            )
        object.__setattr__(self, "old", _compact(self.old))
        object.__setattr__(self, "new", _compact(self.new))

    @property
    def box(self) -> Roi:
        """Box of the voxels."""
        return self.voxels.box

    @property
    def count(self) -> int:
        """Number of voxels."""
        return int(self.new.size)

    def apply_to(self, labels: Labels, box: Roi) -> None:
        """Write the new labels into an array that holds the voxels of `box`."""
        common = self.box.intersection(box)
        if common.is_empty:
            return
        part = common.relative_to(self.box.start)
        planes, before = self.voxels.planes(part.start[0], part.stop[0])
        values = self.new[before : before + np.count_nonzero(planes)]
        chosen = planes[:, part.slices[1], part.slices[2]]
        if chosen.shape != planes.shape:
            inside = np.zeros(planes.shape, np.bool_)
            inside[:, part.slices[1], part.slices[2]] = True
            values = values[inside[planes]]
        labels[common.relative_to(box.start).slices][chosen] = values

    def to_bytes(self) -> bytes:
        """Return the change as bytes: a header with a version, then zlib."""
        kind = self.new.dtype.newbyteorder("<")
        code = f"{kind.kind}{kind.itemsize}".encode()
        header = _HEADER.pack(
            _MAGIC, _VERSION, code, *self.box.start, *self.box.stop, self.new.size
        )
        labels = (np.ascontiguousarray(part, kind).tobytes() for part in (self.old, self.new))
        return header + zlib.compress(b"".join((self.voxels.bits, *labels)), 1)

    @classmethod
    def from_bytes(cls, content: bytes) -> VoxelChange:
        """Read what :meth:`to_bytes` gave.

        Raises
        ------
        StoreError
            If the content is damaged, or was made by a newer version.
        """
        try:
            magic, version, code, *ends, count = _HEADER.unpack_from(content)
            if magic != _MAGIC:
                raise ValueError("no change of labels")
            if version != _VERSION:
                raise StoreError(
                    f"a change of labels has format {version}, but this version reads {_VERSION}: "
                    "update napari-bayesseg"
                )
            box = Roi(tuple(ends[:3]), tuple(ends[3:]))
            kind = np.dtype("<" + code.rstrip(b"\0").decode("ascii"))
            packed = -(-box.size // 8)
            size = packed + 2 * count * kind.itemsize
            raw = unpacked(content[_HEADER.size :], size)
            labels = np.frombuffer(raw, kind, offset=packed).astype(kind.newbyteorder("="))
            return cls(VoxelSet(box, raw[:packed]), labels[:count], labels[count:])
        except (ValueError, TypeError, OverflowError, struct.error, zlib.error) as error:
            raise StoreError(f"a change of labels is damaged ({error})") from None


def unpacked(content: bytes, size: int) -> bytes:
    """Return what zlib packed, if it has the size it must have; never more is unpacked.

    Raises
    ------
    ValueError or zlib.error
        If it is damaged.
    """
    decoder = zlib.decompressobj()
    raw = decoder.decompress(content, size + 1)
    if len(raw) != size or not decoder.eof or decoder.unused_data:
        raise ValueError("another length than stated")
    return raw


def voxel_change_from_indices(
    indices: tuple[ArrayLike, ArrayLike, ArrayLike], old: ArrayLike, new: ArrayLike
) -> VoxelChange:
    """Make a change of voxels given one by one, as a brush gives them.

    Parameters
    ----------
    indices : three (n,) int
        Along z, y and x. A voxel that comes several times counts once.
    old, new : (n,) int, or one value for all
        Labels before and after; of a voxel that comes several times its first label before and
        its last label after. Their common type becomes that of the change.
    """
    z, y, x = (np.asarray(axis, dtype=np.int64).reshape(-1) for axis in indices)
    kind = np.result_type(np.asarray(old), np.asarray(new))
    before, after = (np.broadcast_to(np.asarray(part, kind), z.shape) for part in (old, new))
    if z.size == 0:
        return VoxelChange(VoxelSet(Roi((0, 0, 0), (0, 0, 0)), b""), before, after)
    start: Index3 = (int(z.min()), int(y.min()), int(x.min()))
    box = Roi(start, (int(z.max()) + 1, int(y.max()) + 1, int(x.max()) + 1))
    places = (z - start[0], y - start[1], x - start[2])
    flat = np.ravel_multi_index(places, box.shape)
    unique, first = np.unique(flat, return_index=True)
    last = flat.size - 1 - np.unique(flat[::-1], return_index=True)[1]
    mask = np.zeros(box.size, np.bool_)
    mask[unique] = True
    voxels = VoxelSet.from_mask(box, mask.reshape(box.shape))
    return VoxelChange(voxels, before[first], after[last])


def _compact(labels: Labels) -> Labels:
    """Keep one number where all are the same, as they mostly are: histories stay small."""
    if labels.size and labels.min() == labels.max():
        return np.broadcast_to(labels[:1].copy(), labels.shape)
    owned = labels.copy()
    owned.flags.writeable = False
    return owned
