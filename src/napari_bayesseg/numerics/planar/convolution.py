"""Compiled convolutions over flat planes, and the upsampling convolution.

How tensors lie in memory is told in ``numerics.planar.rows``; addresses of voxels are integers,
in bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.compilation import compiled
from napari_bayesseg.numerics.planar.tile import (
    BFLOAT16,
    CHANNELS,
    STEP,
    compute_tile,
)

__all__ = ["convolve", "upsample_convolve"]

Words = NDArray[np.uint32]
Line = NDArray[np.float32]
Whole = NDArray[np.int64]

# Planes are gone through in strips: what three planes hold of one stays in the second-level cache.
_STRIP_WORDS = 40_960


@compiled
def convolve(
    kind: int,
    planes: Whole,
    num_positions: int,
    inputs: Whole,
    offsets: Whole,
    weights: Words,
    partial: int | np.int64,
    epilogue: Line,
    output: int | np.int64,
    strides: Whole,
    lowest: float,
) -> None:
    """Fill `num_positions` voxels of each plane of `planes` = (first, behind the last).

    Parameters
    ----------
    kind : int
        See :func:`compute_tile`.
    inputs : (num_inputs,)
        Address, for each input channel, from which the output's voxel (0, 0, 0) is summed.
    offsets : (num_offsets,)
        Bytes from there, one a kernel element.
    weights : (tiles, num_inputs * num_offsets * CHANNELS)
    partial : int
        Address of sums to begin with, laid out as the output; 0 for none.
    epilogue : (tiles, CHANNELS * 3)
    output : int
        Address of the first output channel's voxel (0, 0, 0).
    strides : (5,)
        Bytes between input planes, partial planes and channels, output planes and channels.
    lowest : float
        See :func:`compute_tile`.
    """
    in_plane, partial_plane, partial_channel, out_plane, out_channel = strides
    words_a_tile = CHANNELS // 2 if kind == BFLOAT16 else CHANNELS
    bases = np.empty(inputs.size, dtype=np.int64)
    strip = max(1, _STRIP_WORDS // (max(1, inputs.size) * STEP)) * STEP
    for begin in range(0, num_positions, strip):
        end = min(begin + strip, num_positions)
        for plane in range(planes[0], planes[1]):
            for i in range(inputs.size):
                bases[i] = inputs[i] + plane * in_plane
            for t in range(weights.shape[0]):
                target = output + plane * out_plane + t * words_a_tile * out_channel
                start = np.int64(0)
                if partial != 0:
                    start = partial + plane * partial_plane + t * CHANNELS * partial_channel
                for position in range(begin, end, STEP):
                    compute_tile(
                        kind,
                        bases.ctypes.data,
                        bases.size,
                        offsets.ctypes.data,
                        offsets.size,
                        weights[t].ctypes.data,
                        position,
                        start,
                        partial_channel,
                        epilogue[t].ctypes.data,
                        target,
                        out_channel,
                        np.float32(lowest),
                    )


@compiled
def _interleave(
    phases: Words, target: Words, sizes: Whole, factor: int, source: Whole, place: Whole
) -> None:
    """Weave the phases of upsampled rows into fine rows of one plane.

    Parameters
    ----------
    phases : (factor_y * factor_x, channels, positions)
        Coarse planes, one for each offset of a fine voxel inside a coarse one.
    target : (channels, positions)
        The fine plane.
    sizes : (fine rows, fine columns, factor_y)
    factor : int
        factor_x.
    source : (row, column, pitch)
        Fine coordinates of the first voxel wanted, counted from coarse voxel 0, and coarse pitch.
    place : (position, pitch)
        Where the first voxel goes in the fine plane.
    """
    rows, columns, factor_y = sizes
    first_row, first_column, coarse_pitch = source
    begin, pitch = place
    for row in range(rows):
        fine = first_row + row
        coarse_row, phase_y = fine // factor_y, fine % factor_y
        for phase_x in range(factor):
            # First column of this phase that is wanted.
            skip = (phase_x - first_column) % factor
            start = coarse_row * coarse_pitch + (first_column + skip) // factor
            count = (columns - skip + factor - 1) // factor
            out = begin + row * pitch + skip
            for c in range(target.shape[0]):
                line = phases[phase_y * factor + phase_x, c, start : start + count]
                for x in range(count):
                    target[c, out + x * factor] = line[x]


@compiled
def upsample_convolve(
    kind: int,
    planes: Whole,
    factors: Whole,
    first: Whole,
    sizes: Whole,
    inputs: Whole,
    offsets: Whole,
    counts: Whole,
    weights: Words,
    epilogue: Line,
    strides: Whole,
    phases: Words,
    target: Words,
    place: Whole,
    lowest: float,
) -> None:
    """Upsample by repetition and convolve, for the fine planes of `planes` = (first, end).

    A fine voxel's kernel meets each coarse voxel with several of its elements, whose weights
    are summed beforehand, one set for each phase (place of the fine voxel in its coarse one):
    the upsampled tensor is never made, and fewer products are summed.

    Parameters
    ----------
    kind : int
        See :func:`compute_tile`.
    factors : (z, y, x)
    first : (z, y, x)
        First fine voxel wanted, counted from the coarse voxel of `inputs`; less than a factor.
    sizes : (fine rows, fine columns, coarse pitch, coarse rows)
    inputs : (num_inputs,)
        Addresses of the coarse voxel that holds the first fine one.
    offsets, counts : (phases, most offsets), (phases,)
    weights : (phases, tiles, most weights)
    epilogue : (tiles, CHANNELS * 3)
    strides : (bytes between coarse planes,)
    phases : (factor_y * factor_x, channels, positions)
        Room for the phases of one plane.
    target : (channels, planes, positions)
    place : (plane, position, pitch)
        Where the first fine voxel goes.
    """
    factor_z, factor_y, factor_x = factors
    rows, columns, coarse_pitch, coarse_rows = sizes
    a_plane = factor_y * factor_x
    channel_bytes = np.int64(4 * phases.shape[2])
    span = np.array([0, 1], dtype=np.int64)
    layout = np.array([0, 0, 0, 0, channel_bytes], dtype=np.int64)
    bases = np.empty(inputs.size, dtype=np.int64)
    where = np.array([first[1], first[2], coarse_pitch], dtype=np.int64)
    sheet = np.array([rows, columns, factor_y], dtype=np.int64)
    position = np.array([place[1], place[2]], dtype=np.int64)
    for plane in range(planes[0], planes[1]):
        fine = first[0] + plane
        for i in range(inputs.size):
            bases[i] = inputs[i] + fine // factor_z * strides[0]
        for phase in range(a_plane):
            number = fine % factor_z * a_plane + phase
            convolve(
                kind,
                span,
                coarse_rows * coarse_pitch,
                bases,
                offsets[number, : counts[number]],
                weights[number],
                np.int64(0),
                epilogue,
                np.int64(phases[phase].ctypes.data),
                layout,
                lowest,
            )
        _interleave(phases, target[:, place[0] + plane], sheet, factor_x, where, position)
