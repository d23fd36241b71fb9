"""Class probabilities of logits with Gaussian noise: the softmax averaged over fixed nodes."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

__all__ = ["LOG_VARIANCE_RANGE", "noise_nodes"]

_NUM_NODES = 64

LOG_VARIANCE_RANGE = (-10.0, 4.0)
"""Predicted logarithms of variances are clipped to this: standard deviations of 0.007 to 7.4.

Below, noise no longer changes any probability that matters; above, the classes are as good as
guessed, and exp(variance), which one of the losses holds, would soon be too large for float32.
"""


@cache
def noise_nodes(num_classes: int) -> NDArray[np.float32]:
    """Return nodes at which a function of standard normal noise is averaged with equal weights.

    They are the same for every voxel, block and draw, so that probabilities are a function of the
    voxel's logits and variances alone and what draws disagree about is the network, not the
    noise. A point set of low discrepancy in the unit cube goes through the normal quantile
    function; each node has its opposite, so that odd moments vanish; a linear map makes the
    covariance the identity. Probabilities are within 0.01 of the integral (2 to 5 classes,
    standard deviations up to 2).

    Parameters
    ----------
    num_classes : int
        Dimensions of the noise, one a logit.

    Returns
    -------
    (M, num_classes) float32, read-only
        M is 64, or 4 a class where that is more.

    References
    ----------
    Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018 (the sequence: an
    additive recurrence by powers of the generalised golden ratio).
    """
    ratio = 2.0
    for _ in range(64):  # the root of x^(d + 1) = x + 1
        ratio = (1.0 + ratio) ** (1.0 / (num_classes + 1))
    steps = ratio ** -np.arange(1.0, num_classes + 1)
    half = max(_NUM_NODES, 4 * num_classes) // 2
    points = (0.5 + np.arange(1, half + 1)[:, None] * steps) % 1.0
    nodes = ndtri(points)
    nodes = np.concatenate([nodes, -nodes])
    covariance = nodes.T @ nodes / len(nodes)
    nodes = np.linalg.solve(np.linalg.cholesky(covariance), nodes.T).T
    found: NDArray[np.float32] = np.ascontiguousarray(nodes, dtype=np.float32)
    found.setflags(write=False)
    return found
