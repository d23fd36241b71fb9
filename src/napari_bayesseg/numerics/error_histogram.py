"""Wrong and right voxels by uncertainty for volumes of any size: a histogram that is fine anywhere.

Values fall together that agree in sign, exponent and the first 12 bits of the significand of their
float32 pattern: at 0.001 as at 1 they are told apart if they differ by 1 part in 4,096. Whatever
counts voxels on either side of a value is therefore exact for a value off by no more than that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.compilation import compiled
from napari_bayesseg.numerics.ranked_errors import RankedErrors

__all__ = ["ErrorHistogram"]

_DROPPED_BITS = 11
_NUM_BINS = 1 << (32 - _DROPPED_BITS)
_MIDDLE = _NUM_BINS // 2
_ALL_BUT_SIGN = np.int32(0x7FFFFFFF)
_INFINITY = np.int32(0x7F800000)
_NEGATIVE_ZERO = np.int32(-0x80000000)
_SHIFT = np.int32(_DROPPED_BITS)


class ErrorHistogram:
    """Wrong and right voxels by uncertainty, counted piece by piece.

    It has room for all of float32 (32 MiB), of which the system gives only the part that is used:
    for a measure between 0 and 1 about 1 MiB.
    """

    def __init__(self) -> None:
        self._right = np.zeros(_NUM_BINS, np.int64)
        self._wrong = np.zeros(_NUM_BINS, np.int64)
        self._sum = 0.0

    def update(self, uncertainty: NDArray[np.floating[Any]], wrong: NDArray[np.bool_]) -> None:
        """Count the voxels of a piece.

        Parameters
        ----------
        uncertainty : (...) float
            Taken as float32; voxels that are NaN are left out.
        wrong : (...) bool
            Whether the predicted label differs from the truth.

        Raises
        ------
        SettingsError
            If the shapes differ.
        """
        if uncertainty.shape != wrong.shape:
            raise SettingsError(
                f"uncertainty and wrong must have one shape; got {uncertainty.shape} and "
                f"{wrong.shape}"
            )
        values = np.ascontiguousarray(uncertainty, np.float32).reshape(-1)
        flags = np.ascontiguousarray(wrong).reshape(-1)
        self._sum += _count(values, values.view(np.int32), flags, self._right, self._wrong)

    def merge(self, other: ErrorHistogram) -> None:
        """Add what another one has counted."""
        for mine, theirs in ((self._right, other._right), (self._wrong, other._wrong)):
            used = np.flatnonzero(theirs)  # touching the rest would make the system give it
            mine[used] += theirs[used]
        self._sum += other._sum

    @property
    def mean(self) -> float:
        """Mean uncertainty of the voxels so far; NaN without any."""
        voxels = int(self._right.sum() + self._wrong.sum())
        return self._sum / voxels if voxels else float("nan")

    def compute(self) -> RankedErrors:
        """Return the counts so far; each value is the one nearest to 0 of those that fell there."""
        used = np.flatnonzero((self._right > 0) | (self._wrong > 0))
        ordered = ((used - _MIDDLE) << _DROPPED_BITS).astype(np.int32)
        # Negative patterns are stored mirrored, so that their order is that of the values.
        bits = np.where(ordered < 0, (ordered | np.int32((1 << _DROPPED_BITS) - 1)), ordered)
        bits = np.where(ordered < 0, bits ^ _ALL_BUT_SIGN, bits).astype(np.int32)
        values = bits.view(np.float32).astype(np.float64)
        return RankedErrors(values, self._right[used], self._wrong[used])


@compiled
def _count(values: Any, patterns: Any, wrong: Any, right_counts: Any, wrong_counts: Any) -> float:
    """Count each voxel in its bin; return the sum of the values."""
    total = 0.0
    for n in range(values.size):
        pattern = patterns[n]
        if pattern & _ALL_BUT_SIGN > _INFINITY:
            continue
        total += values[n]
        if pattern == _NEGATIVE_ZERO:
            pattern = np.int32(0)
        ordered = pattern if pattern >= 0 else pattern ^ _ALL_BUT_SIGN
        place = (ordered >> _SHIFT) + _MIDDLE
        if wrong[n]:
            wrong_counts[place] += 1
        else:
            right_counts[place] += 1
    return total
