"""What a threshold is worth: how much one looks at above it, and how many of the errors are there.

Judged against the truth, unlike what :mod:`~napari_bayesseg.session.desk_line` expects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_bayesseg.core.unit_symbols import percent_text

__all__ = ["ThresholdWorth", "Worth"]

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Worth:
    """What looking at everything above a threshold costs and brings.

    Attributes
    ----------
    threshold : float
        In the measure's unit.
    reviewed : float
        Share of the judged voxels above it, from 0 to 1.
    found : float
        Share of the wrong voxels above it, from 0 to 1; NaN where none is wrong.
    """

    threshold: float
    reviewed: float
    found: float

    @property
    def brief(self) -> str:
        """Both shares in few words, for another result at the same threshold."""
        looked = f"look at {percent_text(self.reviewed)}"
        return looked if np.isnan(self.found) else f"{looked}, find {percent_text(self.found)}"

    def __str__(self) -> str:
        found = "no error: there is none"
        if not np.isnan(self.found):
            found = f"{percent_text(self.found)} of the errors"
        reviewed = percent_text(self.reviewed)
        return f"Above {self.threshold:.3g} you look at {reviewed} of the volume and find {found}."


class ThresholdWorth:
    """A curve of thresholds, each with what it is worth; in between it is taken as straight.

    Parameters
    ----------
    threshold : (n,) float
        Descending, in `unit`.
    reviewed, found : (n,) float
        Shares of the voxels, and of the wrong ones, above each; ascending, from 0 to 1. `found` is
        NaN where no voxel is wrong.
    unit : str
        Of the measure.
    """

    def __init__(
        self, threshold: ArrayLike, reviewed: ArrayLike, found: ArrayLike, unit: str
    ) -> None:
        # From the lowest threshold up, as the interpolation wants it.
        self.threshold: Doubles = np.asarray(threshold, np.float64)[::-1]
        self.reviewed: Doubles = np.asarray(reviewed, np.float64)[::-1]
        self.found: Doubles = np.asarray(found, np.float64)[::-1]
        self.unit = unit

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest threshold; 0 and 0 where there is none."""
        known = self.threshold
        return (float(known[0]), float(known[-1])) if known.size else (0.0, 0.0)

    def at(self, threshold: float) -> Worth:
        """Return what a threshold is worth: nothing above the highest, as the lowest below that."""
        if not self.threshold.size:
            return Worth(threshold, 0.0, float("nan"))
        reviewed, found = (
            float(np.interp(threshold, self.threshold, values))
            for values in (self.reviewed, self.found)
        )
        return Worth(threshold, reviewed, found)

    def threshold_of(self, reviewed: float) -> float:
        """Return the threshold above which this share of the voxels lies."""
        if not self.threshold.size:
            return 0.0
        return float(np.interp(reviewed, self.reviewed[::-1], self.threshold[::-1]))
