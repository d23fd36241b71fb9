"""The thresholds at which a component tree can be cut: a floor, then round numbers above it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.compilation import compiled

__all__ = ["ThresholdLevels"]

_MOST_STEPS = 1024
_ROUND = (1.0, 2.0, 5.0, 10.0)

Singles = NDArray[np.float32]
Levels = NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class ThresholdLevels:
    """Rising thresholds; level k holds the values above threshold k, up to the next one.

    Attributes
    ----------
    thresholds : (K + 1,) float32
        The floor, then multiples of a round number; no value is above the last one.
    """

    thresholds: Singles

    @classmethod
    def between(
        cls, floor: float, highest: float, including: Sequence[float] = ()
    ) -> ThresholdLevels:
        """Divide the range of a measure into at most 1024 steps of 1, 2 or 5 times a power of ten.

        Parameters
        ----------
        floor, highest : float
            In the measure's unit.
        including : sequence of float
            Thresholds that are to be there besides; those below the floor are left out.
        """
        low, high = float(np.float32(floor)), float(np.float32(highest))
        if not high > low:
            return cls(np.array([low], np.float32))
        power = 10.0 ** np.floor(np.log10((high - low) / _MOST_STEPS))
        step = next(power * n for n in _ROUND if (high - low) / (power * n) <= _MOST_STEPS)
        multiples = np.arange(np.floor(low / step) + 1, np.ceil(high / step) + 1)
        rounded = np.round(multiples * step, max(0, 1 - int(np.floor(np.log10(step)))))
        thresholds = np.concatenate([[low], rounded, including]).astype(np.float32)
        thresholds = np.unique(thresholds[thresholds >= np.float32(low)])
        if thresholds[-1] < np.float32(high):
            thresholds = np.append(thresholds, np.float32(high))
        return cls(thresholds)

    @property
    def floor(self) -> float:
        """The lowest threshold."""
        return float(self.thresholds[0])

    def level(self, threshold: float) -> int:
        """Return the level whose threshold is the nearest one at or below a number.

        The floor's level where the number is below the floor.
        """
        place = int(np.searchsorted(self.thresholds, np.float32(threshold), side="right")) - 1
        return max(place, 0)

    def holds(self, threshold: float) -> bool:
        """Whether a number is one of the thresholds, to the precision of float32."""
        return bool(self.thresholds[self.level(threshold)] == np.float32(threshold))

    def snap(self, threshold: float) -> float:
        """Return the nearest threshold at or below a number; the floor below the floor."""
        if self.holds(threshold):
            return threshold
        return float(self.thresholds[self.level(threshold)])

    def of(self, values: NDArray[np.floating[Any]]) -> Levels:
        """Return the level of every value; they must be above the floor."""
        levels = np.empty(values.shape, np.uint16)
        _find_levels(np.ascontiguousarray(values, np.float32), self.thresholds, levels)
        return levels


@compiled
def _find_levels(values: Singles, thresholds: Singles, levels: Levels) -> None:
    """Guess as if the thresholds were evenly spaced, then step to the right one."""
    last = thresholds.size - 1
    low = np.float64(thresholds[0])
    scale = last / (np.float64(thresholds[last]) - low) if last > 0 else 0.0
    for n in range(values.size):
        level = min(max(int((values[n] - low) * scale), 0), last)
        while level > 0 and values[n] <= thresholds[level]:
            level -= 1
        while level < last and values[n] > thresholds[level + 1]:
            level += 1
        levels[n] = level
