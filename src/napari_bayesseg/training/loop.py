"""The training loop: one for all methods, stopped and gone on with at any step."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from napari_bayesseg.core.allocator import keep_freed_memory
from napari_bayesseg.core.errors import BayesSegWarning, SettingsError
from napari_bayesseg.inference.sources import choose_device
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.numerics.planar.tile import HAS_BFLOAT16
from napari_bayesseg.training.dataset import TrainingCase
from napari_bayesseg.training.identity import TrainingIdentity
from napari_bayesseg.training.member import Diverged
from napari_bayesseg.training.progress import (
    Progress,
    TrainingHooks,
    TrainingRecord,
)
from napari_bayesseg.training.run import Fitted, TrainingRun
from napari_bayesseg.training.saved_state import SavedState
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["Fitted", "Progress", "TrainingHooks", "TrainingRecord", "check_fit", "fit"]


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
    without held-out scans, or, of a sampler, a snapshot. On the processor a seed and a number of
    threads give one result to the bit, however often the training was stopped and gone on with; a
    GPU adds up gradients in any order.

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
    _warn_if_slow(settings, device)
    try:
        with _saved(state, settings, num_classes, scans, starts, overwrite) as saved:
            run = TrainingRun(device, scans, settings, num_classes, hooks, starts, saved)
            return run.fitted()
    except Diverged:
        if state is not None:
            SavedState.remove(state)
        raise


def _warn_if_slow(settings: TrainingSettings, device: torch.device) -> None:
    if settings.precision == "bfloat16" and device.type == "cpu" and not HAS_BFLOAT16:
        warnings.warn(
            "this processor does not multiply bfloat16 numbers by itself: training in bfloat16 is "
            "slower than in float32 here",
            BayesSegWarning,
            stacklevel=3,
        )


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
