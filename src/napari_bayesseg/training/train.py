"""``train``: folders of scans and labels in, a model folder with its card out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from napari_bayesseg.core.errors import SettingsError, StoreError
from napari_bayesseg.inference.sources import choose_device
from napari_bayesseg.io.atomic import check_writable
from napari_bayesseg.networks.checkpoint import (
    CARD_NAME,
    MODEL_NAME_PATTERN,
    ModelCard,
    Normalisation,
    Spacing,
    save_model,
)
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training.dataset import (
    TrainingCase,
    folder_pairs,
    load_cases,
    number_of_classes,
)
from napari_bayesseg.training.loop import Progress, TrainingRecord, fit
from napari_bayesseg.training.scores import score_cases
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["check_model_folder", "train"]


def train(
    scans: Path,
    labels: Path,
    out: Path,
    settings: TrainingSettings,
    *,
    title: str = "",
    data: str = "",
    overwrite: bool = False,
    report: Callable[[Progress], None] = lambda _: None,
) -> ModelCard:
    """Train a model and write its folder.

    Parameters
    ----------
    scans, labels : Path
        Folders of volumes; a pair has one file name. The last `num_validation` by name are held
        out: they choose the checkpoint and give the card's scores.
    out : Path
        Model folder to write; its name becomes the model's.
    settings : TrainingSettings
    title, data : str
        For the card: one line about the model; what the data are and under which licence.
    overwrite : bool
        Whether an existing model folder may be replaced.
    report : callable
        Called after each step.

    Raises
    ------
    SettingsError
        If settings and data contradict each other.
    FormatError, GeometryError
        If a volume can't be read or a pair does not match.
    StoreError
        If `out` exists and may not be replaced.

    Everything that can be refused is, before the first step.
    """
    check_model_folder(out, overwrite=overwrite)
    choose_device(settings.device)
    pairs = folder_pairs(scans, labels, settings)
    num_labelled = sum(pair.labels is not None for pair in pairs)
    if num_labelled <= settings.num_validation:
        raise SettingsError(
            f"num_validation = {settings.num_validation} scans can't be held out of "
            f"{num_labelled}: set it lower, 0 for none, or add scans"
        )
    normalisation = Normalisation()
    cases = load_cases(pairs, settings, normalisation)
    labelled = [case for case in cases if case.labels is not None]
    split = len(labelled) - settings.num_validation
    training, held_out = labelled[:split], labelled[split:]
    num_classes = number_of_classes(cases, settings.class_names)
    started = time.perf_counter()
    network, record = fit(training, held_out, settings, num_classes, report)
    minutes = (time.perf_counter() - started) / 60
    card = _card(out.absolute().name, settings, normalisation, training, network, record)
    card = card.model_copy(
        update={
            "title": title,
            "data": data,
            "training": {**card.training, "minutes": round(minutes, 2)},
            "scores": score_cases(card, network, held_out),
        }
    )
    return save_model(out, card, network)


def check_model_folder(out: Path, *, overwrite: bool) -> None:
    """Refuse a place for a model before anything is read.

    Raises
    ------
    SettingsError
        If the folder's name, which becomes the model's, is not a plain one.
    StoreError
        If `out` exists and may not be replaced, or is something else than a model folder.
    FormatError
        If it can't be written to.
    """
    name = out.absolute().name
    if re.fullmatch(MODEL_NAME_PATTERN, name) is None:
        raise SettingsError(
            f"{out}: the folder's name becomes the model's and must hold letters, digits and . _ - "
            f"only, a letter or digit first; got {name!r}"
        )
    if out.exists() and not overwrite:
        raise StoreError(f"{out}: exists already; name another folder, or pass --overwrite")
    if out.exists() and not (out / CARD_NAME).is_file():
        raise StoreError(f"{out}: exists and is no model folder; name another --out")
    check_writable(out)


def _card(
    name: str,
    settings: TrainingSettings,
    normalisation: Normalisation,
    training: Sequence[TrainingCase],
    network: VNet,
    record: TrainingRecord,
) -> ModelCard:
    count = network.spec.num_probabilities
    names = settings.class_names + tuple(
        f"class {index}" for index in range(len(settings.class_names), count)
    )
    spacings = np.array([case.geometry.spacing for case in training])
    z, y, x = np.median(spacings, axis=0).tolist()
    return ModelCard(
        name=name,
        method=settings.method,
        network=network.spec,
        class_names=names,
        normalisation=normalisation,
        spacing=Spacing(zyx=(z, y, x), unit=training[0].geometry.unit),
        intensity_range=record.intensity_range,
        training={
            "settings": settings.model_dump(mode="json"),
            "scans": [case.name for case in training],
            "voxels": record.num_training_voxels,
            "parameters": sum(p.numel() for p in network.parameters()),
            "best_step": record.best_step,
            "validation_nats_per_voxel": round(record.best_validation, 5)
            if np.isfinite(record.best_validation)
            else None,
            "kl_divergence_nats": round(record.kl_divergence_nats, 1),
            "torch": torch.__version__.split("+")[0],
            "threads": torch.get_num_threads(),
        },
    )
