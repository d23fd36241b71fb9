"""The uncertainty measures: name, title, unit, bounds and formula of each, in display order."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.measure_formulas import (
    DEFAULT_PERCENTILES,
    FloatArray,
    expected_entropy,
    expected_error,
    mutual_information,
    percentile_spread,
    predictive_entropy,
    standard_deviation,
    variation_ratio,
)

__all__ = [
    "DEFAULT_PERCENTILES",
    "EXCESS_SUFFIX",
    "MEASURES",
    "Measure",
    "expected_entropy",
    "expected_error",
    "get_measure",
    "mutual_information",
    "percentile_spread",
    "predictive_entropy",
    "split_excess",
    "standard_deviation",
    "variation_ratio",
]

EXCESS_SUFFIX = "_excess"

Bounds = tuple[float, float]


@dataclass(frozen=True)
class Measure:
    """What the faces and the documentation need to know about one measure.

    Attributes
    ----------
    name : str
        Key in settings, results and file names.
    title : str
        For people.
    unit : str
        ``"nat"``, ``"probability"`` or ``"share of draws"``.
    kind : str
        Which uncertainty it speaks of: ``"total"``, ``"aleatoric"`` or ``"epistemic"``.
    needs_draws : int
        Fewer draws than this give a map that is zero everywhere and says nothing.
    bounds : callable
        Number of classes -> (lower, upper) in `unit`.
    compute : callable
        ``probs (T, C, ...)`` -> ``(...)`` float64, with default settings.
    reference : str
        Where it is defined.
    """

    name: str
    title: str
    unit: Literal["nat", "probability", "share of draws"]
    kind: Literal["total", "aleatoric", "epistemic"]
    needs_draws: Literal[1, 2]
    bounds: Callable[[int], Bounds]
    compute: Callable[[FloatArray], NDArray[np.float64]]
    reference: str


def _up_to_log_classes(num_classes: int) -> Bounds:
    return 0.0, math.log(num_classes)


def _up_to_half(num_classes: int) -> Bounds:
    return 0.0, 0.5


def _up_to_one(num_classes: int) -> Bounds:
    return 0.0, 1.0


def _up_to_guessing(num_classes: int) -> Bounds:
    return 0.0, 1.0 - 1.0 / num_classes


_RECORDS = (
    Measure(
        name="predictive_entropy",
        title="Predictive entropy",
        unit="nat",
        kind="total",
        needs_draws=1,
        bounds=_up_to_log_classes,
        compute=predictive_entropy,
        reference="Kendall & Gal 2017, arXiv:1703.04977",
    ),
    Measure(
        name="expected_entropy",
        title="Expected entropy",
        unit="nat",
        kind="aleatoric",
        needs_draws=1,
        bounds=_up_to_log_classes,
        compute=expected_entropy,
        reference="Depeweg et al. 2018, arXiv:1710.07283",
    ),
    Measure(
        name="mutual_information",
        title="Mutual information",
        unit="nat",
        kind="epistemic",
        needs_draws=2,
        bounds=_up_to_log_classes,
        compute=mutual_information,
        reference="Houlsby et al. 2011, arXiv:1112.5745",
    ),
    Measure(
        name="standard_deviation",
        title="Standard deviation",
        unit="probability",
        kind="epistemic",
        needs_draws=2,
        bounds=_up_to_half,
        compute=standard_deviation,
        reference="Kendall et al. 2017, arXiv:1511.02680",
    ),
    Measure(
        name="percentile_spread",
        title="Percentile spread",
        unit="probability",
        kind="epistemic",
        needs_draws=2,
        bounds=_up_to_one,
        compute=percentile_spread,
        reference="LaBonte et al. 2019, arXiv:1910.10793",
    ),
    Measure(
        name="variation_ratio",
        title="Variation ratio",
        unit="share of draws",
        kind="epistemic",
        needs_draws=2,
        bounds=_up_to_one,
        compute=variation_ratio,
        reference="Gal 2016, PhD thesis, section 3.3.1",
    ),
    Measure(
        name="expected_error",
        title="Expected error",
        unit="probability",
        kind="total",
        needs_draws=1,
        bounds=_up_to_guessing,
        compute=expected_error,
        reference="Hendrycks & Gimpel 2017, arXiv:1610.02136",
    ),
)

MEASURES: dict[str, Measure] = {record.name: record for record in _RECORDS}


def split_excess(name: str) -> tuple[str, bool]:
    """Split a measure's name into the plain measure and whether its excess is meant.

    The plain name is not checked; :func:`get_measure` does that.
    """
    plain = name.removesuffix(EXCESS_SUFFIX)
    return plain, plain != name


def get_measure(name: str) -> Measure:
    """Return the record of a plain measure (split the suffix off first).

    Raises
    ------
    SettingsError
        If there is no such measure; names those that there are.
    """
    try:
        return MEASURES[name]
    except KeyError:
        known = ", ".join(MEASURES)
        raise SettingsError(f"measure must be one of {known}; got {name!r}") from None
