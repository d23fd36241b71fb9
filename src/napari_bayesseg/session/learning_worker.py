"""The part of learning that runs on its own thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.progress import Cancelled
from napari_bayesseg.inference.serial_runner import RunProgress
from napari_bayesseg.io.numbered import first_free_path
from napari_bayesseg.networks.model_folders import find_model
from napari_bayesseg.review.carrying import Carrying, carry_review
from napari_bayesseg.review.decided_labels import DecidedLabels, decided_labels
from napari_bayesseg.review.review import Review
from napari_bayesseg.session.background import lower_priority
from napari_bayesseg.session.job import Job
from napari_bayesseg.session.pace import Pace
from napari_bayesseg.session.prediction_worker import (
    PredictionRequest,
    RunListener,
    run_prediction,
)

if TYPE_CHECKING:
    from napari_bayesseg.inference.result import Result
    from napari_bayesseg.networks.checkpoint import ModelCard
    from napari_bayesseg.training.progress import Progress

__all__ = [
    "Learned",
    "LearnedResult",
    "LearningListener",
    "LearningProgress",
    "Lesson",
    "learn",
    "predict_again",
    "why_not",
]


@dataclass(frozen=True)
class Lesson:
    """What is to be learnt.

    Attributes
    ----------
    result : Result
        Whose review is learnt from.
    out : Path
        Folder of the new model.
    seconds : float
    """

    result: Result
    out: Path
    seconds: float


@dataclass(frozen=True)
class Learned:
    """A new model.

    Attributes
    ----------
    source : Path
        The result from whose review it was learnt.
    scan : Volume
        That was predicted.
    review : Path
        Folder of the review.
    folder : Path
        Of the model.
    card : ModelCard
    """

    source: Path
    scan: Volume
    review: Path
    folder: Path
    card: ModelCard


@dataclass(frozen=True)
class LearnedResult:
    """A result of a new model, and the decisions that go on with it.

    Attributes
    ----------
    result : Result
    source : Path
        The result that was reviewed before.
    carrying : Carrying
    """

    result: Result
    source: Path
    carrying: Carrying


@dataclass(frozen=True)
class LearningProgress:
    """How far learning is.

    Attributes
    ----------
    step : int
        Of the network that is being trained.
    share : float
        Of the whole lesson, from 0 to 1.
    seconds_left : float
    """

    step: int
    share: float
    seconds_left: float


@dataclass(frozen=True)
class LearningListener:
    """Who hears of it; called on the owner's thread."""

    learning: Callable[[LearningProgress], None]
    predicting: Callable[[RunProgress], None]


def why_not(result: Result) -> str:
    """Say why no model can learn from a result; empty where one can."""
    model = result.record["model"]
    if model.get("kind") == "probabilities":
        return "this result was made of probabilities: there is no model that could learn"
    network = model.get("network")
    if not isinstance(network, dict) or str(network.get("network", "")).startswith("monai."):
        return (
            "only models that were trained here can learn: save crops (page Files) and train this "
            "one where it was made"
        )
    return ""


def learn(lesson: Lesson, listener: LearningListener, job: Job) -> Learned | None:
    """Train the result's model further on its review; None where it was stopped.

    Raises
    ------
    BayesSegError
        If that can't be done.
    """
    lower_priority()
    result = lesson.result
    with Review.open(result, read_only=True) as review:  # so that the review can go on meanwhile
        decided, folder = decided_labels(review), review.folder
    scan = result.checked_scan()
    if scan is None:
        raise StoreError(why_not(result))
    try:
        card = _fine_tuned(lesson, decided, scan.volume, _Posts(job, listener, lesson.seconds))
    except Cancelled:
        return None
    return Learned(result.path, scan.volume, folder, lesson.out, card)


def _fine_tuned(lesson: Lesson, decided: DecidedLabels, scan: Volume, posts: _Posts) -> ModelCard:
    # Torch and the rest take seconds to import: only who learns waits for them.
    from napari_bayesseg.networks.checkpoint import load_card
    from napari_bayesseg.training.dataset import TrainingPair
    from napari_bayesseg.training.fine_tune import fine_tune
    from napari_bayesseg.training.fine_tune_settings import FineTuneSettings
    from napari_bayesseg.training.progress import TrainingHooks

    result = lesson.result
    made_by = result.record["model"]
    model = find_model(made_by["path"])
    if load_card(model).weights_sha256 != made_by["weights_sha256"]:
        raise StoreError(f"{model}: the model has changed since this result was made")
    labels = Volume.from_array(decided.labels, scan.spec.geometry, name="reviewed")
    lesson.out.parent.mkdir(parents=True, exist_ok=True)
    return fine_tune(
        model,
        [TrainingPair(scan.spec.name, scan, labels)],
        lesson.out,
        FineTuneSettings.checked(seconds=lesson.seconds),
        predictions=[result.mean_probability],
        learned_from={
            "result": result.path.name,
            "run_id": result.record["run_id"],
            "scan": {key: result.record["scan"][key] for key in ("name", "sha256")},
            **decided.provenance,
        },
        hooks=TrainingHooks(posts.progress, posts.should_stop),
    )


class _Posts:
    """Tells of steps as often as an eye can follow."""

    def __init__(self, job: Job, listener: LearningListener, seconds: float) -> None:
        self._job, self._listener, self._seconds = job, listener, seconds
        self._pace = Pace()
        self.should_stop = job.should_stop

    def progress(self, now: Progress) -> None:
        if self._pace.takes():
            told = LearningProgress(now.step, now.share, (1.0 - now.share) * self._seconds)
            self._job.post(lambda: self._listener.learning(told))


def predict_again(learned: Learned, listener: LearningListener, job: Job) -> LearnedResult | str:
    """Predict the scan with a new model and the settings of the old result, into a new one.

    The decisions go along as soon as the new result exists, whatever happens to the prediction.

    Returns
    -------
    LearnedResult or str
        Why there is no finished result.
    """
    from napari_bayesseg.inference.result import load_result

    old = load_result(learned.source, scan=learned.scan)
    carrying = Carrying(
        learned.review,
        {
            "model": {
                "name": learned.card.name,
                "weights_sha256": learned.card.weights_sha256,
                "fine_tuned_from": {
                    key: learned.card.training["fine_tuned_from"][key]
                    for key in ("name", "weights_sha256")
                },
                "learned_from": learned.card.training["learned_from"],
            }
        },
    )
    request = PredictionRequest(
        learned.scan,
        str(learned.folder),
        _free_place(learned.source, learned.card.name),
        old.settings,
        axes=old.record["scan"].get("axes"),
    )
    listening = RunListener(
        lambda _: None, listener.predicting, written=partial(carry_review, carrying)
    )
    outcome = run_prediction(request, listening, job)
    if outcome.kind != "done" or outcome.result is None:
        return f"{request.out.name}: {outcome.message}"
    return LearnedResult(outcome.result, learned.source, carrying)


def _free_place(source: Path, model: str) -> Path:
    """Return where the new result goes: beside the old one, named by the model."""
    stem = source.name.removesuffix(".zarr").partition("-by-")[0]
    return first_free_path(source.with_name(f"{stem}-by-{model}.zarr"), suffix=".zarr")
