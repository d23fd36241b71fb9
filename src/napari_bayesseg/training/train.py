"""``train``: scans and labels in, a model folder with its card out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_bayesseg.core.errors import SettingsError, StoreError
from napari_bayesseg.inference.sources import choose_device
from napari_bayesseg.io.atomic import check_writable
from napari_bayesseg.networks.checkpoint import (
    CARD_NAME,
    MODEL_NAME_PATTERN,
    ModelCard,
    Normalisation,
    save_model,
)
from napari_bayesseg.networks.methods import METHODS
from napari_bayesseg.training.card import make_card
from napari_bayesseg.training.dataset import (
    TrainingCase,
    TrainingPair,
    folder_pairs,
    load_cases,
    number_of_classes,
)
from napari_bayesseg.training.log_files import LOG_NAME, PLOT_NAME, draw_losses, write_log
from napari_bayesseg.training.loop import TrainingHooks, fit
from napari_bayesseg.training.saved_state import SavedState, state_folder
from napari_bayesseg.training.scores import score_cases
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["check_model_folder", "train", "train_pairs"]


def train(
    scans: Path,
    labels: Path,
    out: Path,
    settings: TrainingSettings,
    *,
    title: str = "",
    data: str = "",
    licence: str = "",
    overwrite: bool = False,
    hooks: TrainingHooks = TrainingHooks(),  # noqa: B008 - frozen
) -> ModelCard:
    """Train a model on folders of volumes; a scan and its labels have one file name.

    Parameters
    ----------
    scans, labels : Path
        Folders, or a file each; see :func:`~napari_bayesseg.training.dataset.folder_pairs`.
    out, settings, title, data, licence, overwrite, hooks
        As for :func:`train_pairs`.

    Raises
    ------
    FormatError
        If a file has no partner or can't be read; and what :func:`train_pairs` raises.
    """
    check_model_folder(out, overwrite=overwrite)
    choose_device(settings.device)
    pairs = folder_pairs(scans, labels, settings)
    return train_pairs(
        pairs,
        out,
        settings,
        title=title,
        data=data,
        licence=licence,
        overwrite=overwrite,
        hooks=hooks,
    )


def train_pairs(
    pairs: Sequence[TrainingPair],
    out: Path,
    settings: TrainingSettings,
    *,
    title: str = "",
    data: str = "",
    licence: str = "",
    overwrite: bool = False,
    hooks: TrainingHooks = TrainingHooks(),  # noqa: B008 - frozen
) -> ModelCard:
    """Train a model on opened volumes and write its folder.

    Everything that can be refused is refused before the first step. While it isn't finished, the
    training is kept in ``OUT.training``; after a stop, or a crash, the same call goes on from
    there and gives the same model.

    Parameters
    ----------
    pairs : sequence of TrainingPair
        The last `num_validation` with labels are held out: they choose the checkpoint and give
        the card's scores.
    out : Path
        Model folder to write; its name becomes the model's. A table of every step and a picture
        of the losses are put beside the weights.
    settings : TrainingSettings
    title, data, licence : str
        For the card: one line about the model; what the data are and under which licence; the
        model's own licence.
    overwrite : bool
        Whether an existing model, or an unfinished training of other settings or data, may be
        replaced.
    hooks : TrainingHooks

    Returns
    -------
    ModelCard
        As it was written.

    Raises
    ------
    SettingsError
        If settings and data contradict each other, or the loss stops being a number.
    FormatError, GeometryError
        If a volume can't be read or a pair does not match.
    StoreError
        If `out` exists and may not be replaced, or its unfinished training is another one.
    Cancelled
        If `hooks.should_stop` says so.
    """
    check_model_folder(out, overwrite=overwrite)
    device = choose_device(settings.device)
    _check_counts(pairs, settings)
    normalisation = Normalisation()
    split = _Split.of(load_cases(pairs, settings, normalisation), settings)
    num_classes = number_of_classes([*split.training, *split.held_out], settings.class_names)
    state = state_folder(out)
    fitted = fit(
        split.training,
        split.held_out,
        settings,
        num_classes,
        hooks,
        unlabelled=split.unlabelled,
        state=state,
        overwrite=overwrite,
    )
    name = out.absolute().name
    card = make_card(name, settings, normalisation, split.training, split.unlabelled, fitted)
    said = {"title": title, "data": data, **({"licence": licence} if licence else {})}
    card = card.model_copy(update=said)
    scores = score_cases(
        card, fitted.networks, split.held_out, device=device, should_stop=hooks.should_stop
    )
    card = save_model(out, card.model_copy(update={"scores": scores}), *fitted.networks)
    write_log(out / LOG_NAME, fitted.record.log)
    draw_losses(
        out / PLOT_NAME, fitted.record, f"{title or name}: {METHODS[settings.method].title}"
    )
    SavedState.remove(state)
    return card


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


def _check_counts(pairs: Sequence[TrainingPair], settings: TrainingSettings) -> None:
    labelled = sum(pair.labels is not None for pair in pairs)
    if labelled <= settings.num_validation:
        raise SettingsError(
            f"num_validation = {settings.num_validation} scans can't be held out of {labelled}: "
            "set it lower, 0 for none, or add scans"
        )


@dataclass(frozen=True)
class _Split:
    """Scans by what they are for."""

    training: list[TrainingCase]
    held_out: list[TrainingCase]
    unlabelled: list[TrainingCase]

    @classmethod
    def of(cls, cases: Sequence[TrainingCase], settings: TrainingSettings) -> _Split:
        labelled = [case for case in cases if case.labels is not None]
        split = len(labelled) - settings.num_validation
        unlabelled = [case for case in cases if case.labels is None]
        return cls(labelled[:split], labelled[split:], unlabelled)
