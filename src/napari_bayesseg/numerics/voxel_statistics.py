"""Intensity statistics of a scan of any size in one pass, for its normalisation.

Two ways, chosen by the type of the voxels:

- integers of up to 16 bits and booleans: a histogram of all values, so every number is exact;
- everything else: voxels fall into 65536 buckets by the upper half of their float32 pattern (sign,
  exponent and 7 bits of the significand, put in order of value), and each bucket keeps count,
  exact minimum and maximum, sum and sum of squares. Minimum, maximum and the moments of whole
  buckets are exact up to rounding. Percentiles take the values of a bucket as evenly spaced
  between its extremes: the error is below 1/128 of the value, and of the bucket's own range. A
  bucket cut by the clip is treated in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.compilation import compiled

__all__ = ["IntensityStatistics", "VoxelStatistics"]

_NUM_BUCKETS = 65_536
_HALF = 32_768
_SIGN_SHIFT = np.int32(31)
_BUCKET_SHIFT = np.int32(16)
_ALL_BUT_SIGN = np.int32(0x7FFFFFFF)
_EXPONENT_BITS = np.int32(0x7F800000)
# Bounds the copy made where the type of the voxels has no compiled loop of its own.
_PIECE_VOXELS = 1 << 20
# Evenly spaced values that stand for a bucket cut by the clip.
_POINTS_IN_CUT_BUCKET = 1024

# Columns of the table of buckets.
_SUM, _SQUARES, _SMALLEST, _LARGEST = range(4)

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class IntensityStatistics:
    """Summary of a scan's intensities, in the scan's own values.

    Attributes
    ----------
    count : int
        Finite voxels.
    num_invalid : int
        NaN and infinite voxels, left out of everything else.
    minimum, maximum : float
        Of the finite voxels.
    low, high : float
        The percentiles to clip at.
    mean, std : float
        Of the values clipped to ``[low, high]``; population standard deviation (divisor n).
    """

    count: int
    num_invalid: int
    minimum: float
    maximum: float
    low: float
    high: float
    mean: float
    std: float

    @property
    def is_constant(self) -> bool:
        """Whether nothing varies between the clips, so that `std` can't be divided by."""
        return self.std == 0.0


class VoxelStatistics:
    """Accumulator of :class:`IntensityStatistics`, fed piece by piece.

    Memory stays below 5 MB whatever the scan's size. Integers give the same result in any order of
    pieces; other types give it for pieces in a fixed order, wherever they are cut.
    """

    def __init__(self) -> None:
        self._dtype: np.dtype[Any] | None = None
        self._num_invalid = 0
        self._counts = np.zeros(_NUM_BUCKETS, dtype=np.int64)
        self._buckets = np.zeros((0, 4))

    def update(self, slab: NDArray[Any]) -> None:
        """Take in the voxels of one piece, an array of any shape and real type.

        A float64 beyond the range of float32 counts as infinite.

        Raises
        ------
        SettingsError
            If the type is not a real number, or differs from that of earlier pieces.
        """
        kind = slab.dtype.newbyteorder("=")
        if kind.kind not in "biuf":
            raise SettingsError(f"voxels must be real numbers; got {slab.dtype}")
        if self._dtype is None:
            self._dtype = kind
            if not _is_counted(kind):
                self._buckets = np.zeros((_NUM_BUCKETS, 4))
                self._buckets[:, _SMALLEST] = np.inf
                self._buckets[:, _LARGEST] = -np.inf
        elif kind != self._dtype:
            raise SettingsError(
                f"all pieces of a scan must have one type; got {kind} after {self._dtype}"
            )
        line = slab.reshape(-1)
        for start in range(0, line.size, _PIECE_VOXELS):
            self._take(line[start : start + _PIECE_VOXELS], kind)

    def finish(
        self, low_percentile: float = 0.5, high_percentile: float = 99.5
    ) -> IntensityStatistics:
        """Return the statistics of all voxels so far; may be called at any time, more than once.

        Parameters
        ----------
        low_percentile, high_percentile : float
            Where to clip, in percent, ``0 <= low <= high <= 100``; linear interpolation.

        Raises
        ------
        SettingsError
            If no finite voxel was seen, or the percentiles are out of order.
        """
        if not 0 <= low_percentile <= high_percentile <= 100:
            raise SettingsError(
                "clip percentiles must satisfy 0 <= low <= high <= 100; "
                f"got {low_percentile} and {high_percentile}"
            )
        if not self._counts.any() or self._dtype is None:
            raise SettingsError(
                f"the scan holds no finite voxel ({self._num_invalid} are NaN or infinite)"
            )
        table = self._table()
        low, high = table.percentile(low_percentile), table.percentile(high_percentile)
        mean, std = table.clipped_moments(low, high)
        return IntensityStatistics(
            count=int(table.counts.sum()),
            num_invalid=self._num_invalid,
            minimum=float(table.smallest[0]),
            maximum=float(table.largest[-1]),
            low=low,
            high=high,
            mean=mean,
            std=std,
        )

    def _take(self, line: NDArray[Any], kind: np.dtype[Any]) -> None:
        if kind.kind == "b":
            line = line.view(np.uint8)
        if _is_counted(kind):
            # Signed values are counted by their bit pattern; finish() puts them in order.
            native = np.ascontiguousarray(line, dtype=line.dtype.newbyteorder("="))
            _count_patterns(native.view(f"u{kind.itemsize}"), self._counts)
            return
        single = kind.kind == "f" and kind.itemsize <= 4
        values = np.ascontiguousarray(line, dtype=np.float32 if single else np.float64)
        self._num_invalid += _fill_buckets(values, _EDGES, self._counts, self._buckets)

    def _table(self) -> _Table:
        used = np.flatnonzero(self._counts)
        counts = self._counts[used]
        if self._buckets.size:
            return _Table(counts, _EDGES[used], *self._buckets[used].T)
        values = used.astype(np.float64)
        if self._dtype is not None and self._dtype.kind == "i":
            bits = 8 * self._dtype.itemsize
            values[used >= 1 << (bits - 1)] -= 1 << bits
        order = np.argsort(values)
        values, nothing = values[order], np.zeros(used.size)
        return _Table(counts[order], values, nothing, nothing, values, values)


