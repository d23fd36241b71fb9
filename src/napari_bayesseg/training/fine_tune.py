"""Learning from corrections: a trained model goes on with what people have reviewed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_bayesseg.core.allocator import keep_freed_memory
from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.core.volume import LazyArray
from napari_bayesseg.inference.sources import choose_device
from napari_bayesseg.networks.checkpoint import ModelCard, load_card, load_networks, save_model
from napari_bayesseg.networks.foreign.spec import ForeignSpec
from napari_bayesseg.networks.model_folders import find_model
from napari_bayesseg.networks.spec import VNetSpec
from napari_bayesseg.training.dataset import TrainingPair
from napari_bayesseg.training.fine_tune_settings import FineTuneSettings
from napari_bayesseg.training.fine_tuning import FineTuning, TunedNetwork, mean_probability
from napari_bayesseg.training.pieces import Piece, cut_pieces
from napari_bayesseg.training.progress import TrainingHooks
from napari_bayesseg.training.train import check_model_folder

__all__ = ["fine_tune"]

_PATCH: Index3 = (32, 64, 64)  # of models that don't say how they were trained


def fine_tune(
    model: str | Path,
    pairs: Sequence[TrainingPair],
    out: Path,
    settings: FineTuneSettings = FineTuneSettings(),  # noqa: B008 - frozen
    *,
    predictions: Sequence[LazyArray | None] | None = None,
    learned_from: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    hooks: TrainingHooks = TrainingHooks(),  # noqa: B008 - frozen
) -> ModelCard:
    """Train a model a little further on reviewed voxels, and write it as a new one.

    All networks of the model are trained, one after the other, with the statistics of the
    normalisations that they have. Where nobody has reviewed they stay near the original; see
    :class:`~napari_bayesseg.training.holding.Holding`.

    Parameters
    ----------
    model : str or Path
        Name or folder; any method of this package.
    pairs : sequence of TrainingPair
        Scans with labels: whole numbers, below 0 where nobody has looked. Pairs with labels
        everywhere, such as some of the original training data, are learnt from all over.
    out : Path
        Folder of the new model; its name becomes the model's.
    settings : FineTuneSettings
    predictions : sequence of array (C, Z, Y, X) or None, optional
        The original's mean probabilities of each scan where a result holds them; else they are
        computed, which takes as long as a prediction.
    learned_from : mapping, optional
        JSON values for the new card: which results and decisions these are.
    overwrite : bool
        Whether an existing model may be replaced.
    hooks : TrainingHooks
        ``progress`` hears of every step.

    Returns
    -------
    ModelCard
        Of the new model. It carries no scores: none were taken on scans that it has not seen.

    Raises
    ------
    SettingsError
        If settings, model and data contradict each other, or the loss stops being a number.
    CheckpointError
        If the model is missing or damaged.
    FormatError, StoreError
        If a scan can't be read, or `out` can't be written.
    Cancelled
        If `hooks.should_stop` says so; nothing is written.
    """
    check_model_folder(out, overwrite=overwrite)
    folder = find_model(model)
    card = load_card(folder)
    spec = _own_spec(card, folder)
    device = choose_device(settings.device)
    keep_freed_memory()
    networks = load_networks(folder, card)
    known = predictions or [None] * len(pairs)
    patch_shape = _patch_shape(settings, card, spec, pairs)
    predict = partial(mean_probability, networks, patch_shape)
    pieces = cut_pieces(
        pairs,
        known,
        patch_shape,
        card.normalisation,
        spec.num_probabilities,
        predict,
        settings.seed,
    )
    started = time.perf_counter()
    tuning = FineTuning(pieces, patch_shape, _mirrors(card), settings, device, hooks)
    tuned = [tuning.tune(network, index, len(networks)) for index, network in enumerate(networks)]
    seconds = time.perf_counter() - started
    new = _card(card, out, settings, patch_shape, pieces, tuned, seconds, learned_from or {})
    return save_model(out, new, *(each.network for each in tuned))


def _own_spec(card: ModelCard, folder: Path) -> VNetSpec:
    if isinstance(card.network, ForeignSpec):
        raise SettingsError(
            f"{folder.name} is a {card.network.network}, made elsewhere: only networks that were "
            "trained here can learn from corrections; save crops and train it where it was made"
        )
    return card.network


def _trained_with(card: ModelCard) -> Mapping[str, Any]:
    """Return the settings that a model was trained with, as far as its card tells."""
    found = card.training.get("settings")
    return found if isinstance(found, Mapping) else {}


def _mirrors(card: ModelCard) -> tuple[bool, bool]:
    """Whether patches may be flipped and transposed: as in training; not where nobody knows."""
    known = _trained_with(card)
    change = known.get("augmentation", known)
    return bool(change.get("flip", False)), bool(change.get("transpose", False))


def _patch_shape(
    settings: FineTuneSettings, card: ModelCard, spec: VNetSpec, pairs: Sequence[TrainingPair]
) -> Index3:
    """Return the patch: no larger than the scans need it, a multiple of the stride."""
    wanted = settings.patch_shape or tuple(_trained_with(card).get("patch_shape", _PATCH))
    stride = spec.stride
    if settings.patch_shape and any(p % s or p < s for p, s in zip(wanted, stride, strict=True)):
        raise SettingsError(
            f"patch_shape must be a multiple of the network's stride {stride}; got {wanted}"
        )
    if not pairs:
        raise SettingsError("there is nothing to learn from: name a scan and its labels")
    largest = np.max([pair.scan.shape for pair in pairs], axis=0)
    z, y, x = (
        min(max(p // s, 1), -(-n // s)) * s
        for p, s, n in zip(wanted, stride, largest.tolist(), strict=True)
    )
    return z, y, x


def _card(
    original: ModelCard,
    out: Path,
    settings: FineTuneSettings,
    patch_shape: Index3,
    pieces: Sequence[Piece],
    tuned: Sequence[TunedNetwork],
    seconds: float,
    learned_from: Mapping[str, Any],
) -> ModelCard:
    reviewed = sum(int(np.count_nonzero(piece.labels >= 0)) for piece in pieces)
    source = original.title or original.name
    return original.model_copy(
        update={
            "name": out.absolute().name,
            "title": f"{source}, after learning from {reviewed:,} reviewed voxels",
            "scores": {},
            "weights_sha256": "",
            "training": {
                "settings": dict(_trained_with(original)),
                "fine_tuned_from": {
                    "name": original.name,
                    "weights_sha256": original.weights_sha256,
                    "training": original.training,
                    "scores": original.scores,
                },
                "learned_from": dict(learned_from),
                "fine_tuning": settings.model_dump(mode="json"),
                "patch_shape": list(patch_shape),
                "voxels": reviewed,
                "steps": [each.steps for each in tuned],
                "seconds": round(seconds, 1),
                "on_the_reviewed_voxels_that_it_learned": {
                    "what": "nats per voxel on the very voxels learned from: no held-out score",
                    "before": [round(each.before, 5) for each in tuned],
                    "after": [round(each.after, 5) for each in tuned],
                },
                "torch": torch.__version__.split("+")[0],
                "threads": torch.get_num_threads(),
            },
        }
    )
