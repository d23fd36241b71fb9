"""Any draw of any box, made again from its key in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.inference.plan import Block, BlockPlan
from napari_bayesseg.inference.scan import NormalisedScan
from napari_bayesseg.posteriors.protocol import Posterior

__all__ = ["box_draws"]

# What all draws share is kept from draw to draw up to here; beyond, it is computed again for each.
_KEPT_BYTES = 2**30


def box_draws(
    posterior: Posterior,
    scan: NormalisedScan | None,
    plan: BlockPlan,
    indices: Iterable[int],
    roi: Roi,
    settings: InferenceSettings,
) -> Iterator[NDArray[np.float32]]:
    """Yield softmax ``(C, *roi)`` of several draws, one after the other.

    They are computed in the plan's blocks. What they share is computed
    once, where a box is as small as regions are.
    """
    read = _no_scan if scan is None else scan.read
    blocks = BlockPlan(plan.shape, roi, plan.block_shape).blocks()
    together = sum(posterior.cost(block.core, plan.shape).peak_bytes(1) for block in blocks)
    kept: dict[int, Any] = {}

    def features_of(block: Block) -> Any:
        if block.index in kept:
            return kept[block.index]
        features = posterior.prepare(block.core, plan.shape, read)
        if together <= _KEPT_BYTES:
            kept[block.index] = features
        return features

    for index in indices:
        draw = posterior.draw(index, seed=settings.seed)
        out = np.empty((posterior.num_classes, *roi.shape), np.float32)
        for block in blocks:
            inside = block.core.relative_to(roi.start).slices
            out[(slice(None), *inside)] = draw.probabilities(features_of(block))
        yield out


def _no_scan(roi: Roi) -> NDArray[np.float32]:
    return np.zeros(roi.shape, np.float32)
