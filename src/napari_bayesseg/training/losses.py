"""Training objectives."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

__all__ = ["cross_entropy", "free_energy"]


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy over voxels, in nats; label -1 is ignored.

    Parameters
    ----------
    logits : (N, C, Z, Y, X)
        C = 1 is one logit of class 1 against class 0.
    labels : (N, Z, Y, X) int64
    """
    if logits.shape[1] == 1:
        # softmax over (0, logit) is the sigmoid of the logit
        logits = functional.pad(logits, (0, 0, 0, 0, 0, 0, 1, 0))
    return functional.cross_entropy(logits, labels, ignore_index=-1)


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
