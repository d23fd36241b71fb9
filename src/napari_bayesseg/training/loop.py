"""The training loop: one for all methods, stopped and gone on with at any step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision, Precision
from torch import Tensor

from napari_bayesseg.core.allocator import keep_freed_memory
from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.inference.progress import Cancelled
from napari_bayesseg.inference.sources import choose_device
from napari_bayesseg.networks.normalisation import set_statistics
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training.dataset import TrainingCase
from napari_bayesseg.training.identity import TrainingIdentity
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

__all__ = ["Fitted", "Progress", "TrainingHooks", "TrainingRecord", "check_fit", "fit"]


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


def check_fit(
    cases: Sequence[TrainingCase],
    held_out: Sequence[TrainingCase],
    settings: TrainingSettings,
    unlabelled: Sequence[TrainingCase],
) -> None:
    """Refuse what can't be trained, before anything is.

    Raises
    ------
    SettingsError
        If the method and the data contradict each other.
    """
    if not cases:
        raise SettingsError("there is no scan to train on: add scans with labels")
    if any(case.labels is None for case in (*cases, *held_out)):
        raise SettingsError("scans to train on or to hold out need labels")
    if settings.method != "ua-mt" and unlabelled:
        raise SettingsError(
            f"{settings.method} can't learn from scans without labels, and there are "
            f"{len(unlabelled)}: take ua-mt, or leave them out"
        )
    if settings.patience is not None and settings.method == "sghmc":
        raise SettingsError("sghmc runs all its cycles: leave patience out")
    if settings.patience is not None and not held_out:
        raise SettingsError("patience needs held-out scans: set num_validation above 0")


def fit(
    cases: Sequence[TrainingCase],
    held_out: Sequence[TrainingCase],
    settings: TrainingSettings,
    num_classes: int,
    hooks: TrainingHooks = TrainingHooks(),  # noqa: B008 - frozen
    *,
    unlabelled: Sequence[TrainingCase] = (),
    initial: VNet | Sequence[VNet] | None = None,
    state: Path | None = None,
    overwrite: bool = False,
) -> Fitted:
    """Train the networks of a method.

    Each is the best one by validation with population statistics in force, or the last one
    without held-out scans, or, of a sampler, a snapshot. Deterministic for a seed, a device and a
    number of threads, however often it was stopped and gone on with.

    Parameters
    ----------
    cases, held_out, unlabelled : sequence of TrainingCase
        Scans with labels to train on, to choose by, and scans without labels.
    settings : TrainingSettings
    num_classes : int
    hooks : TrainingHooks
    initial : VNet, or sequence of VNet, optional
        To start from, with the statistics that it has in force all along; the members of an
        ensemble take turns.
    state : Path, optional
        Folder in which the unfinished training is kept; without, stopping loses it.
    overwrite : bool
        Whether an unfinished training of other settings or data in `state` may be replaced.

    Raises
    ------
    SettingsError
        If settings and data contradict each other, or the loss stops being a number.
    StoreError
        If `state` belongs to another training or is in use.
    Cancelled
        If `hooks.should_stop` says so; the same call then goes on.
    """
    keep_freed_memory()
    check_fit(cases, held_out, settings, unlabelled)
    starts = (initial,) if isinstance(initial, VNet) else tuple(initial or ())
    _check_initial(starts, settings, num_classes)
    scans = {"training": cases, "held_out": held_out, "unlabelled": unlabelled}
    device = choose_device(settings.device)
    with _saved(state, settings, num_classes, scans, starts, overwrite) as saved:
        run = _Run(device, scans, settings, num_classes, hooks, starts, saved)
        return run.fitted()


def _check_initial(initial: Sequence[VNet], settings: TrainingSettings, num_classes: int) -> None:
    wanted = settings.network_spec(num_classes)
    for network in initial:
        if network.spec != wanted:
            names = [n for n in type(wanted).model_fields if _of(wanted, n) != _of(network.spec, n)]
            found = ", ".join(f"{n} = {_of(network.spec, n)}, not {_of(wanted, n)}" for n in names)
            raise SettingsError(f"the network to start from is another one: its {found}")


def _of(spec: object, name: str) -> Any:
    return getattr(spec, name)


@contextmanager
def _saved(
    state: Path | None,
    settings: TrainingSettings,
    num_classes: int,
    scans: Mapping[str, Sequence[TrainingCase]],
    initial: Sequence[VNet],
    overwrite: bool,
) -> Iterator[SavedState | None]:
    if state is None:
        yield None
        return
    identity = TrainingIdentity.of(settings, num_classes, scans, initial)
    with SavedState.opened(state, identity, overwrite=overwrite) as saved:
        yield saved


class _Run:
    """All members of one training, one after the other."""

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
        cases = scans["training"]
        self._record = TrainingRecord(
            intensity_range=_intensity_range(cases),
            num_training_voxels=sum(_num_labelled(case) for case in cases),
        )
        self._weights: list[dict[str, Tensor]] = []
        self._saved_at = self._counted_at = monotonic()

    def fitted(self) -> Fitted:
        """Train what is not trained yet."""
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
