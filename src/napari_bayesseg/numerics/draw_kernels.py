"""Compiled loops behind :mod:`~napari_bayesseg.numerics.sample_statistics`.

A chunk of voxels at a time; draws and classes outside, voxels innermost and contiguous, so that
the inner loops vectorise without reordering any sum. ``flat`` is the draw buffer as one line, from
the chunk's first voxel on; ``layout`` = (number of draws, their stride, number of classes, their
stride), strides in items.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.compilation import compiled

__all__ = ["summarise_range"]

Line = NDArray[np.float32]
Doubles = NDArray[np.float64]
Whole = NDArray[np.int64]
Classes = NDArray[np.uint16]

_SINGLE_SHIFT = np.int32(23)
_SINGLE_MASK = np.int32(0x007FFFFF)
_SINGLE_ONE = np.int32(0x3F800000)
_DOUBLE_SHIFT = np.int64(52)
_DOUBLE_MASK = np.int64(0x000FFFFFFFFFFFFF)
_DOUBLE_ONE = np.int64(0x3FF0000000000000)
_SQRT_2, _LN_2 = math.sqrt(2.0), math.log(2.0)
_ROUNDING_NATS = 1e-6
# Values of T draws sorted at a time: what stays in the first-level cache.
_SORTED_VALUES = 8192

# Order of the entries of `rows`: that of uncertainty.MEASURES.
_PREDICTIVE, _EXPECTED, _MUTUAL, _DEVIATION, _SPREAD, _VARIATION, _ERROR = range(7)


@compiled
def _entropy_term(p: float, exponent: float, significand: float) -> float:
    """Return -p ln p for p = significand * 2**exponent with a significand in [1, 2).

    ln p = e ln 2 + 2 artanh((m - 1) / (m + 1)) with m in [sqrt(1/2), sqrt(2)]; the series is cut
    where its rest is below 1e-14. Written out because a call to the library's logarithm does not
    vectorise and would take most of the time of the whole pass.
    """
    if significand > _SQRT_2:
        significand *= 0.5
        exponent += 1.0
    s = (significand - 1.0) / (significand + 1.0)
    z = s * s
    series = 1.0 / 13.0 + z * (1.0 / 15.0 + z * (1.0 / 17.0))
    series = 1.0 / 7.0 + z * (1.0 / 9.0 + z * (1.0 / 11.0 + z * series))
    series = 1.0 + z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * series))
    return -p * (exponent * _LN_2 + 2.0 * s * series)


@compiled
def _entropy_of_single(p: Any) -> float:
    """Return -p ln p of a float32; 0 for 0, NaN for NaN."""
    bits = np.float32(p).view(np.int32)
    exponent = np.float64(np.int32(bits >> _SINGLE_SHIFT)) - 127.0
    significand = np.int32(np.int32(bits & _SINGLE_MASK) | _SINGLE_ONE).view(np.float32)
    return _entropy_term(np.float64(p), exponent, np.float64(significand))


@compiled
def _entropy_of_double(p: Any) -> float:
    """Return -p ln p of a float64; equal to that of the same value in single precision."""
    bits = np.float64(p).view(np.int64)
    exponent = np.float64(bits >> _DOUBLE_SHIFT) - 1023.0
    significand = np.int64((bits & _DOUBLE_MASK) | _DOUBLE_ONE).view(np.float64)
    return _entropy_term(p, exponent, significand)


@compiled
def _accumulate(
    flat: Line, layout: Whole, total: Doubles, square: Doubles, entropy: Doubles
) -> None:
    """Sum over draws p - p_0 and its square per class, and the entropy of the draws if wanted.

    Differences to the first draw keep the variance exact where all draws agree.
    """
    num_draws, draw_stride, num_classes, class_stride = layout
    length = total.shape[1]
    total[:], square[:] = 0.0, 0.0
    for c in range(num_classes):
        begin = c * class_stride
        origin = flat[begin : begin + length]
        sums, squares = total[c], square[c]
        for t in range(num_draws):
            begin = t * draw_stride + c * class_stride
            row = flat[begin : begin + length]
            for v in range(length):
                difference = np.float64(row[v]) - np.float64(origin[v])
                sums[v] += difference
                squares[v] += difference * difference
            for v in range(entropy.size):
                entropy[v] += _entropy_of_single(row[v])


@compiled
def _label(
    flat: Line, layout: Whole, start: int, total: Doubles, mean: Line, top: Doubles, label: Classes
) -> None:
    """Turn sums into means in place, store them as float32 and take their first largest class.

    A voxel with a NaN in any class loses all of them, so that no number is read off it.
    """
    num_draws, _, num_classes, class_stride = layout
    length = total.shape[1]
    top[:] = 0.0
    for c in range(num_classes):
        begin = c * class_stride
        origin, sums = flat[begin : begin + length], total[c]
        for v in range(length):
            sums[v] = sums[v] / num_draws + np.float64(origin[v])
            top[v] += sums[v] * 0.0
    for c in range(num_classes):
        sums, means = total[c], mean[c, start : start + length]
        for v in range(length):
            sums[v] += top[v]
            means[v] = np.float32(sums[v])
    label[:] = 0
    top[:] = total[0]
    for c in range(1, num_classes):
        sums = total[c]
        for v in range(length):
            if np.float32(sums[v]) > np.float32(top[v]):
                top[v] = sums[v]
                label[v] = c


@compiled
def _store_entropies(
    layout: Whole, start: int, rows: Whole, total: Doubles, entropy: Doubles, maps: Line
) -> None:
    """Write predictive and expected entropy and their difference, as far as asked for."""
    num_draws, _, num_classes, _ = layout
    length = total.shape[1]
    predictive = np.zeros(length)
    for c in range(num_classes):
        means = total[c]
        for v in range(length):
            predictive[v] += _entropy_of_double(means[v])
    if rows[_PREDICTIVE] >= 0:
        maps[rows[_PREDICTIVE], start : start + length] = predictive.astype(np.float32)
    if rows[_EXPECTED] >= 0:
        maps[rows[_EXPECTED], start : start + length] = (entropy / num_draws).astype(np.float32)
    if rows[_MUTUAL] >= 0:
        out = maps[rows[_MUTUAL], start : start + length]
        for v in range(length):
            information = predictive[v] - entropy[v] / num_draws
            if num_draws == 1 or -_ROUNDING_NATS < information < 0.0:
                information = 0.0
            out[v] = np.float32(information)


@compiled
def _store_deviation(
    flat: Line, layout: Whole, square: Doubles, mean: Doubles, label: Classes, out: Line
) -> None:
    """Write the population standard deviation of the labelled class."""
    num_draws, _, _, class_stride = layout
    for v in range(label.size):
        c = np.int64(label[v])
        offset = mean[c, v] - np.float64(flat[c * class_stride + v])
        variance = square[c, v] / num_draws - offset * offset
        out[v] = np.float32(math.sqrt(0.0 if variance < 0.0 else variance))


@compiled
def _store_variation(flat: Line, layout: Whole, label: Classes, out: Line) -> None:
    """Write the share of draws that another class leads; ties go to the lowest."""
    num_draws, draw_stride, num_classes, class_stride = layout
    length = label.size
    best = np.empty(length, dtype=np.float32)
    leader = np.empty(length, dtype=np.int32)
    count = np.zeros(length, dtype=np.int32)
    for t in range(num_draws):
        begin = t * draw_stride
        best[:] = flat[begin : begin + length]
        leader[:] = 0
        for c in range(1, num_classes):
            begin = t * draw_stride + c * class_stride
            row = flat[begin : begin + length]
            for v in range(length):
                leader[v] = c if row[v] > best[v] else leader[v]
                best[v] = row[v] if row[v] > best[v] else best[v]
        for v in range(length):
            count[v] += leader[v] != np.int32(label[v])
    for v in range(length):
        out[v] = np.float32(count[v] / num_draws)


@compiled
def _sort_columns(values: Line, length: int) -> None:
    """Sort the first `length` columns of `values (T, ...)` with one network for all of them.

    Batcher's merge exchange (Knuth, "The art of computer programming" 3, algorithm 5.2.2M) sorts
    any T by compare-exchanges of whole rows, which vectorise over voxels.
    """
    num_rows = values.shape[0]
    highest = 1
    while 2 * highest < num_rows:
        highest *= 2
    p = highest
    while p > 0:
        q, r, d = highest, 0, p
        while True:
            for i in range(num_rows - d):
                if i & p == r:
                    lower, upper = values[i], values[i + d]
                    for v in range(length):
                        a, b = lower[v], upper[v]
                        lower[v] = a if a < b else b
                        upper[v] = b if a < b else a
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2


@compiled
def _interpolate(values: Line, percentile: float, v: int) -> float:
    """Percentile of the sorted column `v`, linear between order statistics as NumPy does it."""
    last = values.shape[0] - 1
    below = math.floor(last * percentile / 100.0)
    above, weight = min(below + 1, last), last * percentile / 100.0 - below
    low, high = np.float64(values[below, v]), np.float64(values[above, v])
    return float(low + (high - low) * weight)


@compiled
def _store_spread(
    flat: Line, layout: Whole, label: Classes, percentiles: Doubles, values: Line, out: Line
) -> None:
    """Write the distance between two percentiles of the labelled class."""
    num_draws, draw_stride, _, class_stride = layout
    width = values.shape[1]
    for begin in range(0, label.size, width):
        length = min(width, label.size - begin)
        for t in range(num_draws):
            origin = t * draw_stride + begin
            for v in range(length):
                values[t, v] = flat[origin + np.int64(label[begin + v]) * class_stride + v]
        _sort_columns(values, length)
        for v in range(length):
            low = _interpolate(values, percentiles[0], v)
            high = _interpolate(values, percentiles[1], v)
            out[begin + v] = np.float32(high - low)


@compiled
def summarise_range(
    flat: Line,
    layout: Whole,
    extent: Whole,
    rows: Whole,
    percentiles: Doubles,
    mean: Line,
    labels: Classes,
    maps: Line,
) -> None:
    """Fill `mean`, `labels` and `maps` for the voxels of `extent` = (start, stop, chunk size).

    `rows` holds, per measure in the order of ``MEASURES``, its row in `maps` or -1.
    """
    start, stop, chunk = extent
    num_draws, _, num_classes, _ = layout
    width = min(chunk, max(16, _SORTED_VALUES // num_draws))
    sorted_draws = np.empty((num_draws, width if rows[_SPREAD] >= 0 else 0), dtype=np.float32)
    for begin in range(start, stop, chunk):
        end = min(begin + chunk, stop)
        length, draws = end - begin, flat[begin:]
        wants_draws = rows[_EXPECTED] >= 0 or rows[_MUTUAL] >= 0
        entropy = np.zeros(length if wants_draws else 0)
        total, square = np.empty((num_classes, length)), np.empty((num_classes, length))
        top, label = np.empty(length), labels[begin:end]
        _accumulate(draws, layout, total, square, entropy)
        _label(draws, layout, begin, total, mean, top, label)
        if wants_draws or rows[_PREDICTIVE] >= 0:
            _store_entropies(layout, begin, rows, total, entropy, maps)
        if rows[_DEVIATION] >= 0:
            out = maps[rows[_DEVIATION], begin:end]
            _store_deviation(draws, layout, square, total, label, out)
        if rows[_SPREAD] >= 0:
            out = maps[rows[_SPREAD], begin:end]
            _store_spread(draws, layout, label, percentiles, sorted_draws, out)
        if rows[_VARIATION] >= 0:
            out = maps[rows[_VARIATION], begin:end]
            _store_variation(draws, layout, label, out)
        if rows[_ERROR] >= 0:
            maps[rows[_ERROR], begin:end] = (1.0 - top).astype(np.float32)
        for row in range(maps.shape[0]):
            out = maps[row, begin:end]
            for v in range(length):
                out[v] += np.float32(top[v] * 0.0)  # NaN where any probability is
