"""Results and truths that are made up, with errors where the uncertainty is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.special import softmax

from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.evaluation.evaluate import evaluate_arrays
from napari_bayesseg.evaluation.evaluation import Evaluation
from napari_bayesseg.inference.result import Result
from napari_bayesseg.numerics.measure_formulas import expected_error, predictive_entropy
from tests.results import GEOMETRY, write_result

SHAPE = (9, 12, 14)
NAMES = ("air", "solid", "shell")


@dataclass(frozen=True, eq=False)
class Case:
    """What a method says, and what is true."""

    probability: np.ndarray
    measures: dict[str, np.ndarray]
    truth: np.ndarray

    @property
    def prediction(self) -> np.ndarray:
        return self.probability.argmax(0)

    @property
    def wrong(self) -> np.ndarray:
        return self.prediction != self.truth

    def result(self, path: Path, **changes: Any) -> Result:
        return write_result(
            path, self.probability, self.measures, **{"class_names": NAMES, **changes}
        )

    def labels(self, geometry: Geometry = GEOMETRY) -> Volume:
        return Volume.from_array(self.truth.astype(np.uint8), geometry, name="truth")

    def evaluation(self, **changes: Any) -> Evaluation:
        settings: dict[str, Any] = {"unit": "micrometer", **changes}
        return evaluate_arrays(
            self.probability, self.measures, self.truth, GEOMETRY.spacing, NAMES, **settings
        )


def made(seed: int = 0, shape: tuple[int, int, int] = SHAPE, sharpness: float = 6.0) -> Case:
    """Smooth fields of three classes, and a truth drawn from a noisier copy."""
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.normal(size=(3, *shape)), (0, 1.5, 1.5, 1.5))
    probability = softmax(sharpness * field / field.std(), axis=0).astype(np.float32)
    noise = gaussian_filter(rng.normal(size=field.shape), (0, 0.7, 0.7, 0.7))
    truth = (field / field.std() + 0.25 * noise / noise.std()).argmax(0)
    patch = truth[4:8, :4, 4:8]
    patch += 1  # wrong as a whole
    patch %= 3
    return Case(
        probability,
        {
            "predictive_entropy": predictive_entropy(probability[None]).astype(np.float32),
            "expected_error": expected_error(probability[None]).astype(np.float32),
            "mutual_information": rng.random(shape).astype(np.float32) * 0.1,
        },
        truth,
    )


def assert_alike(one: object, other: object, rel: float = 1e-9) -> None:
    """Compare everything, NaN equal to NaN."""
    if isinstance(one, dict):
        assert isinstance(other, dict)
        assert one.keys() == other.keys()
        for key in one:
            assert_alike(one[key], other[key], rel)
    elif isinstance(one, list | tuple):
        assert isinstance(other, list | tuple)
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_alike(a, b, rel)
    elif isinstance(one, str):
        assert one == other
    else:
        assert one == pytest.approx(other, rel=rel, nan_ok=True)
