"""Predictions that several benchmarks look at: each is made once a process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import Case, workspace
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.inference.result import Result

__all__ = ["NUM_SAMPLES", "predicted", "result_arrays"]

NUM_SAMPLES = 16
"""Posterior draws, where a benchmark does not say otherwise."""


@dataclass(frozen=True)
class _Key:
    image: Path
    model: str


def predicted(case: Case, model: str) -> Result:
    """Return the prediction of a scan with all measures, 16 draws and the default blocks."""
    return _predicted(_Key(case.image, model), case.name)


@cache
def _predicted(key: _Key, name: str) -> Result:
    out = workspace() / f"{name.replace(' ', '-')}-{key.model}.zarr"
    return predict(key.image, key.model, out, num_samples=NUM_SAMPLES, device="cpu")


def result_arrays(result: Result) -> dict[str, NDArray[Any]]:
    """Read everything that a result holds, by name."""
    return {
        "labels": np.asarray(result.labels),
        "mean_probability": np.asarray(result.mean_probability),
        **{name: np.asarray(result.measure(name)) for name in result.measures},
    }
