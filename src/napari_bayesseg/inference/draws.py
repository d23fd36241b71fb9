"""Any draw of any box, made again from its key in bounded memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.inference.plan import BlockPlan
from napari_bayesseg.inference.scan import NormalisedScan
from napari_bayesseg.posteriors.protocol import Posterior

__all__ = ["draw_probabilities"]


def draw_probabilities(
    posterior: Posterior,
    scan: NormalisedScan | None,
    plan: BlockPlan,
    index: int,
    roi: Roi,
    settings: InferenceSettings,
) -> NDArray[np.float32]:
    """Return softmax ``(C, *roi)`` of draw `index`, computed in the plan's blocks."""
    draw = posterior.draw(index, seed=settings.seed)
    out = np.empty((posterior.num_classes, *roi.shape), np.float32)
    for block in BlockPlan(plan.shape, roi, plan.block_shape).blocks():
        read = _no_scan if scan is None else scan.read
        features = posterior.prepare(block.core, plan.shape, read)
        inside = block.core.relative_to(roi.start).slices
        out[(slice(None), *inside)] = draw.probabilities(features)
    return out


def _no_scan(roi: Roi) -> NDArray[np.float32]:
    return np.zeros(roi.shape, np.float32)
