"""What a result says about one voxel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.numerics.uncertainty import get_measure

__all__ = ["VoxelReading"]

_SHORT = {"mutual_information": "MI"}
_LEAST = 0.005
_CLASSES = 3


@dataclass(frozen=True, eq=False)
class VoxelReading:
    """Probabilities and measures of one voxel.

    Attributes
    ----------
    position : (z, y, x)
    probabilities : (C,) float32
        Mean over the draws; NaN where not processed.
    measures : mapping of str to float
        Stored measures by name.
    """

    position: Index3
    probabilities: NDArray[np.floating[Any]]
    measures: Mapping[str, float]

    @property
    def is_processed(self) -> bool:
        """Whether the result has numbers here."""
        return bool(np.isfinite(self.probabilities).all())

    def text(self, class_names: Sequence[str]) -> str:
        """Return one line: ``"pore 0.62 \u00b7 binder 0.31 \u00b7 MI 0.12 nat \u00b7 \u00b10.08"``.

        The three likeliest classes but those below half a percent; mutual information, or the first
        measure where that isn't there; and the standard deviation of the predicted class'
        probability over the draws.
        """
        if not self.is_processed:
            return "not processed"
        order = np.argsort(-self.probabilities, kind="stable")[:_CLASSES].tolist()
        shares = [(class_names[index], float(self.probabilities[index])) for index in order]
        parts = [f"{name} {share:.2f}" for name, share in shares if share >= _LEAST]
        shown = next(iter(sorted(self.measures, key=lambda name: name not in _SHORT)), None)
        if shown is not None and math.isfinite(self.measures[shown]):
            measure = get_measure(shown)
            title = _SHORT.get(shown, measure.title.lower())
            parts.append(f"{title} {self.measures[shown]:.2f} {measure.unit}")
        spread = self.measures.get("standard_deviation", math.nan)
        if math.isfinite(spread):
            parts.append(f"\u00b1{spread:.2f}")
        return " \u00b7 ".join(parts)
