"""The part of a prediction that runs on its own thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.core.volume import LazyArray, Volume
from napari_bayesseg.inference.familiarity import unfamiliar_result
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.inference.result import Result
from napari_bayesseg.inference.run import RunHooks
from napari_bayesseg.inference.serial_runner import Cancelled, RunProgress
from napari_bayesseg.io.result_store import ResultStore
from napari_bayesseg.session.background import lower_priority
from napari_bayesseg.session.job import Job, explain
from napari_bayesseg.session.pace import Pace

__all__ = ["Outcome", "PredictionRequest", "RunListener", "run_prediction"]


@dataclass(frozen=True)
class PredictionRequest:
    """What is to be predicted; see :func:`~napari_bayesseg.predict`.

    Attributes
    ----------
    scan : Volume
    model : str
        Name or folder.
    out : Path
        Result store to write or continue.
    settings : InferenceSettings
    focus : (z, y, x) or None
        Blocks nearest to this voxel first.
    overwrite : bool
        Replace a result of another run at `out`.
    axes : str or None
        With which the scan was read, where its file doesn't tell.
    """

    scan: Volume
    model: str
    out: Path
    settings: InferenceSettings
    focus: Index3 | None = None
    overwrite: bool = False
    axes: str | None = None


@dataclass(frozen=True)
class Outcome:
    """How a prediction ended.

    Attributes
    ----------
    kind : {"done", "cancelled", "failed", "bug"}
        ``"failed"`` for what a person can mend, ``"bug"`` for what nobody expected.
    message : str
        One line; empty where it is done.
    result : Result or None
        What is finished; None where it ended before there was a store.
    unfamiliar : tuple of str
        In what the scan is unlike those that the model was trained on; where it is done.
    """

    kind: Literal["done", "cancelled", "failed", "bug"]
    message: str = ""
    result: Result | None = None
    unfamiliar: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunListener:
    """Who hears of a run; called on the owner's thread, but `written` at once on the run's own."""

    opened: Callable[[Result], None]
    progressed: Callable[[RunProgress], None]
    written: Callable[[Result], object] = lambda _: None


def run_prediction(request: PredictionRequest, listener: RunListener, job: Job) -> Outcome:
    """Predict, and say how it ended; nothing that goes wrong is raised."""
    lower_priority()
    hooks = _Hooks(request.scan, listener, job)
    settings = request.settings
    try:
        predict(
            Volume(_StoppableArray(request.scan.data, job.should_stop), request.scan.spec),
            request.model,
            request.out,
            num_samples=settings.num_samples,
            seed=settings.seed,
            roi=settings.roi,
            block_shape=settings.block_shape,
            memory=settings.memory,
            device=settings.device,
            measures=settings.measures,
            percentiles=settings.percentiles,
            precision=settings.precision,
            flips=settings.flips,
            store_dtype=settings.store_dtype,
            skip_below=settings.skip_below,
            skip_outside=settings.skip_outside,
            axes=request.axes,
            overwrite=request.overwrite,
            focus=request.focus,
            hooks=RunHooks(
                opened=hooks.opened, progress=hooks.progress, should_stop=job.should_stop
            ),
        )
        result = _reopened(request.out, request.scan)
        return Outcome("done", "", result, unfamiliar_result(result))
    except Cancelled:
        message = "cancelled; the same prediction continues where it stopped"
        return Outcome("cancelled", message, hooks.result)
    except (BayesSegError, MemoryError) as error:
        return Outcome("failed", explain(error), hooks.result)
    except Exception as error:
        return Outcome("bug", explain(error), hooks.result)


def _reopened(path: Path, scan: Volume) -> Result:
    # Not with `load_result`, which warns of what is not finished.
    return Result(ResultStore.open(path), scan)


class _Hooks:
    """Passes on what a run tells, as often as an eye can follow."""

    def __init__(self, scan: Volume, listener: RunListener, job: Job) -> None:
        self.result: Result | None = None
        self._scan = scan
        self._listener = listener
        self._job = job
        self._pace = Pace()

    def opened(self, path: Path) -> None:
        self.result = result = _reopened(path, self._scan)
        self._listener.written(result)
        self._job.post(lambda: self._listener.opened(result))
        self._check()

    def progress(self, now: RunProgress) -> None:
        if self._pace.takes(always=now.block is not None):
            self._job.post(lambda: self._listener.progressed(now))

    def _check(self) -> None:
        if self._job.should_stop():
            raise Cancelled("stopped")


class _StoppableArray:
    """A scan whose reading ends when the run is to stop: reading it whole may take minutes."""

    def __init__(self, data: LazyArray, should_stop: Callable[[], bool]) -> None:
        self._data = data
        self._should_stop = should_stop

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._data.dtype

    def __getitem__(self, key: Any, /) -> Any:
        if self._should_stop():
            raise Cancelled("stopped")
        return self._data[key]