@dataclass(frozen=True)
class _Table:
    """The buckets that hold voxels, in order of value; sums are of differences to `references`.

    Differences, because the squares of large values would drown a small deviation.
    """

    counts: NDArray[np.int64]
    references: Doubles
    sums: Doubles
    squares: Doubles
    smallest: Doubles
    largest: Doubles

    def percentile(self, percent: float) -> float:
        """Interpolate linearly between the two order statistics around `percent`."""
        last = int(self.counts.sum()) - 1
        position = last * (percent / 100.0)
        below = min(int(position), last)
        first, second = self._value(below), self._value(min(below + 1, last))
        return float(first + (second - first) * (position - below))

    def _value(self, rank: int) -> float:
        """Return the voxel of this rank, counted from 0, evenly spaced inside its bucket."""
        ends = np.cumsum(self.counts)
        i = int(np.searchsorted(ends, rank, side="right"))
        count = int(self.counts[i])
        share = (rank - int(ends[i]) + count) / max(count - 1, 1)
        return float(self.smallest[i] + (self.largest[i] - self.smallest[i]) * share)

    def clipped_moments(self, low: float, high: float) -> tuple[float, float]:
        """Mean and population standard deviation of the values clipped to ``[low, high]``."""
        if low == high:
            return low, 0.0
        weights = self.counts / self.counts.sum()
        inside = (self.smallest >= low) & (self.largest <= high)
        cut = ~inside & (self.largest > low) & (self.smallest < high)
        offsets = self.sums / self.counts
        means = np.where(inside, self.references + offsets, np.clip(self.smallest, low, high))
        spreads = np.where(inside, self.squares / self.counts - offsets**2, 0.0)
        for i in np.flatnonzero(cut):
            points = np.linspace(self.smallest[i], self.largest[i], _POINTS_IN_CUT_BUCKET)
            points = np.clip(points, low, high)
            means[i], spreads[i] = points.mean(), points.var()
        mean = float(weights @ means)
        variance = float(weights @ (spreads + (means - mean) ** 2))
        return mean, float(np.sqrt(max(variance, 0.0)))


def _is_counted(kind: np.dtype[Any]) -> bool:
    return kind.kind in "biu" and kind.itemsize <= 2


def _lower_edges() -> Doubles:
    """Value of least magnitude in every bucket, in order of value; 0 where that is not finite."""
    order = np.arange(_NUM_BUCKETS, dtype=np.int64) - _HALF
    pattern = np.where(order < 0, (order ^ 0x7FFF) & 0xFFFF, order).astype(np.uint32) << 16
    edges = pattern.view(np.float32)
    return np.where(np.isfinite(edges), edges, 0.0).astype(np.float64)


_EDGES = _lower_edges()


@compiled
def _count_patterns(values: Any, counts: NDArray[np.int64]) -> None:
    """Add a histogram of unsigned integers to `counts`."""
    # Four tables, because a run of equal values would wait for its own previous increment.
    tables = np.zeros((4, counts.size), dtype=np.uint32)
    whole = values.size - values.size % 4
    for i in range(0, whole, 4):
        tables[0, values[i]] += np.uint32(1)
        tables[1, values[i + 1]] += np.uint32(1)
        tables[2, values[i + 2]] += np.uint32(1)
        tables[3, values[i + 3]] += np.uint32(1)
    for i in range(whole, values.size):
        tables[0, values[i]] += np.uint32(1)
    for k in range(4):
        for j in range(counts.size):
            counts[j] += tables[k, j]


@compiled
def _fill_buckets(values: Any, edges: Doubles, counts: NDArray[np.int64], buckets: Doubles) -> int:
    """Add the finite values to their buckets; returns how many are NaN or infinite."""
    num_invalid = 0
    for i in range(values.size):
        bits = np.float32(values[i]).view(np.int32)
        if (bits & _EXPONENT_BITS) == _EXPONENT_BITS:
            num_invalid += 1
            continue
        key = np.int32(bits ^ ((bits >> _SIGN_SHIFT) & _ALL_BUT_SIGN))
        b = np.int64(key >> _BUCKET_SHIFT) + _HALF
        value = np.float64(values[i])
        difference = value - edges[b]
        counts[b] += 1
        buckets[b, _SUM] += difference
        buckets[b, _SQUARES] += difference * difference
        buckets[b, _SMALLEST] = min(buckets[b, _SMALLEST], value)
        buckets[b, _LARGEST] = max(buckets[b, _LARGEST], value)
    return num_invalid
