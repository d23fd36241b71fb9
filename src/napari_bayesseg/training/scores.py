"""Scores of a trained network on held-out scans, for its model card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.inference.block import predict_block
from napari_bayesseg.inference.draw_pool import DrawPool
from napari_bayesseg.inference.plan import choose_block_shape, plan_blocks
from napari_bayesseg.networks.checkpoint import ModelCard
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.numerics.error_detection import error_auroc
from napari_bayesseg.numerics.overlap import dice_per_class
from napari_bayesseg.posteriors.planar import PlanarPosterior
from napari_bayesseg.training.dataset import TrainingCase

__all__ = ["score_cases"]

_NUM_SAMPLES = 16
_MEMORY = 4 * 10**9
_MEASURES = ("predictive_entropy", "mutual_information")


def score_cases(card: ModelCard, network: VNet, cases: Sequence[TrainingCase]) -> dict[str, Any]:
    """Predict each case as ``predict`` does and compare with its labels.

    Returns
    -------
    dict
        Mean over cases of Dice per class, of the AUROC with which entropy and mutual information
        tell wrong voxels, and mean mutual information in nats (what ordinary scans look like).
        None where no case has a score: a class that is nowhere, a segmentation without errors.
    """
    if not cases:
        return {}
    posterior = PlanarPosterior(network)
    rows = [_score(card, posterior, case) for case in cases]
    scores: dict[str, Any] = {
        "scans": [case.name for case in cases],
        "num_samples": _NUM_SAMPLES,
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


def _score(card: ModelCard, posterior: PlanarPosterior, case: TrainingCase) -> dict[str, Any]:
    z, y, x = case.image.shape
    shape: Index3 = (z, y, x)
    labels = np.empty(shape, np.int32)
    maps = {name: np.empty(shape, np.float32) for name in _MEASURES}
    draws = [posterior.draw(index, seed=0) for index in range(_NUM_SAMPLES)]
    block_shape = choose_block_shape(
        posterior, shape, memory=_MEMORY, num_samples=_NUM_SAMPLES, num_measures=len(_MEASURES)
    )

    def read(roi: Roi) -> np.ndarray[Any, np.dtype[np.float32]]:
        missing = [(0, max(0, b - n)) for b, n in zip(roi.stop, shape, strict=True)]
        return np.ascontiguousarray(np.pad(case.image, missing, mode="edge")[roi.slices])

    with DrawPool(posterior.parallel_draws) as pool:
        for block in plan_blocks(shape, Roi.whole(shape), block_shape, posterior.stride).blocks():
            result = predict_block(
                posterior,
                draws,
                block.core,
                shape,
                read,
                measures=_MEASURES,
                percentiles=(20.0, 80.0),
                pool=pool,
                num_threads=torch.get_num_threads(),
            )
            labels[block.core.slices] = result.labels
            for name in _MEASURES:
                maps[name][block.core.slices] = result.measures[name]
    truth = case.labels if case.labels is not None else np.full(shape, -1, np.int32)
    known = truth >= 0  # the others have no label to compare with
    wrong = labels[known] != truth[known]
    return {
        "dice": dice_per_class(labels[known], truth[known], len(card.class_names)),
        "mean_mutual_information_nats": float(maps["mutual_information"].mean()),
        **{
            f"error_auroc_{name}": error_auroc(values[known], wrong)
            for name, values in maps.items()
        },
    }
