"""Objective of a fine-tuning: learn what was reviewed, stay with the original everywhere else."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from napari_bayesseg.networks.heteroscedastic import class_probabilities
from napari_bayesseg.networks.spec import VNetSpec
from napari_bayesseg.networks.variational import VariationalConvolution
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training.reviewed_patches import ReviewedBatch

__all__ = ["Holding", "HoldingLoss", "drift", "kl_between", "log_probabilities"]

_LEAST = 1e-12


def log_probabilities(outputs: Tensor, spec: VNetSpec) -> Tensor:
    """Return the logarithm ``(N, C, ...)`` of the softmax that a network's outputs mean.

    A single logit gives two classes; predicted noise of the logits is averaged out, so that this
    is the likelihood of a heteroscedastic network too.
    """
    if spec.noise != "none":
        return class_probabilities(outputs, spec).clamp_min(_LEAST).log()
    if outputs.shape[1] == 1:
        return torch.cat([functional.logsigmoid(-outputs), functional.logsigmoid(outputs)], 1)
    return functional.log_softmax(outputs, 1)


def drift(original: Tensor, student: Tensor, trust: Tensor) -> Tensor:
    """Return KL(original || student) a voxel in nats, averaged with weights.

    Parameters
    ----------
    original, student : (N, C, Z, Y, X)
        Logarithms of probabilities.
    trust : (N, Z, Y, X)
        Weights, not negative; 0 everywhere gives 0.
    """
    divergence = (original.exp() * (original - student)).sum(1)
    return (trust * divergence).sum() / trust.sum().clamp_min(_LEAST)


def kl_between(mean: Tensor, scale: Tensor, prior_mean: Tensor, prior_scale: Tensor) -> Tensor:
    """Sum over weights of KL( N(mean, scale^2) || N(prior_mean, prior_scale^2) ), in nats.

    References
    ----------
    Nguyen, Li, Bui and Turner, "Variational continual learning", ICLR 2018, eq. 4: the posterior
    after the old data is the prior of the new.
    """
    ratio = scale / prior_scale
    distance = (mean - prior_mean) / prior_scale
    return (0.5 * (ratio.square() + distance.square() - 1.0) - ratio.log()).sum()


@dataclass(frozen=True)
class HoldingLoss:
    """What the optimiser sees, and its parts; nats per voxel.

    Attributes
    ----------
    total, cross_entropy, drift, kl_per_voxel : Tensor
    """

    total: Tensor
    cross_entropy: Tensor
    drift: Tensor
    kl_per_voxel: Tensor


class Holding:
    """Cross-entropy where somebody has reviewed, divergence from the original elsewhere.

    Original and student get the same noise: the same Flipout deviation, the same dropped channels.
    So each draw is held to its own former self, and not to the mean of all, which would take their
    disagreement away; at the first step there is nothing to hold yet, and the gradient is zero.
    A voxel is held as firmly as the original's mean prediction was sure of it: where it was not,
    what was learnt in the reviewed places may carry over.

    Parameters
    ----------
    student : VNet
        Starts as the original, of which a frozen copy is kept.
    noise : torch.Generator
        Of the network's random layers, on the processor.
    consistency_weight, kl_weight : float
    num_voxels : int
        Reviewed ones, by which the KL of variational weights is divided.
    """

    def __init__(
        self,
        student: VNet,
        noise: torch.Generator,
        *,
        consistency_weight: float,
        kl_weight: float,
        num_voxels: int,
    ) -> None:
        self.student = student
        self._original = copy.deepcopy(student).requires_grad_(False)
        self._noise = noise
        self._consistency_weight, self._kl_weight = consistency_weight, kl_weight
        self._num_voxels = num_voxels

    def loss(self, batch: ReviewedBatch) -> HoldingLoss:
        """Return the loss of a batch."""
        state = self._noise.get_state()
        original = None
        if self._consistency_weight > 0:
            with torch.no_grad():
                original = self._log_probabilities(self._original, batch.images)
            self._noise.set_state(state)
        student = self._log_probabilities(self.student, batch.images)
        fit = functional.nll_loss(student, batch.labels, ignore_index=-1)
        held = student.new_zeros(()) if original is None else drift(original, student, batch.trust)
        kl = self._kl() / self._num_voxels
        total = fit + self._consistency_weight * held + self._kl_weight * kl
        return HoldingLoss(total, fit.detach(), held.detach(), kl.detach())

    @torch.no_grad()
    def fit(self, batches: Sequence[ReviewedBatch]) -> float:
        """Return the mean cross-entropy of reviewed voxels, nats, with noise of its own."""
        noise = torch.Generator().manual_seed(0)
        total, count = 0.0, 0
        for batch in batches:
            outputs = self.student(batch.images, noise).float()
            found = log_probabilities(outputs, self.student.spec)
            total += functional.nll_loss(
                found, batch.labels, ignore_index=-1, reduction="sum"
            ).item()
            count += int((batch.labels >= 0).sum())
        return total / count

    def _log_probabilities(self, network: VNet, images: Tensor) -> Tensor:
        return log_probabilities(network(images, self._noise).float(), network.spec)

    def _kl(self) -> Tensor:
        """KL from the original's posterior of the weights to the student's; 0 for point weights."""
        parts = [
            kl_between(now.mean, now.scale, then.mean, then.scale)
            for now, then in zip(
                _variational(self.student), _variational(self._original), strict=True
            )
        ]
        return torch.stack(parts).sum() if parts else torch.zeros(())


def _variational(network: VNet) -> list[VariationalConvolution]:
    return [m for m in network.modules() if isinstance(m, VariationalConvolution)]
