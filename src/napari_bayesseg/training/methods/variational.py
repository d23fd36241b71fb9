"""Bayes by backprop: the free energy of a network with variational weights."""

from __future__ import annotations

import torch

from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training.losses import cross_entropy, free_energy
from napari_bayesseg.training.methods.supervised import Supervised
from napari_bayesseg.training.objective import Loss, TrainingBatch
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["Variational"]


class Variational(Supervised):
    """Cross-entropy under Flipout noise, plus the KL to the prior per training voxel.

    The weight of the KL rises over the first steps, so that the data are fitted first.

    References
    ----------
    Blundell et al., "Weight uncertainty in neural networks", ICML 2015, eq. 2; Wen et al.,
    "Flipout", ICLR 2018.
    """

    def __init__(
        self, network: VNet, noise: torch.Generator, settings: TrainingSettings, num_voxels: int
    ) -> None:
        super().__init__(network, noise)
        self._settings = settings
        self._num_voxels = num_voxels

    def kl_weight(self, step: int) -> float:
        """Return beta during a step, counted from 0."""
        settings = self._settings
        rising = max(1.0, settings.kl_ramp_fraction * settings.steps)
        return settings.kl_weight * min(1.0, (step + 1) / rising)

    def loss(self, batch: TrainingBatch, step: int) -> Loss:
        """Return the free energy per voxel."""
        nll = cross_entropy(self.outputs(batch.images), batch.labels)
        kl = self.network.kl_divergence()
        total = free_energy(nll, kl, weight=self.kl_weight(step), num_voxels=self._num_voxels)
        return Loss(total, {"cross_entropy": nll, "kl_per_voxel": kl / self._num_voxels})
