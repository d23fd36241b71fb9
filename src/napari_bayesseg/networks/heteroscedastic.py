"""Outputs of a network that predicts the noise of its own logits."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_bayesseg.networks.spec import VNetSpec
from napari_bayesseg.numerics.logit_noise import LOG_VARIANCE_RANGE, noise_nodes

__all__ = ["LOG_VARIANCE_RANGE", "class_probabilities", "split_outputs"]


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
    logits, log_variance = outputs[:, : spec.num_classes], outputs[:, spec.num_classes :]
    return logits, torch.exp(0.5 * log_variance.clamp(*LOG_VARIANCE_RANGE))


def class_probabilities(outputs: Tensor, spec: VNetSpec) -> Tensor:
    """Return the softmax ``(N, C, ...)`` of a network's outputs ``(N, num_outputs, ...)``.

    A single logit gives two classes. Noise of the logits is averaged out over fixed nodes. The
    exponentials are of single precision at least.
    """
    wide = outputs if outputs.dtype == torch.float64 else outputs.float()
    if spec.noise != "none":
        return _averaged(*split_outputs(wide, spec))
    if wide.shape[1] == 1:
        foreground = torch.sigmoid(wide)
        return torch.cat([1.0 - foreground, foreground], 1)
    return torch.softmax(wide, 1)


def _averaged(logits: Tensor, sigma: Tensor) -> Tensor:
    nodes = torch.tensor(noise_nodes(logits.shape[1])).to(logits)
    total = torch.zeros_like(logits)
    for node in nodes.reshape(len(nodes), 1, -1, *[1] * (logits.ndim - 2)):
        total += torch.softmax(torch.addcmul(logits, sigma, node), 1)
    return total / len(nodes)
