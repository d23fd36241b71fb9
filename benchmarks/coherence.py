"""Whether the spread of a volume over draws survives the tiling; what it is without coherence."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.data import MODELS
from benchmarks.exactness import crop_of_sample, tiled, whole
from benchmarks.rows import Row, at_most
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.inference.kernels import make_kernel
from napari_bayesseg.inference.plan import BlockPlan, evaluated_box
from napari_bayesseg.inference.scan import NormalisedScan
from napari_bayesseg.posteriors.network import NetworkPosterior
from napari_bayesseg.posteriors.open import open_model

__all__ = ["counted", "run", "volumes"]

_SHAPE: Index3 = (48, 96, 96)
_BLOCK: Index3 = (24, 32, 32)
_NUM_SAMPLES, _QUICK_SAMPLES = 64, 16

Counts = NDArray[np.float64]


def run(quick: bool) -> list[Row]:
    """Compare the spread of class volumes: whole, in coherent tiles, in independent tiles."""
    samples = _QUICK_SAMPLES if quick else _NUM_SAMPLES
    rows: list[Row] = []
    for model in MODELS:
        posterior, card, _ = open_model(model, torch.device("cpu"))
        scan = crop_of_sample(model, _SHAPE)
        reference, coherent, independent = volumes(posterior, scan, samples)
        table = f"{model}: volume of a class over {samples} draws"
        moved = np.abs(coherent - reference).max(axis=0)
        stored = np.abs(counted(posterior, scan, samples) - reference).max(axis=0)
        whole_std = reference.std(axis=0, ddof=1)
        tile_std, loose_std = (v.std(axis=0, ddof=1) for v in (coherent, independent))
        for c, name in enumerate(card.class_names):
            found = (
                ("mean (voxels)", reference[:, c].mean(), None),
                ("std, whole volume (voxels)", whole_std[c], None),
                ("sampling error of a std of so many draws", _error_of_std(samples), None),
                (
                    "coherent tiles: relative change of std",
                    abs(tile_std[c] / whole_std[c] - 1),
                    1e-3,
                ),
                ("coherent tiles: largest change of a draw (voxels)", moved[c], None),
                ("counts of a run: largest change of a draw (voxels)", stored[c], None),
                ("independent noise per tile: std / whole", loose_std[c] / whole_std[c], None),
            )
            rows += [
                Row.of(
                    table,
                    name,
                    line,
                    value=float(value),
                    goal=None if goal is None else at_most(goal),
                )
                for line, value, goal in found
            ]
    return rows


def volumes(
    posterior: NetworkPosterior, scan: NormalisedScan, samples: int, block: Index3 = _BLOCK
) -> tuple[Counts, Counts, Counts]:
    """Count the voxels of every class in every draw.

    Returns
    -------
    whole, coherent, independent : (T, C) float64
        From one pass over the whole volume, from tiles that share the draw, and from tiles with a
        seed of their own each (what fresh noise in every chunk amounts to).
    """
    classes = posterior.num_classes
    reference, coherent, independent = (np.zeros((samples, classes)) for _ in range(3))
    shape = scan.volume.shape
    blocks = BlockPlan(shape, Roi.whole(shape), block).blocks()
    for t in range(samples):
        reference[t] = _count(whole(posterior, t, scan), classes)
        coherent[t] = _count(tiled(posterior, t, scan, block), classes)
    for tile in blocks:
        features = posterior.prepare(tile.core, shape, scan.read)
        for t in range(samples):
            own = posterior.draw(t, seed=1 + tile.index)
            scores = torch.from_numpy(own.probabilities(features))
            independent[t] += _count(scores, classes)
    return reference, coherent, independent


def counted(
    posterior: NetworkPosterior, scan: NormalisedScan, samples: int, block: Index3 = _BLOCK
) -> Counts:
    """Return the voxels of every class in every draw ``(T, C)`` as a run counts and stores them."""
    shape = scan.volume.shape
    plan = BlockPlan(shape, Roi.whole(shape), block)
    settings = InferenceSettings.checked(num_samples=samples)
    kernel = make_kernel(posterior, scan, shape, settings, ())
    total = np.zeros((samples, posterior.num_classes))
    for tile in plan.blocks():
        result = kernel(tile.core, evaluated_box(tile.core, plan.roi), lambda _: None)
        total += result.counts.voxels
    return total


def _error_of_std(samples: int) -> float:
    """Return the relative standard error of a standard deviation of normal numbers."""
    return 1.0 / math.sqrt(2.0 * (samples - 1))


def _count(scores: torch.Tensor, classes: int) -> Counts:
    labels = scores.argmax(0).flatten()
    return torch.bincount(labels, minlength=classes).numpy().astype(np.float64)
