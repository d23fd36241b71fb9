"""How well a network does on held-out scans while it is trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from napari_bayesseg.networks.normalisation import set_statistics, statistics_of
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training.dataset import TrainingCase
from napari_bayesseg.training.method_settings import AugmentationSettings
from napari_bayesseg.training.objective import Objective
from napari_bayesseg.training.patches import PatchSampler
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["Validation"]

_NUM_BATCHES = 8
_UNCHANGED = AugmentationSettings(flip=False, transpose=False, gain=0.0, shift=0.0)


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
        self._batches: list[tuple[Tensor, Tensor]] = []
        if held_out:
            plain = settings.model_copy(update={"augmentation": _UNCHANGED})
            sampler = PatchSampler(held_out, plain, np.random.default_rng([settings.seed, 2]))
            batches = [sampler.batch() for _ in range(_NUM_BATCHES)]
            self._batches = [(b.images.to(device), b.labels.to(device)) for b in batches]

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
