"""Layers of a V-Net packed for the compiled convolutions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.networks.planar.tensors import (
    WORD_BYTES,
    Grid,
    PackedWeights,
    Singles,
    Words,
    pack_weights,
    used_channels,
)
from napari_bayesseg.numerics.planar import convolution
from napari_bayesseg.numerics.planar.tile import (
    BFLOAT16,
    BFLOAT16_TO_SINGLE,
    CHANNELS,
    SINGLE,
    STEP,
)

__all__ = ["Input", "Planes", "convolve", "pack_phases", "serially", "upsample_convolve"]

# By whether inputs and target hold pairs of bfloat16 channels.
_KINDS = {(False, False): SINGLE, (True, True): BFLOAT16, (True, False): BFLOAT16_TO_SINGLE}
# Words that the last tile may write behind the positions wanted.
_OVERHANG = STEP


def _triple(values: Iterable[int]) -> Index3:
    z, y, x = values
    return z, y, x


Planes = Callable[[int, Callable[[int, int], None]], None]
"""Runs a function on ranges of planes that together make up the given number, maybe in threads."""


def serially(count: int, work: Callable[[int, int], None]) -> None:
    """Do all planes at once."""
    work(0, count)


@dataclass(frozen=True)
class Input:
    """A tensor that a convolution sums over, with its weights."""

    tensor: Words
    weights: PackedWeights


def convolve(
    grid: Grid,
    inputs: Sequence[Input],
    target: Words,
    need: Roi,
    kernel: Index3,
    epilogue: Singles,
    *,
    lowest: float = 0.0,
    paired: tuple[bool, bool] = (False, False),
    partial: Words | None = None,
    planes: Planes = serially,
) -> None:
    """Compute the voxels of `need`; all tensors lie in `grid` and hold zeros where they end.

    Parameters
    ----------
    paired : (bool, bool)
        Whether inputs and target hold pairs of bfloat16 channels.
    partial : Words, optional
        Single-precision sums to begin with.
    lowest : float
        0 for ReLU, minus infinity for none.
    """
    start = need.relative_to(_triple(length // 2 for length in kernel)).start
    addresses = [grid.addresses(entry.tensor, start)[entry.weights.channels] for entry in inputs]
    weights = [entry.weights.words for entry in inputs]
    plane, row = WORD_BYTES * grid.plane_words, WORD_BYTES * grid.pitch
    offsets = [
        z * plane + y * row + x * WORD_BYTES
        for z in range(kernel[0])
        for y in range(kernel[1])
        for x in range(kernel[2])
    ]
    channel = WORD_BYTES * grid.channel_words
    depth, height, width = need.shape
    arguments = (
        (height - 1) * grid.pitch + width,
        np.concatenate(addresses),
        np.array(offsets, dtype=np.int64),
        weights[0] if len(weights) == 1 else np.concatenate(weights, axis=1),
        0 if partial is None else int(grid.addresses(partial, need.start)[0]),
        epilogue,
        int(grid.addresses(target, need.start)[0]),
        np.array([plane, plane, channel, plane, channel], dtype=np.int64),
        lowest,
    )
    kind = _KINDS[paired]

    def work(begin: int, end: int) -> None:
        convolution.convolve(kind, np.array([begin, end], dtype=np.int64), *arguments)

    planes(depth, work)


@dataclass(frozen=True)
class PackedPhases:
    """Weights of an upsampling convolution, one set a phase.

    Attributes
    ----------
    words : (phases, tiles, most weights)
    counts : (phases,)
        Coarse voxels that a phase meets.
    steps : (phases, most counts, 3) int
        Where they lie, from the coarse voxel that holds the fine one.
    channels : (inputs,)
        As in :class:`PackedWeights`.
    """

    words: Words
    counts: NDArray[np.int64]
    steps: NDArray[np.int64]
    channels: NDArray[np.int64]


def _axis_phases(factor: int) -> list[tuple[NDArray[np.int64], Singles]]:
    """Return, for each phase of an axis, the coarse steps met and which elements meet each."""
    low = (factor - 1) // 2
    phases = []
    for phase in range(factor):
        steps = np.array([(phase + k - low) // factor for k in range(factor)])
        met = np.unique(steps)
        phases.append((met.astype(np.int64), (met[:, None] == steps).astype(np.float32)))
    return phases


def pack_phases(weights: Singles, factors: Index3, *, paired: bool) -> PackedPhases:
    """Sum and pack the weights ``(C_out, C_in, *factors)`` of an upsampling convolution."""
    axes = [_axis_phases(factor) for factor in factors]
    channels = used_channels(weights, paired=paired)
    packed, steps = [], []
    for steps_z, matrix_z in axes[0]:
        for steps_y, matrix_y in axes[1]:
            for steps_x, matrix_x in axes[2]:
                summed = np.einsum(
                    "oizyx,az,by,cx->oiabc", weights, matrix_z, matrix_y, matrix_x, optimize=True
                )
                flat = summed.reshape(*weights.shape[:2], -1)
                packed.append(pack_weights(flat, paired=paired, channels=channels))
                grid = np.stack(np.meshgrid(steps_z, steps_y, steps_x, indexing="ij"), -1)
                steps.append(grid.reshape(-1, 3))
    counts = np.array([len(found) for found in steps], dtype=np.int64)
    most = max(entry.words.shape[1] for entry in packed)
    words = np.zeros((len(packed), packed[0].words.shape[0], most), np.uint32)
    places = np.zeros((len(packed), counts.max(), 3), np.int64)
    for phase, (entry, found) in enumerate(zip(packed, steps, strict=True)):
        words[phase, :, : entry.words.shape[1]] = entry.words
        places[phase, : len(found)] = found
    return PackedPhases(words, counts, places, channels)


def upsample_convolve(
    coarse: Grid,
    tensor: Words,
    packed: PackedPhases,
    grid: Grid,
    target: Words,
    need: Roi,
    factors: Index3,
    epilogue: Singles,
    *,
    paired: bool = False,
    planes: Planes = serially,
) -> None:
    """Repeat each voxel `factors` times along each axis and convolve, for the voxels of `need`."""
    below = _triple(a // f for a, f in zip(need.start, factors, strict=True))
    above = [-(-b // f) for b, f in zip(need.stop, factors, strict=True)]
    first = [a - b * f for a, b, f in zip(need.start, below, factors, strict=True)]
    plane = WORD_BYTES * coarse.plane_words
    offsets = packed.steps @ np.array([plane, WORD_BYTES * coarse.pitch, WORD_BYTES])
    rows = above[1] - below[1]
    out_plane, out_position = grid.plane_and_position(need.start)
    depth, height, width = need.shape
    channels = packed.words.shape[1] * CHANNELS // (2 if paired else 1)
    phases_shape = (factors[1] * factors[2], channels, rows * coarse.pitch + _OVERHANG)

    def work(begin: int, end: int) -> None:
        convolution.upsample_convolve(
            BFLOAT16 if paired else SINGLE,
            np.array([begin, end], dtype=np.int64),
            np.array(factors, dtype=np.int64),
            np.array(first, dtype=np.int64),
            np.array([height, width, coarse.pitch, rows], dtype=np.int64),
            coarse.addresses(tensor, below)[packed.channels],
            offsets,
            packed.counts,
            packed.words,
            epilogue,
            np.array([plane], dtype=np.int64),
            np.empty(phases_shape, np.uint32),
            target[:channels],
            np.array([out_plane, out_position, grid.pitch], dtype=np.int64),
            0.0,
        )

    planes(depth, work)
