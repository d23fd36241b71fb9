"""Scores of trained networks on held-out scans, for their model card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.kernels import make_kernel
from napari_bayesseg.inference.plan import choose_block_shape, plan_blocks
from napari_bayesseg.inference.progress import Cancelled
from napari_bayesseg.inference.scan import NormalisedScan
from napari_bayesseg.networks.checkpoint import ModelCard
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.numerics.error_detection import error_auroc
from napari_bayesseg.numerics.overlap import dice_per_class
from napari_bayesseg.numerics.voxel_statistics import IntensityStatistics
from napari_bayesseg.posteriors.open import network_posterior
from napari_bayesseg.posteriors.protocol import Posterior
from napari_bayesseg.training.dataset import TrainingCase

__all__ = ["score_cases"]

_NUM_SAMPLES = 16
_MEASURES = ("predictive_entropy", "mutual_information")
_CPU = torch.device("cpu")


def score_cases(
    card: ModelCard,
    networks: Sequence[VNet],
    cases: Sequence[TrainingCase],
    *,
    device: torch.device = _CPU,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Predict each case as ``predict`` does and compare with its labels.

    Parameters
    ----------
    card : ModelCard
    networks : sequence of VNet
        As many as the card has members; moved to `device`.
    cases : sequence of TrainingCase
        Voxels without a label don't count.
    device : torch.device
    should_stop : callable
        Asked between two draws.

    Returns
    -------
    dict
        Mean over cases of Dice per class, of the AUROC with which entropy and mutual information
        tell wrong voxels, and mean mutual information in nats (what ordinary scans look like).
        None where no case has a score: a class that is nowhere, a segmentation without errors.

    Raises
    ------
    Cancelled
        If `should_stop` says so.
    """
    if not cases:
        return {}
    posterior = network_posterior(card, networks, device)
    distinct = posterior.num_distinct
    num_samples = _NUM_SAMPLES if distinct is None else min(_NUM_SAMPLES, distinct)
    settings = InferenceSettings(num_samples=num_samples)

    def between_draws(done: int) -> None:
        if should_stop():
            raise Cancelled("scoring was stopped; the same call goes on with it")

    rows = [_score(card, posterior, case, settings, between_draws) for case in cases]
    scores: dict[str, Any] = {
        "scans": [case.name for case in cases],
        "num_samples": num_samples,
        "dice": {
            name: _mean([row["dice"][index] for row in rows], 4)
            for index, name in enumerate(card.class_names)
        },
    }
    for key in ("error_auroc_predictive_entropy", "error_auroc_mutual_information"):
        scores[key] = _mean([row[key] for row in rows], 4)
    key = "mean_mutual_information_nats"
    scores[key] = _mean([row[key] for row in rows], 6)
    return scores


def _mean(values: Sequence[float], digits: int) -> float | None:
    """Mean over the cases in which the score exists; None (null in JSON) if it never does."""
    known = [value for value in values if not np.isnan(value)]
    return round(float(np.mean(known)), digits) if known else None


def _normalised(case: TrainingCase) -> NormalisedScan:
    """Return the case's grey values, normalised already, as a scan."""
    low, high = float(case.image.min()), float(case.image.max())
    as_they_are = IntensityStatistics(case.image.size, 0, low, high, low, high, 0.0, 1.0)
    return NormalisedScan(Volume.from_array(case.image), as_they_are)


def _score(
    card: ModelCard,
    posterior: Posterior,
    case: TrainingCase,
    settings: InferenceSettings,
    between_draws: Callable[[int], None],
) -> dict[str, Any]:
    z, y, x = case.image.shape
    shape: Index3 = (z, y, x)
    labels = np.empty(shape, np.int32)
    maps = {name: np.empty(shape, np.float32) for name in _MEASURES}
    block_shape = choose_block_shape(
        posterior,
        shape,
        memory=settings.memory,
        num_samples=settings.num_samples,
        num_measures=len(_MEASURES),
    )
    kernel = make_kernel(posterior, _normalised(case), shape, settings, _MEASURES)
    for block in plan_blocks(shape, Roi.whole(shape), block_shape, posterior.stride).blocks():
        result = kernel(block.core, block.core, between_draws)
        labels[block.core.slices] = result.labels
        for name in _MEASURES:
            maps[name][block.core.slices] = result.measures[name]
    truth = case.labels if case.labels is not None else np.full(shape, -1, np.int32)
    known = truth >= 0
    wrong = labels[known] != truth[known]
    return {
        "dice": dice_per_class(labels[known], truth[known], len(card.class_names)),
        "mean_mutual_information_nats": float(maps["mutual_information"].mean()),
        **{
            f"error_auroc_{name}": error_auroc(values[known], wrong)
            for name, values in maps.items()
        },
    }
