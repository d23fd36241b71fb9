"""How well a network does on held-out scans while it is trained."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from napari_bayesseg.networks.normalisation import set_statistics, statistics_of
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training.dataset import TrainingCase
from napari_bayesseg.training.objective import Objective
from napari_bayesseg.training.patches import validation_batches
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["Validation"]


class Validation:
    """Mean negative log-likelihood over fixed patches of held-out scans, under fixed noise.

    Parameters
    ----------
    held_out : sequence of TrainingCase
        May be empty: then there is no validation.
    settings : TrainingSettings
    device : torch.device
    """

    def __init__(
        self, held_out: Sequence[TrainingCase], settings: TrainingSettings, device: torch.device
    ) -> None:
        self._device = device
        self._batches = [
            (batch.images.to(device), batch.labels.to(device))
            for batch in validation_batches(held_out, settings)
        ]

    @torch.no_grad()
    def __call__(self, network: VNet, objective: Objective) -> float | None:
        """Return nats per labelled voxel; None without held-out scans.

        Held-out scans never enter the averages of the normalisations.
        """
        if not self._batches:
            return None
        before = statistics_of(network)
        if before == "accumulating":
            set_statistics(network, "live")
        layers = torch.Generator().manual_seed(0)
        generator = torch.Generator(self._device).manual_seed(0)
        total = count = 0.0
        for images, labels in self._batches:
            outputs = network(images, layers).float()
            voxels = float((labels >= 0).sum())
            total += voxels * float(objective.likelihood(outputs, labels, generator))
            count += voxels
        set_statistics(network, before)
        return total / count if count else None
