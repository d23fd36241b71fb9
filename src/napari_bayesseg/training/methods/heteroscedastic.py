"""Logits with noise that the network predicts itself: two losses."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from napari_bayesseg.networks.heteroscedastic import split_outputs
from napari_bayesseg.networks.vnet3d import Convolution, VNet
from napari_bayesseg.training.losses import masked_mean
from napari_bayesseg.training.method_settings import HeteroscedasticSettings
from napari_bayesseg.training.methods.supervised import Supervised
from napari_bayesseg.training.objective import Loss, TrainingBatch

__all__ = ["Heteroscedastic", "distortion", "noisy_log_likelihood"]

_DISTORTION_WEIGHT, _CROSS_ENTROPY_WEIGHT = 0.2, 1.0
_INITIAL_LOG_VARIANCE = -2.0


def _log_probability(logits: Tensor, labels: Tensor) -> Tensor:
    """Log-probability of the labelled class ``(N, Z, Y, X)``; 0 where the label is -1."""
    return -functional.cross_entropy(logits, labels, ignore_index=-1, reduction="none")


def _samples(
    logits: Tensor, sigma: Tensor, labels: Tensor, num_samples: int, generator: torch.Generator
) -> Tensor:
    """Log-probabilities of the labelled class under noise samples, ``(T, N, Z, Y, X)``."""
    found = []
    for _ in range(num_samples):
        eps = torch.randn(
            logits.shape, generator=generator, device=logits.device, dtype=logits.dtype
        )
        found.append(_log_probability(logits + sigma * eps, labels))
    return torch.stack(found)


def noisy_log_likelihood(
    logits: Tensor, sigma: Tensor, labels: Tensor, num_samples: int, generator: torch.Generator
) -> Tensor:
    """Negative logarithm of the mean softmax over noise samples, in nats, per voxel.

    -log (1/T) sum_t softmax(logits + sigma eps_t)_c, as a difference of log-sum-exps, so that
    no probability underflows.

    Parameters
    ----------
    logits : (N, C, Z, Y, X)
    sigma : (N, C, Z, Y, X) or (N, 1, Z, Y, X)
    labels : (N, Z, Y, X) int64
        -1 where a voxel does not count.
    num_samples : int
        T.
    generator : torch.Generator
        On the device of the logits.

    Returns
    -------
    Tensor
        ``(N, Z, Y, X)``, 0 where the label is -1.

    References
    ----------
    Kendall and Gal, NeurIPS 2017, eq. 12.
    """
    samples = _samples(logits, sigma, labels, num_samples, generator)
    return math.log(num_samples) - torch.logsumexp(samples, 0)


def distortion(
    logits: Tensor, sigma: Tensor, labels: Tensor, num_samples: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Cross-entropy, its change under noise, and the price of variance, each per voxel.

    With u the cross-entropy of the logits and d_t that of noisy ones these are u,
    u mean_t(-ELU(u - d_t)), and exp(sigma^2) - 1, averaged over classes where each has a sigma
    of its own.

    Parameters
    ----------
    logits, sigma, labels, num_samples, generator
        As for :func:`noisy_log_likelihood`.

    References
    ----------
    Dorman, "Building a Bayesian deep learning classifier", 2017: a loss from practice, not a
    likelihood; the noise is learnt from how much it would change the cross-entropy.
    """
    plain = -_log_probability(logits, labels)
    noisy = -_samples(logits, sigma, labels, num_samples, generator)
    change = plain * (-functional.elu(plain - noisy)).mean(0)
    return plain, change, torch.expm1(sigma.square()).mean(1)


class Heteroscedastic(Supervised):
    """Loss of logits with predicted noise, in a network with channel dropout.

    Parameters
    ----------
    network : VNet
        Its spec has noise.
    noise : torch.Generator
        Of the random layers, on the processor.
    settings : HeteroscedasticSettings
    logit_noise : torch.Generator
        Of the noise samples, on the network's device.
    fresh : bool
        Whether the network has just been initialised; its log-variances then start at one value.
    """

    def __init__(
        self,
        network: VNet,
        noise: torch.Generator,
        settings: HeteroscedasticSettings,
        logit_noise: torch.Generator,
        *,
        fresh: bool,
    ) -> None:
        super().__init__(network, noise)
        self._settings = settings
        self._logit_noise = logit_noise
        if fresh:
            self._start_with_little_noise()

    @torch.no_grad()
    def _start_with_little_noise(self) -> None:
        # At random weights single voxels would start with variances whose exp is astronomic.
        first, classifier = self.network.spec.num_classes, self.network.classifier
        assert isinstance(classifier, Convolution)
        classifier.weight[first:] = 0.0
        classifier.bias[first:] = _INITIAL_LOG_VARIANCE

    def loss(self, batch: TrainingBatch, step: int) -> Loss:
        """Return the loss of the settings."""
        outputs, labels = self.outputs(batch.images), batch.labels
        logits, sigma = split_outputs(outputs, self.network.spec)
        count = self._settings.num_noise_samples
        if self._settings.loss == "likelihood":
            voxels = noisy_log_likelihood(logits, sigma, labels, count, self._logit_noise)
            total = masked_mean(voxels, labels)
            plain = masked_mean(-_log_probability(logits.detach(), labels), labels)
            return Loss(total, {"negative_log_likelihood": total, "cross_entropy": plain})
        parts = distortion(logits, sigma, labels, count, self._logit_noise)
        plain, change, price = (masked_mean(part, labels) for part in parts)
        aleatoric = change + plain + price
        total = _DISTORTION_WEIGHT * aleatoric + _CROSS_ENTROPY_WEIGHT * plain
        return Loss(total, {"cross_entropy": plain, "distortion": change, "variance": price})

    def likelihood(self, outputs: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Return the negative log-likelihood of the mean softmax, whichever loss is trained."""
        logits, sigma = split_outputs(outputs, self.network.spec)
        count = self._settings.num_noise_samples
        voxels = noisy_log_likelihood(logits, sigma, labels, count, generator)
        return masked_mean(voxels, labels)
