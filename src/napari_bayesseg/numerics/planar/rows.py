"""Compiled loops over flat planes: copies, pooling, softmax.

A channel is a stack of planes and a plane one line of numbers: its rows lie one after the other
with a common pitch. In such a plane a kernel element is a constant distance, so that a convolution
runs along the whole plane without an edge; the few numbers at the end of each row that mix two
rows are never read as a voxel. Behind each plane lies room for the last tile's overhang.

All tensors are arrays of 32-bit words: single-precision numbers, or two bfloat16 channels in one
word. ``words[channel, plane, position]``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from napari_bayesseg.numerics.compilation import compiled

__all__ = [
    "clear",
    "exponential",
    "pool_maximum",
    "softmax_rows",
    "transform_rows",
]

Words = NDArray[np.uint32]
Line = NDArray[np.float32]
Whole = NDArray[np.int64]


@compiled
def clear(words: Words, outer: Whole, inner: Whole, pitch: int) -> None:
    """Set the voxels of the box `outer` that are not in `inner` to zero, in all channels.

    Boxes are (z0, y0, x0, z1, y1, x1) in planes, rows and columns.
    """
    for c in range(words.shape[0]):
        for z in range(outer[0], outer[3]):
            for y in range(outer[1], outer[4]):
                row = words[c, z, y * pitch : y * pitch + outer[5]]
                if inner[0] <= z < inner[3] and inner[1] <= y < inner[4]:
                    row[outer[2] : inner[2]] = 0
                    row[inner[5] : outer[5]] = 0
                else:
                    row[outer[2] : outer[5]] = 0


@register_jitable
def _half(value: Any) -> Any:
    """Return the bfloat16 nearest to a single, ties to even, as an integer of 16 bits."""
    bits = np.uint32(np.float32(value).view(np.uint32))
    odd = np.uint32((bits >> np.uint32(16)) & np.uint32(1))
    return np.uint32(np.uint32(bits + np.uint32(0x7FFF) + odd) >> np.uint32(16))


@compiled
def transform_rows(
    source: Line,
    target: Words,
    sizes: Whole,
    begins: Whole,
    pitches: Whole,
    affine: Line,
    paired: bool,
) -> None:
    """Copy a box, scaled and shifted by channel; as pairs of bfloat16 channels where asked for.

    Parameters
    ----------
    source : (channels, planes, positions)
    target : (channels or more, or half of them, planes, positions)
    sizes : (planes, rows, columns)
    begins : (plane, position, plane, position)
        First voxel in the source and in the target.
    pitches : (of the source, of the target)
    affine : (channels, 2)
        Scale and shift.
    """
    planes, rows, columns = sizes
    singles = target.view(np.float32)
    for c in range(source.shape[0]):
        scale, shift = affine[c]
        for z in range(planes):
            for y in range(rows):
                start, out = begins[1] + y * pitches[0], begins[3] + y * pitches[1]
                values = source[c, begins[0] + z, start : start + columns]
                if paired:
                    row = target[c // 2, begins[2] + z, out : out + columns]
                    if c % 2 == 0:
                        for x in range(columns):
                            row[x] = _half(values[x] * scale + shift)
                    else:
                        for x in range(columns):
                            row[x] |= np.uint32(_half(values[x] * scale + shift) << np.uint32(16))
                else:
                    line = singles[c, begins[2] + z, out : out + columns]
                    for x in range(columns):
                        line[x] = values[x] * scale + shift


@compiled
def pool_maximum(
    source: Line, target: Line, sizes: Whole, factors: Whole, begins: Whole, pitches: Whole
) -> None:
    """Take the maximum over boxes of `factors` voxels.

    Parameters
    ----------
    source, target : (channels, planes, positions)
    sizes : (planes, rows, columns)
        Of the target.
    begins : (plane, position, plane, position)
        First voxel in the source and in the target.
    pitches : (of the source, of the target)
    """
    planes, rows, columns = sizes
    factor_z, factor_y, factor_x = factors
    for c in range(target.shape[0]):
        for z in range(planes):
            for y in range(rows):
                out = begins[3] + y * pitches[1]
                line = target[c, begins[2] + z, out : out + columns]
                line[:] = -np.inf
                for i in range(factor_z * factor_y):
                    plane = begins[0] + z * factor_z + i // factor_y
                    start = begins[1] + (y * factor_y + i % factor_y) * pitches[0]
                    for j in range(factor_x):
                        row = source[c, plane, start + j : start + columns * factor_x]
                        for x in range(columns):
                            value = row[x * factor_x]
                            line[x] = value if value > line[x] else line[x]


@register_jitable
def exponential(x: Any) -> Any:
    """Return e**x for x <= 0 in single precision, within two units of the last place.

    x = n ln 2 + r with |r| <= ln(2) / 2, ln 2 in two parts (Cody and Waite, "Software manual for
    the elementary functions", 1980); e**r by its series to the seventh power; 2**n by its bits.
    Written out because a call to the library's function does not vectorise.
    """
    x = max(x, np.float32(-87.0))
    n = np.floor(x * np.float32(1.4426950408889634) + np.float32(0.5))
    r = x - n * np.float32(0.693359375)
    r = r - n * np.float32(-2.12194440e-4)
    p = np.float32(1.0 / 5040.0)
    p = p * r + np.float32(1.0 / 720.0)
    p = p * r + np.float32(1.0 / 120.0)
    p = p * r + np.float32(1.0 / 24.0)
    p = p * r + np.float32(1.0 / 6.0)
    p = p * r + np.float32(0.5)
    p = p * r + np.float32(1.0)
    p = p * r + np.float32(1.0)
    power = np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)
    return p * power


@compiled
def softmax_rows(logits: Line, begin: Whole, pitch: int, out: Line) -> None:
    """Turn logits into probabilities; a single logit gives two classes.

    Parameters
    ----------
    logits : (channels >= C, planes, positions)
        Overwritten.
    begin : (plane, position)
        Of the first voxel.
    pitch : int
    out : (C, z, y, x)
        C is 2 for a single logit, whose first class has the logit 0.
    """
    classes, planes, rows, columns = out.shape
    single = logits.shape[0] == 1
    largest, total = np.empty(columns, np.float32), np.empty(columns, np.float32)
    for z in range(planes):
        for y in range(rows):
            start = begin[1] + y * pitch
            for c in range(classes):
                row = out[c, z, y]
                if single and c == 0:
                    row[:] = 0.0
                else:
                    source = 0 if single else c
                    row[:] = logits[source, begin[0] + z, start : start + columns]
            largest[:] = out[0, z, y]
            for c in range(1, classes):
                row = out[c, z, y]
                for x in range(columns):
                    largest[x] = row[x] if row[x] > largest[x] else largest[x]
            total[:] = 0.0
            for c in range(classes):
                row = out[c, z, y]
                for x in range(columns):
                    row[x] = exponential(row[x] - largest[x])
                    total[x] += row[x]
            for c in range(classes):
                row = out[c, z, y]
                for x in range(columns):
                    row[x] = row[x] / total[x]
