"""The part of a training that runs on its own thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_bayesseg.core.errors import BayesSegError, SettingsError
from napari_bayesseg.inference.progress import Cancelled
from napari_bayesseg.networks.checkpoint import ModelCard
from napari_bayesseg.session.background import lower_priority
from napari_bayesseg.session.job import Job, explain
from napari_bayesseg.session.pace import Pace
from napari_bayesseg.training.pairs import TrainingPair, folder_pairs
from napari_bayesseg.training.progress import Progress, TrainingHooks
from napari_bayesseg.training.scribbles import UNLABELLED, as_scribbles
from napari_bayesseg.training.settings import TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "TrainingFolders",
    "TrainingOutcome",
    "TrainingRequest",
    "run_training",
    "training_pairs",
]


@dataclass(frozen=True)
class TrainingFolders:
    """Where scans and labels lie on disk; a pair has one file name."""

    scans: Path
    labels: Path


@dataclass(frozen=True)
class TrainingRequest:
    """What is to be trained, on what.

    Attributes
    ----------
    data : tuple of TrainingPair, or TrainingFolders
    out : Path
        Model folder to write; its name becomes the model's.
    settings : TrainingSettings
    is_scribbled : bool
        Whether label 0 says nothing, so that label 1 is class 0; see ``training.scribbles``.
    title, origin, licence : str
        For the card: one line about the model; what the data are; the model's licence.
    overwrite : bool
        Whether an existing model folder may be replaced.
    """

    data: tuple[TrainingPair, ...] | TrainingFolders
    out: Path
    settings: TrainingSettings
    is_scribbled: bool = False
    title: str = ""
    origin: str = ""
    licence: str = ""
    overwrite: bool = False


@dataclass(frozen=True)
class TrainingOutcome:
    """How a training ended.

    Attributes
    ----------
    kind : {"done", "cancelled", "failed", "bug"}
        ``"failed"`` for what a person can mend, ``"bug"`` for what nobody expected.
    folder : Path
        Of the model.
    message : str
        One line; empty where it is done.
    card : ModelCard or None
        Of the model, where it is done.
    """

    kind: Literal["done", "cancelled", "failed", "bug"]
    folder: Path
    message: str = ""
    card: ModelCard | None = None


def run_training(
    request: TrainingRequest, progressed: Callable[[tuple[Progress, ...]], None], job: Job
) -> TrainingOutcome:
    """Train, and say how it ended; nothing that goes wrong is raised.

    Parameters
    ----------
    request : TrainingRequest
    progressed : callable
        Called on the owner's thread with the steps since the last call.
    job : Job
    """
    lower_priority()
    steps = _Steps(progressed, job)
    out = request.out
    try:
        from napari_bayesseg.training.train import train_pairs

        settings = settings_to_train(request)
        card = train_pairs(
            training_pairs(request),
            out,
            settings,
            title=request.title,
            data=request.origin,
            licence=request.licence,
            overwrite=request.overwrite,
            hooks=TrainingHooks(steps.add, job.should_stop),
        )
        return TrainingOutcome("done", out, card=card)
    except Cancelled:
        message = "cancelled; the same training goes on where it stopped"
        return TrainingOutcome("cancelled", out, message)
    except ModuleNotFoundError as error:
        return TrainingOutcome("failed", out, _missing(error))
    except (BayesSegError, MemoryError) as error:
        return TrainingOutcome("failed", out, explain(error))
    except Exception as error:
        return TrainingOutcome("bug", out, explain(error))
    finally:
        steps.tell()


def settings_to_train(request: TrainingRequest) -> TrainingSettings:
    """Return the settings with the label value that says nothing."""
    settings = request.settings
    if not request.is_scribbled:
        return settings
    data = settings.data.model_copy(update={"ignore_label": UNLABELLED})
    return settings.model_copy(update={"data": data})


def training_pairs(request: TrainingRequest) -> Sequence[TrainingPair]:
    """Open the scans and labels of a request; nothing of their voxels is read.

    Raises
    ------
    BayesSegError
        If files don't match or can't be opened.
    """
    data = request.data
    if isinstance(data, TrainingFolders):
        pairs = folder_pairs(data.scans, data.labels, request.settings)
    else:
        pairs = list(data)
    if not request.is_scribbled:
        return pairs
    return [
        pair if pair.labels is None else replace(pair, labels=as_scribbles(pair.labels))
        for pair in pairs
    ]


def _missing(error: ModuleNotFoundError) -> str:
    message = f'training needs {error.name}, which is missing: pip install "napari-bayesseg[train]"'
    return str(SettingsError(message))


class _Steps:
    """Gathers what the steps tell, and passes it on as often as an eye can follow."""

    def __init__(self, progressed: Callable[[tuple[Progress, ...]], None], job: Job) -> None:
        self._progressed = progressed
        self._job = job
        self._untold: list[Progress] = []
        self._pace = Pace()

    def add(self, now: Progress) -> None:
        self._untold.append(now)
        if self._pace.takes():
            self.tell()

    def tell(self) -> None:
        if self._untold:
            steps, self._untold = tuple(self._untold), []
            self._job.post(lambda: self._progressed(steps))
