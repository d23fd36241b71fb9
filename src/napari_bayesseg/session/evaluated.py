"""A result judged against the truth: what is asked, and what came out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.progress import Cancelled
from napari_bayesseg.inference.result import Result
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.session.job import Job
from napari_bayesseg.session.threshold_worth import ThresholdWorth

if TYPE_CHECKING:
    from napari_bayesseg.evaluation.curves import Curves
    from napari_bayesseg.evaluation.evaluation import Evaluation

__all__ = ["Evaluated", "Question", "Truth", "judge", "save_report"]


@dataclass(frozen=True, eq=False)
class Truth:
    """What results are judged against: labels in memory, or a file of labels.

    Attributes
    ----------
    name : str
        For people.
    volume : Volume or None
        ``(Z, Y, X)`` class numbers; nobody may write to them while they are used.
    path : Path or None
        To be read where there is no volume.
    """

    name: str
    volume: Volume | None = None
    path: Path | None = None

    def open(self) -> Volume:
        """Return the labels, lazily where they are in a file.

        Raises
        ------
        BayesSegError
            If the file can't be read.
        """
        if self.volume is not None:
            return self.volume
        if self.path is None:
            raise SettingsError("choose the truth: a labels layer, or a file with labels")
        return read_volume(self.path)


@dataclass(frozen=True, eq=False)
class Question:
    """What every result is judged by; two askings are never the same question.

    Attributes
    ----------
    truth : Truth
    ignore : int or None
        Label of the truth that isn't judged.
    """

    truth: Truth
    ignore: int | None = None


@dataclass(frozen=True, eq=False)
class Evaluated:
    """One result, judged.

    Attributes
    ----------
    name : str
        For legends and headings; different in each of a comparison.
    path : Path
        Of the result.
    question : Question
    evaluation : Evaluation
    measure : str
        Whose scores and curves are looked at.
    """

    name: str
    path: Path
    question: Question
    evaluation: Evaluation
    measure: str

    @cached_property
    def curves(self) -> Curves:
        """The curves of the measure."""
        return self.evaluation.curves_of(self.measure)

    @cached_property
    def worth(self) -> ThresholdWorth:
        """Of every threshold on the measure."""
        curve, unit = self.curves.error_removed, self.evaluation.scores(self.measure).unit
        return ThresholdWorth(curve.threshold, curve.reviewed, curve.removed, unit)

    def by(self, measure: str) -> Evaluated | None:
        """Return the same by another measure; None where that was not looked at."""
        return replace(self, measure=measure) if measure in self.evaluation.measures else None


def judge(
    results: Sequence[Result],
    question: Question,
    measure: str,
    known: Mapping[Path, Evaluated],
    job: Job,
    tell: Callable[[float], None],
) -> tuple[Evaluated, ...]:
    """Judge results, on any thread.

    Parameters
    ----------
    results : sequence of Result
        Of one scan.
    question : Question
    measure : str
    known : mapping of Path to Evaluated
        Results that were judged by this question before.
    job : Job
    tell : callable
        Receives the share that is done, from 0 to 1, on the owner's thread.

    Raises
    ------
    Cancelled
        If it was asked to stop.
    BayesSegError
        If a result can't be judged: with one line that says why.
    """
    # It brings scikit-image, which nobody needs who doesn't judge.
    from napari_bayesseg.evaluation.evaluate import evaluate

    truth = question.truth.open()
    names = _different([result.path for result in results])
    made: list[Evaluated] = []
    for number, (result, name) in enumerate(zip(results, names, strict=True)):
        before = known.get(result.path)
        there = None if before is None else before.by(measure)
        if there is not None:
            made.append(replace(there, name=name))
            continue

        def progress(share: float, done: int = number) -> None:
            if job.should_stop():
                raise Cancelled("the evaluation was stopped")
            job.post(lambda: tell((done + share) / len(results)))

        evaluation = evaluate(
            result,
            truth,
            measure=measure,
            ignore_label=question.ignore,
            name=name,
            progress=progress,
        )
        made.append(Evaluated(name, result.path, question, evaluation, measure))
    return tuple(made)


def save_report(folder: Path, evaluated: Sequence[Evaluated]) -> str:
    """Write a report on results into a folder, on any thread; say what was done."""
    from napari_bayesseg.evaluation.report import write_report

    # The scores of the measure that is looked at stand at the top.
    evaluations = [replace(one.evaluation, measure=one.measure) for one in evaluated]
    write_report(folder, evaluations)
    return f"{folder.name}: report.html and report.json written"


def _different(paths: Sequence[Path]) -> list[str]:
    """Return a name for each result: that of its folder, with its parent's where two are alike."""
    stems = [path.name.removesuffix(".zarr") for path in paths]
    return [
        stem if stems.count(stem) == 1 else f"{path.resolve().parent.name}/{stem}"
        for path, stem in zip(paths, stems, strict=True)
    ]
