"""Training objectives."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["cross_entropy", "dice_loss", "free_energy", "masked_mean"]

_SMOOTH = 1e-5


def masked_mean(values: Tensor, labels: Tensor) -> Tensor:
    """Mean over the voxels that have a label; 0 where none has one.

    Parameters
    ----------
    values : (N, Z, Y, X)
    labels : (N, Z, Y, X) int64
        -1 where a voxel does not count.
    """
    counts = labels >= 0
    return torch.where(counts, values, 0.0).sum() / counts.sum().clamp_min(1)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy over voxels, in nats; label -1 is ignored, none at all costs nothing.

    Parameters
    ----------
    logits : (N, C, Z, Y, X)
        C = 1 is one logit of class 1 against class 0.
    labels : (N, Z, Y, X) int64
    """
    if logits.shape[1] == 1:
        # softmax over (0, logit) is the sigmoid of the logit
        logits = functional.pad(logits, (0, 0, 0, 0, 0, 0, 1, 0))
    total = functional.cross_entropy(logits, labels, ignore_index=-1, reduction="sum")
    return total / (labels >= 0).sum().clamp_min(1)


def dice_loss(probabilities: Tensor, labels: Tensor) -> Tensor:
    """One minus soft Dice with squares in the denominator, averaged over classes from 1.

    Parameters
    ----------
    probabilities : (N, C, Z, Y, X)
        C is 2 or more.
    labels : (N, Z, Y, X) int64
        -1 where a voxel does not count.

    References
    ----------
    Milletari et al., "V-Net", 3DV 2016, section 3; summed over the whole batch.
    """
    counts = (labels >= 0)[:, None]
    classes = torch.arange(1, probabilities.shape[1], device=labels.device)
    target = (labels[:, None] == classes.reshape(1, -1, 1, 1, 1)).to(probabilities.dtype)
    score = torch.where(counts, probabilities[:, 1:], 0.0)
    axes = (0, 2, 3, 4)
    overlap = (score * target).sum(axes)
    sizes = score.square().sum(axes) + target.sum(axes)
    return (1.0 - (2.0 * overlap + _SMOOTH) / (sizes + _SMOOTH)).mean()


def free_energy(
    negative_log_likelihood: Tensor, kl_divergence: Tensor, *, weight: float, num_voxels: int
) -> Tensor:
    """Variational free energy per training voxel, in nats.

    Both terms are on one scale: the likelihood is a mean over voxels, so the KL, which is a sum
    over weights, is divided by the number of training voxels. `weight` is beta; 1 is the evidence
    lower bound (under the usual reading that voxels are independent given the weights).

    References
    ----------
    Graves, "Practical variational inference for neural networks", NeurIPS 2011, eq. 8;
    Higgins et al., "beta-VAE", ICLR 2017 (the weight).
    """
    return negative_log_likelihood + weight * kl_divergence / num_voxels
