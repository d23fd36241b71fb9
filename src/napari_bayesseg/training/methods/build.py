"""From settings to what trains a network: objective, optimiser, schedule."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training.methods.heteroscedastic import Heteroscedastic
from napari_bayesseg.training.methods.mean_teacher import MeanTeacher
from napari_bayesseg.training.methods.sghmc import Sghmc
from napari_bayesseg.training.methods.supervised import Supervised
from napari_bayesseg.training.methods.variational import Variational
from napari_bayesseg.training.objective import Objective
from napari_bayesseg.training.schedule import DecaySchedule, Schedule
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["Generators", "build_objective", "build_optimiser", "build_schedule"]


@dataclass(frozen=True)
class Generators:
    """Where a network's training takes its randomness from.

    Attributes
    ----------
    layers : torch.Generator
        Of the random layers; on the processor, whatever the device.
    device : torch.Generator
        Of noise as large as images or weights; on the device.
    """

    layers: torch.Generator
    device: torch.Generator

    @classmethod
    def seeded(cls, seed: int, device: torch.device) -> Generators:
        """Return generators of a seed."""
        return cls(torch.Generator().manual_seed(seed), torch.Generator(device).manual_seed(seed))


def build_objective(
    network: VNet,
    settings: TrainingSettings,
    num_voxels: int,
    generators: Generators,
    *,
    fresh: bool,
) -> Objective:
    """Return the objective of a network, which is on its device already.

    `num_voxels` are the labelled ones of the training scans; `fresh` says whether the network has
    just been initialised.
    """
    if settings.method == "bcnn":
        return Variational(network, generators.layers, settings, num_voxels)
    if settings.method == "heteroscedastic":
        return Heteroscedastic(
            network,
            generators.layers,
            settings.heteroscedastic,
            generators.device,
            fresh=fresh,
        )
    if settings.method == "ua-mt":
        return MeanTeacher(
            network, generators.layers, settings.mean_teacher, settings.steps, generators.device
        )
    return Supervised(network, generators.layers)


def build_optimiser(
    network: VNet, settings: TrainingSettings, num_voxels: int, generators: Generators
) -> torch.optim.Optimizer:
    """Return the sampler of SGHMC; Adam for every other method."""
    if settings.method != "sghmc":
        return torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    return Sghmc(
        network.parameters(),
        settings.sghmc.learning_rate,
        friction=settings.sghmc.friction,
        temperature=settings.sghmc.temperature,
        num_data=num_voxels,
        prior_scale=settings.sghmc.prior_scale,
        generator=generators.device,
    )


def build_schedule(settings: TrainingSettings, *, fresh: bool) -> Schedule:
    """Return the cycles of SGHMC; constant rate and decay for every other method."""
    if settings.method == "sghmc":
        return settings.cycles
    return DecaySchedule(settings, frozen_statistics=not fresh)
