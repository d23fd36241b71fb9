"""One network in training, with everything that its next step depends on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.networks.normalisation import restart_statistics, set_statistics
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training.dataset import TrainingCase
from napari_bayesseg.training.methods.build import (
    Generators,
    build_objective,
    build_optimiser,
    build_schedule,
)
from napari_bayesseg.training.objective import TrainingBatch
from napari_bayesseg.training.patches import PatchSampler
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["Diverged", "Member", "check_finite", "member_seed"]


class Diverged(SettingsError):
    """The loss stopped being a number; going on from the last state would come to the same."""


def member_seed(seed: int, index: int) -> int:
    """Return the seed of a network of an ensemble, which for the first one is the run's own."""
    if index == 0:
        return seed
    return int(np.random.SeedSequence(seed, spawn_key=(index,)).generate_state(1)[0])


class Member:
    """A network, its objective, optimiser and schedule, and its sources of randomness.

    Parameters
    ----------
    fabric : Fabric
        Device and precision.
    settings : TrainingSettings
    num_classes : int
    index : int
        Number in the ensemble, from 0; decides about the seed.
    cases, unlabelled : sequence of TrainingCase
    num_voxels : int
        Labelled ones.
    initial : VNet or None
        Whose weights it starts from; else from random ones.
    """

    def __init__(
        self,
        fabric: Fabric,
        settings: TrainingSettings,
        num_classes: int,
        index: int,
        cases: Sequence[TrainingCase],
        unlabelled: Sequence[TrainingCase],
        num_voxels: int,
        initial: VNet | None,
    ) -> None:
        self._fabric, self._settings = fabric, settings
        seed = member_seed(settings.seed, index)
        self.network = _network(settings, num_classes, seed, initial)
        fabric.to_device(self.network)
        if fabric.device.type == "cpu":
            # Activations follow: a step takes two thirds of the time.
            self.network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self._generators = Generators.seeded(seed, fabric.device)
        fresh = initial is None
        self.objective = build_objective(
            self.network, settings, num_voxels, self._generators, fresh=fresh
        )
        self._optimiser = build_optimiser(self.network, settings, num_voxels, self._generators)
        self.schedule = build_schedule(settings, fresh=fresh)
        self._numpy = [np.random.default_rng([seed, stream]) for stream in (1, 3)]
        self._labelled = PatchSampler(cases, settings, self._numpy[0])
        self._unlabelled = None
        if settings.method == "ua-mt":
            # Where there are none, teacher and student agree on the scans that have labels.
            self._unlabelled = PatchSampler(
                unlabelled or cases,
                settings,
                self._numpy[1],
                batch_size=settings.mean_teacher.unlabelled_batch_size,
            )

    def advance(self, step: int) -> tuple[float, dict[str, float]]:
        """Do one step, counted from 0; returns the loss and its terms.

        Raises
        ------
        Diverged
            If the loss stops being a number.
        """
        self._set_statistics(step)
        for group in self._optimiser.param_groups:
            group.update(self.schedule.group_values(step))
        batch = self._batch()
        with self._fabric.autocast():
            loss = self.objective.loss(batch, step)
        value = loss.total.item()
        check_finite(value, step, self._settings)
        self._optimiser.zero_grad(set_to_none=True)
        self._fabric.backward(loss.total)
        self._optimiser.step()
        self.objective.after_step(step)
        return value, {name: term.item() for name, term in loss.terms.items()}

    def _set_statistics(self, step: int) -> None:
        mode = self.schedule.statistics(step)
        begins = step == 0 or self.schedule.statistics(step - 1) != mode
        if mode == "accumulating" and begins:
            restart_statistics(self.network)
        set_statistics(self.network, mode)

    def _batch(self) -> TrainingBatch:
        labelled = self._labelled.batch()
        images, labels = (self._place(t) for t in (labelled.images, labelled.labels))
        if self._unlabelled is None:
            return TrainingBatch(images, labels)
        return TrainingBatch(images, labels, self._place(self._unlabelled.batch().images))

    def _place(self, tensor: Tensor) -> Tensor:
        placed: Tensor = self._fabric.to_device(tensor)
        return placed

    def weights(self) -> dict[str, Tensor]:
        """Return a copy of the network's state, on the processor."""
        return {
            name: tensor.detach().cpu().clone()
            for name, tensor in self.network.state_dict().items()
        }

    def tensors(self) -> dict[str, Tensor]:
        """Return everything that the next step depends on and that is a tensor."""
        found = {f"network/{name}": t for name, t in self.network.state_dict().items()}
        found |= {f"objective/{name}": t for name, t in self.objective.tensors().items()}
        for index, parameter in enumerate(self.network.parameters()):
            state = self._optimiser.state.get(parameter, {})
            found |= {f"optimiser/{index}/{key}": value for key, value in state.items()}
        found["generators/layers"] = self._generators.layers.get_state()
        found["generators/device"] = self._generators.device.get_state()
        return found

    def numbers(self) -> dict[str, Any]:
        """Return the rest of it, for a JSON file."""
        return {"numpy": [generator.bit_generator.state for generator in self._numpy]}

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Take over what :meth:`tensors` and :meth:`numbers` gave.

        Values are copied into the tensors that are there, so that their memory layout, and with
        it the last bit of every sum, is that of a run that was never interrupted.
        """
        for name, tensor in self.network.state_dict().items():
            tensor.copy_(tensors[f"network/{name}"])
        for name, tensor in self.objective.tensors().items():
            tensor.copy_(tensors[f"objective/{name}"])
        for index, parameter in enumerate(self.network.parameters()):
            prefix = f"optimiser/{index}/"
            for name in (n for n in tensors if n.startswith(prefix)):
                value = tensors[name]
                if value.shape == parameter.shape:
                    value = torch.empty_like(parameter).copy_(value)
                self._optimiser.state[parameter][name.removeprefix(prefix)] = value
        self._generators.layers.set_state(tensors["generators/layers"])
        self._generators.device.set_state(tensors["generators/device"])
        for generator, state in zip(self._numpy, numbers["numpy"], strict=True):
            generator.bit_generator.state = state


def _network(settings: TrainingSettings, num_classes: int, seed: int, initial: VNet | None) -> VNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = VNet(settings.network_spec(num_classes))
    if initial is not None:
        network.load_state_dict(initial.state_dict())
    return network


def check_finite(loss: float, step: int, settings: TrainingSettings) -> None:
    """Refuse a loss that is no number; `step` counts from 0.

    Raises
    ------
    Diverged
        With the remedy.
    """
    if not math.isfinite(loss):
        name, rate = "learning_rate", settings.learning_rate
        if settings.method == "sghmc":
            name, rate = "sghmc.learning_rate", settings.sghmc.learning_rate
        raise Diverged(
            f"the loss is {loss} at step {step + 1}: training has diverged; take a "
            f"{name} below {rate:g}"
        )
