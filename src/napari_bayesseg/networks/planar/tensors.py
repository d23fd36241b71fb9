"""Tensors of one resolution level in flat planes, and packed weights for them.

The compiled convolutions (``numerics.planar.convolution``) take tensors that share a layout, a
:class:`Grid`. A grid's frame reaches as far beyond the padded volume as the next kernel does, and
holds zeros there, so that a border needs no case of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.numerics.planar.rows import clear
from napari_bayesseg.numerics.planar.tile import CHANNELS, STEP

__all__ = ["Grid", "PackedWeights", "half_words", "pack_epilogue", "pack_weights", "used_channels"]

Words = NDArray[np.uint32]
Singles = NDArray[np.float32]

WORD_BYTES = 4
_LINE_WORDS = 16


def _odd_lines(words: int) -> int:
    # An odd number of cache lines between planes keeps rows of different planes in different sets.
    lines = -(-words // _LINE_WORDS)
    return _LINE_WORDS * (lines + 1 - lines % 2)


@dataclass(frozen=True)
class Grid:
    """Layout of the tensors of one level: ``words[channel, plane, position]``.

    Attributes
    ----------
    frame : Roi
        Voxels of the level that the planes hold, margins of zeros included; may leave the volume.
    """

    frame: Roi

    @property
    def pitch(self) -> int:
        """Words from one row to the next."""
        return self.frame.shape[2]

    @cached_property
    def plane_words(self) -> int:
        """Words from one plane to the next: its rows, and room for the last tile's overhang."""
        return _odd_lines(self.frame.shape[1] * self.pitch + STEP + _LINE_WORDS)

    @cached_property
    def channel_words(self) -> int:
        """Words from one channel to the next."""
        return _odd_lines(self.frame.shape[0] * self.plane_words)

    def words(self, channels: int) -> int:
        """Return the size of a tensor."""
        return channels * self.channel_words

    def shaped(self, line: Words, channels: int) -> Words:
        """View the begin of a line of words as a tensor of this grid."""
        # A word less than there is: contiguous arrays would be compiled for once more.
        shape = (channels, self.frame.shape[0], self.plane_words - 1)
        strides = (WORD_BYTES * self.channel_words, WORD_BYTES * self.plane_words, WORD_BYTES)
        return as_strided(line, shape, strides)

    def empty(self, channels: int) -> Words:
        """Return a tensor whose content is not set."""
        return self.shaped(np.empty(self.words(channels), np.uint32), channels)

    def plane_and_position(self, voxel: Index3) -> tuple[int, int]:
        """Return where a voxel lies."""
        z, y, x = (a - b for a, b in zip(voxel, self.frame.start, strict=True))
        return z, y * self.pitch + x

    def addresses(self, tensor: Words, voxel: Index3) -> NDArray[np.int64]:
        """Return the address of a voxel in every channel, in bytes."""
        plane, position = self.plane_and_position(voxel)
        first = tensor.ctypes.data + WORD_BYTES * (plane * self.plane_words + position)
        return first + WORD_BYTES * self.channel_words * np.arange(len(tensor), dtype=np.int64)

    def box(self, tensor: Words, roi: Roi) -> Singles:
        """View a box of a single-precision tensor as ``(C, z, y, x)``."""
        plane, position = self.plane_and_position(roi.start)
        strides = (*tensor.strides[:2], WORD_BYTES * self.pitch, WORD_BYTES)
        shape = (len(tensor), *roi.shape)
        return as_strided(tensor[:, plane:, position:].view(np.float32), shape, strides)

    def clear_outside(self, tensor: Words, outer: Roi, inner: Roi) -> None:
        """Set the voxels of `outer` beyond `inner`, which lies in it, to zero."""
        if outer == inner:
            return
        origin = self.frame.start
        beyond, kept = outer.relative_to(origin), inner.relative_to(origin)
        clear(
            tensor,
            np.array([*beyond.start, *beyond.stop], dtype=np.int64),
            np.array([*kept.start, *kept.stop], dtype=np.int64),
            self.pitch,
        )


def half_words(values: Singles) -> Words:
    """Round to bfloat16, ties to even, in the low halves of words."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    odd = (bits >> np.uint32(16)) & np.uint32(1)
    rounded: Words = (bits + np.uint32(0x7FFF) + odd) >> np.uint32(16)
    return rounded


@dataclass(frozen=True)
class PackedWeights:
    """Weights in the order in which a tile goes through them.

    Attributes
    ----------
    words : (tiles, inputs * kernel elements * CHANNELS) uint32
        Single-precision numbers, or pairs of bfloat16 numbers.
    channels : (inputs,) int
        Input channels (or pairs) that have a weight other than zero; the others are left out.
    """

    words: Words
    channels: NDArray[np.int64]


def used_channels(weights: Singles, *, paired: bool) -> NDArray[np.int64]:
    """Return the input channels, or pairs, of ``(C_out, C_in, ...)`` with a weight but zero."""
    used = weights.any(axis=(0, *range(2, weights.ndim)))
    if paired:
        used = np.append(used, [False] * (used.size % 2)).reshape(-1, 2).any(axis=1)
    return np.flatnonzero(used).astype(np.int64)


def pack_weights(
    weights: Singles, *, paired: bool, channels: NDArray[np.int64] | None = None
) -> PackedWeights:
    """Pack ``(C_out, C_in, elements)``; dropped channels, all zero, are left out.

    Parameters
    ----------
    channels : (inputs,) int, optional
        To be kept, in place of :func:`used_channels`.
    """
    out_channels, in_channels, elements = weights.shape
    used = used_channels(weights, paired=paired) if channels is None else channels
    tiles = -(-out_channels // CHANNELS)
    padded = np.zeros((tiles * CHANNELS, in_channels + in_channels % 2, elements), np.float32)
    padded[:out_channels, :in_channels] = weights
    if paired:
        halves = half_words(padded)
        words = halves[:, 0::2] | (halves[:, 1::2] << np.uint32(16))
    else:
        words = padded.view(np.uint32)
    ordered = words[:, used].reshape(tiles, CHANNELS, used.size, elements).transpose(0, 2, 3, 1)
    return PackedWeights(np.ascontiguousarray(ordered).reshape(tiles, -1), used)


def pack_epilogue(bias: Singles, scale: Singles, shift: Singles) -> Singles:
    """Pack y = max(sum + bias, lowest) * scale + shift, per output channel."""
    tiles = -(-bias.size // CHANNELS)
    packed = np.zeros((tiles * CHANNELS, 3), np.float32)
    packed[: bias.size] = np.stack([bias, scale, shift], axis=1)
    return packed.reshape(tiles, -1)
