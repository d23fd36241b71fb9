"""The training loop: from pairs of scans and labels to a model folder's network."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from napari_bayesseg.core.allocator import keep_freed_memory
from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.inference.sources import choose_device
from napari_bayesseg.networks.normalisation import set_statistics
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training.dataset import TrainingCase
from napari_bayesseg.training.losses import cross_entropy, free_energy
from napari_bayesseg.training.patches import PatchSampler, validation_batches
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["Progress", "TrainingRecord", "fit", "learning_rate"]


@dataclass(frozen=True)
class Progress:
    """One line of a training log; losses in nats per voxel."""

    step: int
    loss: float
    cross_entropy: float
    kl_per_voxel: float
    validation: float | None = None


@dataclass
class TrainingRecord:
    """What a run did, for the model card and the log."""

    log: list[Progress] = field(default_factory=list)
    best_step: int = 0
    best_validation: float = math.inf
    kl_divergence_nats: float = 0.0
    intensity_range: tuple[float, float] = (0.0, 0.0)
    num_training_voxels: int = 0


def learning_rate(settings: TrainingSettings, step: int) -> float:
    """Constant at first, then exponential decay to the final share."""
    done = step / settings.steps
    if done <= settings.constant_fraction or settings.constant_fraction == 1.0:
        return settings.learning_rate
    decay = (done - settings.constant_fraction) / (1.0 - settings.constant_fraction)
    return float(settings.learning_rate * settings.final_learning_rate**decay)


def fit(
    cases: Sequence[TrainingCase],
    held_out: Sequence[TrainingCase],
    settings: TrainingSettings,
    num_classes: int,
    report: Callable[[Progress], None] = lambda _: None,
) -> tuple[VNet, TrainingRecord]:
    """Train a network; returns the best one by validation with population statistics in force.

    Without held-out scans the last state is returned. Deterministic for a seed, device and number
    of threads.

    Raises
    ------
    SettingsError
        If the loss stops being a number.
    """
    keep_freed_memory()
    fabric = Fabric(accelerator=choose_device(settings.device).type, devices=1)
    fabric.seed_everything(settings.seed, verbose=False)
    network = VNet(settings.network_spec(num_classes))
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    model, optimiser = fabric.setup(network, optimiser)
    noise = torch.Generator().manual_seed(settings.seed)
    sampler = PatchSampler(cases, settings, np.random.default_rng([settings.seed, 1]))
    checks = validation_batches(held_out, settings)
    record = TrainingRecord(
        num_training_voxels=sum(case.image.size for case in cases),
        intensity_range=_intensity_range(cases),
    )
    best: dict[str, Tensor] = {}
    for step in range(settings.steps):
        set_statistics(network, settings.statistics_mode(step))
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(settings, step)
        images, labels = (fabric.to_device(t) for t in sampler.batch())
        nll = cross_entropy(model(images, noise), labels)
        ramp = min(1.0, (step + 1) / max(1.0, settings.kl_ramp_fraction * settings.steps))
        kl = network.kl_divergence()
        voxels = record.num_training_voxels
        loss = free_energy(nll, kl, weight=ramp * settings.kl_weight, num_voxels=voxels)
        _check_finite(loss.item(), step, settings)
        optimiser.zero_grad(set_to_none=True)
        fabric.backward(loss)
        optimiser.step()
        last = step + 1 == settings.steps
        validation = None
        if (step + 1) % settings.validate_every == 0 or last:
            validation = _validate(network, [fabric.to_device(b) for b in checks])
            if validation is not None:
                _check_finite(validation, step, settings)
            if settings.statistics_mode(step) == "population":
                best = _keep_best(best, network, record, step, validation)
        progress = Progress(step + 1, loss.item(), nll.item(), kl.item() / voxels, validation)
        record.log.append(progress)
        report(progress)
    network.load_state_dict(best)
    set_statistics(network, "population")
    record.kl_divergence_nats = float(network.kl_divergence().item())
    return network.cpu().eval(), record


def _check_finite(loss: float, step: int, settings: TrainingSettings) -> None:
    if not math.isfinite(loss):
        raise SettingsError(
            f"the loss is {loss} at step {step + 1}: training has diverged; take a "
            f"learning_rate below {settings.learning_rate:g}"
        )


def _keep_best(
    best: dict[str, Tensor],
    network: VNet,
    record: TrainingRecord,
    step: int,
    validation: float | None,
) -> dict[str, Tensor]:
    """Return the network's state if it is the best so far, else the one before."""
    if best and validation is not None and validation >= record.best_validation:
        return best
    record.best_step = step + 1
    record.best_validation = math.inf if validation is None else validation
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}


def _intensity_range(cases: Sequence[TrainingCase]) -> tuple[float, float]:
    lows, highs = zip(*(np.percentile(case.image, (0.01, 99.99)) for case in cases), strict=True)
    return round(float(min(lows)), 3), round(float(max(highs)), 3)


@torch.no_grad()
def _validate(network: VNet, batches: Sequence[Any]) -> float | None:
    """Mean cross-entropy over fixed patches and noise, in nats per voxel."""
    if not batches:
        return None
    before = [m.statistics for m in network.modules() if hasattr(m, "statistics")]
    if "accumulating" in before:  # held-out scans must not enter the statistics
        set_statistics(network, "live")
    noise = torch.Generator().manual_seed(0)
    losses = [cross_entropy(network(images, noise), labels).item() for images, labels in batches]
    return float(np.mean(losses))
