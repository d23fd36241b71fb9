"""What reviews of one case can remove: its regions by several maps, compared with the truth."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.data import Case, workspace
from benchmarks.predictions import NUM_SAMPLES, predicted
from benchmarks.reviewer import Places, inspect, runner_up, voxelwise_curve
from napari_bayesseg.core.errors import BayesSegWarning
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.inference.result import Result
from napari_bayesseg.numerics.threshold_curve import threshold_curve
from napari_bayesseg.numerics.uncertainty import EXCESS_SUFFIX, MEASURES
from napari_bayesseg.review.regions.region_settings import (
    RegionSettings,
    default_measure,
    default_settings,
)
from napari_bayesseg.review.regions.region_source import RegionSource

__all__ = ["REJECT", "TAKE", "VOXELWISE", "CaseWorth", "case_worth", "wide_settings"]

VOXELWISE = (0.01, 0.05, 0.1)
"""Shares of the volume whose most uncertain voxels are looked at one by one."""
REJECT, TAKE = "reject to the runner-up class", "take the best of the draws"
"""Keys that change a whole region: the one there is, and one that would choose a draw."""

_WIDE_PERCENTILE = 95.0
_ENTROPY = "predictive_entropy"
_SIGMA = 0.5
_TO_SMOOTH = ("mutual_information", "standard_deviation", "expected_error")
_EXCESSES = tuple(name + EXCESS_SUFFIX for name in ("mutual_information", "expected_error"))


@dataclass(frozen=True, eq=False)
class CaseWorth:
    """What reviews of one case remove.

    Attributes
    ----------
    wrong_share : (float, float)
        Of all voxels, before any review: by the mean of the draws, and by the plain pass.
    voxelwise : dict
        Name of a map to the shares of the wrong voxels among its 1, 5 and 10 % most uncertain.
    wide, default : Places
        The regions of :func:`wide_settings`, and those that a person is offered at first.
    expected : Places
        Regions of the expected error with the wide settings.
    smoothed : Places
        The same of the mutual information after a Gaussian of half a voxel.
    plain : Places
        Regions of the plain pass's entropy with the wide settings, on its own mask.
    """

    wrong_share: tuple[float, float]
    voxelwise: dict[str, NDArray[np.float64]]
    wide: Places
    default: Places
    expected: Places
    smoothed: Places
    plain: Places


def wide_settings(source: RegionSource) -> RegionSettings:
    """Return settings with which all regions together are the most uncertain 5 % of the volume."""
    threshold = source.percentile(_WIDE_PERCENTILE)
    return RegionSettings(source.measure, threshold, threshold)


def case_worth(case: Case, model: str | Path, plain_model: Path) -> CaseWorth:
    """Predict a case with both, and compare with its labels.

    Parameters
    ----------
    case : Case
    model : str or path
        Of the Bayesian network: 16 draws.
    plain_model : path
        Of a network without noise: one pass.
    """
    truth = case.labels
    result = predicted(case, str(model))
    labels = result.read("labels")
    wrong = labels != truth
    voxelwise = {
        name: voxelwise_curve(result.read(name), wrong, VOXELWISE)
        for name in (*MEASURES, *_EXCESSES)
    }
    for name in _TO_SMOOTH:
        values = ndimage.gaussian_filter(result.read(name), _SIGMA)
        title = f"{name}, smoothed by {_SIGMA:g} voxels"
        voxelwise[title] = voxelwise_curve(values, wrong, VOXELWISE)
    source = RegionSource.read(result, default_measure(result))
    expected = RegionSource.read(result, "expected_error", sharing=source)
    smoothed = _smoothed(RegionSource.read(result, "mutual_information", sharing=source))
    keys = {
        REJECT: [runner_up(result.read("mean_probability"))],
        TAKE: [result.draw(t).argmax(axis=0) for t in range(NUM_SAMPLES)],
    }
    once = _one_pass(case, plain_model)
    plain_wrong = once.read("labels") != truth
    voxelwise["entropy of one plain pass"] = voxelwise_curve(
        once.read(_ENTROPY), plain_wrong, VOXELWISE
    )
    entropy = RegionSource.read(once, _ENTROPY)
    return CaseWorth(
        (float(wrong.mean()), float(plain_wrong.mean())),
        voxelwise,
        wide=inspect(source.find(wide_settings(source)), labels, truth, keys),
        default=inspect(source.find(default_settings(source)), labels, truth, keys),
        expected=inspect(expected.find(wide_settings(expected)), labels, truth),
        smoothed=inspect(smoothed.find(wide_settings(smoothed)), labels, truth),
        plain=inspect(entropy.find(wide_settings(entropy)), once.read("labels"), truth),
    )


def _smoothed(source: RegionSource) -> RegionSource:
    """Return the same maps with the measure smoothed a little, so that places hold together."""
    values = ndimage.gaussian_filter(source.values, _SIGMA)
    volume = source.geometry.voxel_volume
    curve = threshold_curve(values, source.expected_error, source.valid, volume)
    return replace(source, values=values, curve=curve)


def _one_pass(case: Case, model: Path) -> Result:
    out = workspace() / f"{case.name}-{model.name}-once.zarr"
    measures = (_ENTROPY, "expected_error")
    with warnings.catch_warnings():
        # That a single pass knows no disagreement is the point here.
        warnings.simplefilter("ignore", BayesSegWarning)
        return predict(case.image, model, out, num_samples=1, measures=measures, device="cpu")
