"""Results with cubes of uncertainty, of some of which the truth is another."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.result import Result
from napari_bayesseg.session.evaluated import Truth
from tests.results import write_result
from tests.session.places import MEASURE


def truth_labels(result: Result) -> np.ndarray:
    """Return labels that differ from the predicted ones where the measure is above 0.15."""
    labels = np.array(result.labels)
    wrong = np.asarray(result.measure(MEASURE)) > 0.15
    labels[wrong] = 2
    labels[0, :2, :2] = 2  # and where nobody doubts
    return labels


def truth_of(result: Result) -> Truth:
    return Truth("drawn", Volume.from_array(truth_labels(result), result.geometry, name="drawn"))


def write_guess(path: Path, like: Result) -> Result:
    """Write a result of the same scan whose measure knows nothing of the errors."""
    probability = np.array(like.mean_probability)
    measure = np.random.default_rng(0).uniform(0, 0.4, probability.shape[1:])
    return write_result(
        path, probability, {MEASURE: measure, "expected_error": 1 - probability.max(0)}
    )
