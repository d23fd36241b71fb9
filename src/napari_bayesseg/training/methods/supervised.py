"""Training on labels alone: Monte Carlo dropout, deep ensembles, SGHMC.

These methods differ in the network (channel dropout or point weights), in the optimiser and in
how many networks there are; the loss is the cross-entropy.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training.losses import cross_entropy
from napari_bayesseg.training.objective import Loss, TrainingBatch

__all__ = ["Supervised"]


class Supervised:
    """Mean cross-entropy of labelled voxels; the base of the methods that add to it.

    Parameters
    ----------
    network : VNet
    noise : torch.Generator
        Of the network's random layers, on the processor.
    """

    def __init__(self, network: VNet, noise: torch.Generator) -> None:
        self.network = network
        self.noise = noise

    def outputs(self, images: Tensor) -> Tensor:
        """Run the network with fresh noise per example; float32 whatever it computes in."""
        result: Tensor = self.network(images, self.noise).float()
        return result

    def loss(self, batch: TrainingBatch, step: int) -> Loss:
        """Return the cross-entropy."""
        loss = cross_entropy(self.outputs(batch.images), batch.labels)
        return Loss(loss, {"cross_entropy": loss})

    def likelihood(self, outputs: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Return the cross-entropy of given outputs."""
        return cross_entropy(outputs, labels)

    def after_step(self, step: int) -> None:
        """Do nothing."""

    def tensors(self) -> Mapping[str, Tensor]:
        """Return nothing: the network is all there is."""
        return {}
