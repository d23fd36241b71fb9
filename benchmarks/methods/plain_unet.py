"""What a person has without this project: MONAI's UNet, trained plainly on the same patches.

The same patches, augmentation, loss, optimiser, learning rates and choice of the checkpoint as for
our networks; only the network is another one. Its dropout serves Monte Carlo dropout too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from napari_bayesseg.networks.checkpoint import ModelCard, Normalisation, Spacing, save_model
from napari_bayesseg.networks.foreign.build import build_foreign
from napari_bayesseg.networks.foreign.spec import ForeignSpec
from napari_bayesseg.training.dataset import TrainingPair, load_cases, number_of_classes
from napari_bayesseg.training.loop import Progress, TrainingHooks
from napari_bayesseg.training.losses import cross_entropy
from napari_bayesseg.training.patches import Batch, PatchSampler, validation_batches
from napari_bayesseg.training.schedule import learning_rate
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["train_unet"]

_ARGUMENTS = {
    "channels": [16, 32, 64, 128],
    "strides": [2, 2, 2],
    "num_res_units": 2,
}
_VALIDATE_FROM = 0.6
"""Share of the steps after which checkpoints are compared, as for our networks."""


def train_unet(
    pairs: Sequence[TrainingPair],
    out: Path,
    settings: TrainingSettings,
    hooks: TrainingHooks = TrainingHooks(),  # noqa: B008 - frozen
) -> None:
    """Train the network and write a model folder.

    Parameters
    ----------
    pairs : sequence of TrainingPair
        The last `num_validation` choose the checkpoint.
    out : Path
    settings : TrainingSettings
        Steps, patches, augmentation, learning rate, dropout rate and seed are used.
    hooks : TrainingHooks
        Is told of each step.
    """
    normalisation = Normalisation()
    cases = load_cases(pairs, settings, normalisation)
    split = len(cases) - settings.num_validation
    num_classes = number_of_classes(cases, settings.class_names)
    arguments = {**_ARGUMENTS, "dropout": settings.dropout_rate}
    spec = ForeignSpec(network="monai.UNet", num_classes=num_classes, arguments=arguments)
    torch.manual_seed(settings.seed)  # of the weights, and of the dropout in training
    network = build_foreign(spec).to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    sampler = PatchSampler(cases[:split], settings, np.random.default_rng([settings.seed, 1]))
    checks = validation_batches(cases[split:], settings)
    best = _fit(network, sampler, checks, settings, hooks)
    network.load_state_dict(best)
    geometry = pairs[0].scan.spec.geometry
    card = ModelCard(
        name=out.name,
        title="MONAI's UNet, trained plainly",
        method="mc-dropout",
        network=spec,
        class_names=settings.class_names,
        normalisation=normalisation,
        spacing=Spacing(zyx=geometry.spacing, unit=geometry.unit),
        training={
            "settings": settings.model_dump(mode="json"),
            "parameters": sum(p.numel() for p in network.parameters()),
        },
    )
    save_model(out, card, network.cpu().eval())


def _fit(
    network: nn.Module,
    sampler: PatchSampler,
    checks: Sequence[Batch],
    settings: TrainingSettings,
    hooks: TrainingHooks,
) -> dict[str, Tensor]:
    """Return the weights that are best by validation."""
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    best: dict[str, Tensor] = {}
    lowest = math.inf
    for step in range(settings.steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(settings, step)
        network.train()
        batch = sampler.batch()
        loss = cross_entropy(network(batch.images), batch.labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        done, last = step + 1, step + 1 == settings.steps
        if last or (done % settings.validate_every == 0 and done > _VALIDATE_FROM * settings.steps):
            found = _validate(network, checks)
            if found < lowest or not best:
                lowest = found
                best = {name: t.detach().clone() for name, t in network.state_dict().items()}
        hooks.progress(Progress(done, settings.steps, loss.item(), {}))
    return best


@torch.no_grad()
def _validate(network: nn.Module, checks: Sequence[Batch]) -> float:
    """Return the cross-entropy of the held-out scans, nats per voxel, without dropout."""
    network.eval()
    total = count = 0.0
    for batch in checks:
        voxels = float((batch.labels >= 0).sum())
        total += voxels * float(cross_entropy(network(batch.images), batch.labels))
        count += voxels
    return total / count if count else math.inf
