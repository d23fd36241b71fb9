"""Outputs of a network that predicts the noise of its own logits."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_bayesseg.networks.spec import VNetSpec

__all__ = ["LOG_VARIANCE_RANGE", "split_outputs"]

LOG_VARIANCE_RANGE = (-10.0, 4.0)
"""Log-variances outside are taken as the nearest end: sigma is from 0.007 to 7.4.

Below, noise no longer changes any probability that matters; above, the classes are as good as
guessed, and exp(variance), which one of the losses holds, would soon be too large for float32.
"""


def split_outputs(outputs: Tensor, spec: VNetSpec) -> tuple[Tensor, Tensor]:
    """Return logits and the standard deviation of their Gaussian noise.

    Parameters
    ----------
    outputs : (N, num_outputs, Z, Y, X)
        Of the network: logits, then the logarithms of their variances.
    spec : VNetSpec
        Of the network; its `noise` is not ``"none"``.

    Returns
    -------
    logits : (N, C, Z, Y, X)
    sigma : (N, C, Z, Y, X) or (N, 1, Z, Y, X)
        One for each logit, or one a voxel that every logit's noise has; see
        :data:`LOG_VARIANCE_RANGE`.

    References
    ----------
    Kendall and Gal, "What uncertainties do we need in Bayesian deep learning for computer
    vision?", NeurIPS 2017, eq. 12.
    """
    if spec.noise == "none" or outputs.shape[1] != spec.num_outputs:
        raise ValueError(
            f"expected {spec.num_outputs} outputs of a network with noise; got {outputs.shape[1]} "
            f"of one with noise = {spec.noise}"
        )
    logits, log_variance = outputs.split([spec.num_classes, spec.num_outputs - spec.num_classes], 1)
    return logits, torch.exp(0.5 * log_variance.clamp(*LOG_VARIANCE_RANGE))
