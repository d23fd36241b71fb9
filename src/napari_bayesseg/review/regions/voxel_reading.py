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

__all__ = ["VoxelReading", "shown_measures"]

_SHORT = {"mutual_information": "MI"}
_SPREAD = "standard_deviation"
_LEAST = 0.005
_CLASSES = 3


def shown_measures(stored: Sequence[str]) -> tuple[str, ...]:
    """Return the measures that a reading tells of: mutual information and standard deviation.

    Where there is no mutual information, the first one that is stored.
    """
    main = next((n for n in (*_SHORT, *stored) if n in stored and n != _SPREAD), None)
    return tuple(name for name in (main, _SPREAD) if name is not None and name in stored)


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
        for name in shown_measures(tuple(self.measures)):
            value = self.measures[name]
            if not math.isfinite(value):
                continue
            if name == _SPREAD:
                parts.append(f"\u00b1{value:.2f}")
            else:
                title = _SHORT.get(name, get_measure(name).title.lower())
                parts.append(f"{title} {value:.2f} {get_measure(name).unit}")
        return " \u00b7 ".join(parts)
