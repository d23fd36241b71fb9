"""All networks of one training, one after the other, with what is kept of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision, Precision
from torch import Tensor

from napari_bayesseg.inference.progress import Cancelled
from napari_bayesseg.networks.normalisation import set_statistics
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training.dataset import TrainingCase
from napari_bayesseg.training.member import Member, check_finite
from napari_bayesseg.training.progress import (
    NetworkRecord,
    Progress,
    TrainingHooks,
    TrainingRecord,
)
from napari_bayesseg.training.saved_state import SavedState
from napari_bayesseg.training.settings import TrainingSettings
from napari_bayesseg.training.validation import Validation

__all__ = ["Fitted", "TrainingRun"]


@dataclass(frozen=True)
class Fitted:
    """What a training gives.

    Attributes
    ----------
    networks : tuple of VNet
        On the processor, in evaluation mode, with population statistics in force. One, or the
        members of an ensemble, or the snapshots of a sampler.
    record : TrainingRecord
    """

    networks: tuple[VNet, ...]
    record: TrainingRecord


@dataclass
class _Best:
    """The best network of a member so far."""

    weights: dict[str, Tensor] = field(default_factory=dict)
    step: int = 0
    validation: float = math.inf
    waited: int = 0

    def offer(self, member: Member, step: int, validation: float | None) -> None:
        """Take the network if it is better, or if there is nothing to compare by."""
        if self.weights and validation is not None and validation >= self.validation:
            self.waited += 1
            return
        self.weights, self.step, self.waited = member.weights(), step + 1, 0
        self.validation = math.inf if validation is None else validation


class TrainingRun:
    """A training that may have been begun before.

    Parameters
    ----------
    device : torch.device
    scans : mapping of str to sequence of TrainingCase
        By role: training, held_out, unlabelled.
    settings : TrainingSettings
    num_classes : int
    hooks : TrainingHooks
    initial : sequence of VNet
        To start from, in turns; may be empty.
    saved : SavedState or None
        What there is of it on the disk.
    """

    def __init__(
        self,
        device: torch.device,
        scans: Mapping[str, Sequence[TrainingCase]],
        settings: TrainingSettings,
        num_classes: int,
        hooks: TrainingHooks,
        initial: Sequence[VNet],
        saved: SavedState | None,
    ) -> None:
        mixed = settings.precision == "bfloat16"
        precision = MixedPrecision("bf16-mixed", device.type) if mixed else Precision()
        self._fabric = Fabric(accelerator=device.type, devices=1, plugins=precision)
        self._scans, self._settings, self._num_classes = scans, settings, num_classes
        self._hooks, self._initial, self._saved = hooks, initial, saved
        self._validation = Validation(scans["held_out"], settings, self._fabric.device)
        self._record = TrainingRecord(
            intensity_range=_intensity_range([*scans["training"], *scans["unlabelled"]]),
            num_training_voxels=sum(_num_labelled(case) for case in scans["training"]),
        )
        self._weights: list[dict[str, Tensor]] = []
        self._saved_at = self._counted_at = monotonic()

    def fitted(self) -> Fitted:
        """Train what is not trained yet; errors as of ``training.loop.fit``."""
        found = self._saved.load() if self._saved else None
        first = self._take_over(found[1]) if found else 0
        for index in range(first, self._settings.members):
            self._train_member(index, found if index == first else None)
        networks = tuple(self._network(weights) for weights in self._weights)
        divergences = [float(network.kl_divergence().item()) for network in networks]
        self._record.kl_divergence_nats = float(np.mean(divergences))
        return Fitted(networks, self._record)

    def _take_over(self, numbers: Mapping[str, Any]) -> int:
        """Restore the record and the finished networks; returns which member is next."""
        assert self._saved is not None
        self._record.log = [Progress(**line) for line in numbers["log"]]
        self._record.networks = [NetworkRecord(**network) for network in numbers["networks"]]
        self._record.seconds = numbers["seconds"]
        count = len(self._record.networks)
        self._weights = [self._saved.load_network(index) for index in range(count)]
        return int(numbers["member"])

    def _train_member(
        self, index: int, found: tuple[dict[str, Tensor], dict[str, Any]] | None
    ) -> None:
        settings, scans = self._settings, self._scans
        initial = self._initial[index % len(self._initial)] if self._initial else None
        member = Member(
            self._fabric,
            settings,
            self._num_classes,
            index,
            scans["training"],
            scans["unlabelled"],
            self._record.num_training_voxels,
            initial,
        )
        best, first = _Best(), 0
        if found is not None and found[1]["step"] > 0:
            tensors, numbers = found
            member.restore(tensors, numbers)
            best, first = _restored_best(tensors, numbers), numbers["step"]
        for step in range(first, settings.steps):
            if self._exhausted(best):
                break
            loss, terms = member.advance(step)
            validation = self._judge(member, index, step, best)
            progress = Progress(
                step + 1, settings.steps, loss, terms, validation, index + 1, settings.members
            )
            self._record.log.append(progress)
            self._hooks.progress(progress)
            self._save_or_stop(member, index, step, best)
        if not member.schedule.snapshots:
            self._keep(best.weights, NetworkRecord(index + 1, best.step, best.validation))
        self._save({}, {"member": index + 1, "step": 0})

    def _exhausted(self, best: _Best) -> bool:
        patience = self._settings.patience
        return patience is not None and best.waited >= patience

    def _judge(self, member: Member, index: int, step: int, best: _Best) -> float | None:
        """Validate where it is time to, and keep what is to be kept."""
        settings = self._settings
        snapshot = step in member.schedule.snapshots
        last = step + 1 == settings.steps
        if not snapshot and (step + 1) % settings.validate_every and not last:
            return None
        validation = self._validation(member.network, member.objective)
        if validation is not None:
            check_finite(validation, step, settings)
        if snapshot:
            found = math.inf if validation is None else validation
            self._keep(member.weights(), NetworkRecord(index + 1, step + 1, found))
        elif not member.schedule.snapshots and member.schedule.statistics(step) == "population":
            best.offer(member, step, validation)
        return validation

    def _keep(self, weights: dict[str, Tensor], record: NetworkRecord) -> None:
        """Add a network to the result."""
        if self._saved is not None:
            self._saved.save_network(len(self._weights), weights)
        self._weights.append(weights)
        self._record.networks.append(record)

    def _save_or_stop(self, member: Member, index: int, step: int, best: _Best) -> None:
        stop = self._hooks.should_stop()
        if stop or monotonic() - self._saved_at >= self._settings.save_every_s:
            tensors = member.tensors()
            tensors |= {f"best/{name}": tensor for name, tensor in best.weights.items()}
            numbers = {
                "member": index,
                "step": step + 1,
                "best": [best.step, best.validation, best.waited],
                **member.numbers(),
            }
            self._save(tensors, numbers)
        if stop:
            raise Cancelled(f"training was stopped after step {step + 1}; the same call goes on")

    def _save(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        now = monotonic()
        self._record.seconds += now - self._counted_at
        self._counted_at = now
        if self._saved is None:
            return
        record = {
            "log": [asdict(line) for line in self._record.log],
            "networks": [asdict(network) for network in self._record.networks],
            "seconds": self._record.seconds,
        }
        self._saved.save(tensors, {**record, **numbers})
        self._saved_at = monotonic()

    def _network(self, weights: Mapping[str, Tensor]) -> VNet:
        with torch.random.fork_rng(devices=[]):
            network = VNet(self._settings.network_spec(self._num_classes))
        network.load_state_dict(weights)
        set_statistics(network, "population")
        return network.eval()


def _restored_best(tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> _Best:
    weights = {
        name.removeprefix("best/"): tensor
        for name, tensor in tensors.items()
        if name.startswith("best/")
    }
    step, validation, waited = numbers["best"]
    return _Best(weights, step, validation, waited)


def _num_labelled(case: TrainingCase) -> int:
    return 0 if case.labels is None else int((case.labels >= 0).sum())


def _intensity_range(cases: Sequence[TrainingCase]) -> tuple[float, float]:
    lows, highs = zip(*(np.percentile(case.image, (0.01, 99.99)) for case in cases), strict=True)
    return round(float(min(lows)), 3), round(float(max(highs)), 3)
