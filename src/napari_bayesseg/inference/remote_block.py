"""What another process needs to compute blocks of a run, and what it does with it.

Nothing here knows how the processes are found and fed: see ``inference.dask_runner``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from napari_bayesseg.core.allocator import keep_freed_memory
from napari_bayesseg.core.errors import BayesSegError, CheckpointError, StoreError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.block import BlockKernel
from napari_bayesseg.inference.kernels import make_kernel
from napari_bayesseg.inference.left_out import LeavingOut, empty_result
from napari_bayesseg.inference.plan import Block, evaluated_box
from napari_bayesseg.inference.progress import Cancelled
from napari_bayesseg.inference.scan import NormalisedScan
from napari_bayesseg.inference.sources import choose_device
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.io.result_store import ResultStore
from napari_bayesseg.numerics.voxel_statistics import IntensityStatistics
from napari_bayesseg.posteriors.open import open_model

__all__ = ["RemoteRun", "RunFailure", "WrittenBlock", "compute_block"]


@dataclass(frozen=True)
class RemoteRun:
    """A run as it travels to other processes.

    Attributes
    ----------
    token : str
        Names this run among all others.
    store : Path
        Result store to write to.
    model : Path
    weights_sha256 : str
        That the model must have.
    scan : Path or Volume
        By path where there is one; else an array that travels.
    axes : str or None
        With which a scan is read from its path.
    statistics : IntensityStatistics
        Of the whole scan.
    shape : (Z, Y, X)
    roi : Roi
        Of the plan.
    settings : InferenceSettings
        With the memory of one process.
    device : str
        As in the settings; ``"auto"`` is what the process has.
    num_threads : int or None
        For a process to use; None leaves it as it is.
    """

    token: str
    store: Path
    model: Path
    weights_sha256: str
    scan: Path | Volume
    axes: str | None
    statistics: IntensityStatistics
    shape: Index3
    roi: Roi
    settings: InferenceSettings
    device: str
    num_threads: int | None


@dataclass(frozen=True)
class WrittenBlock:
    """A block whose arrays are on the disk; its ledger line is still to be written.

    Attributes
    ----------
    index : int
    sha256 : str
        Of the arrays.
    is_left_out : bool
    device : str
        Where it was computed.
    """

    index: int
    sha256: str
    is_left_out: bool
    device: str


@dataclass(frozen=True)
class RunFailure:
    """An error that every block of the run would meet in that process."""

    error: BayesSegError


@dataclass(frozen=True)
class _Opened:
    """Scan, model and store of a run, open in this process."""

    run: RemoteRun
    store: ResultStore
    kernel: BlockKernel
    num_classes: int
    leaving_out: LeavingOut | None
    device: str

    @classmethod
    def of(cls, run: RemoteRun, position: int | None) -> _Opened:
        keep_freed_memory()
        if run.num_threads is not None:
            torch.set_num_threads(run.num_threads)
        store = ResultStore.open(run.store, mode="r+")
        device = _device(run.device, position)
        posterior, card, folder = open_model(
            run.model, device, run.settings.precision, run.settings.flips
        )
        if card.weights_sha256 != run.weights_sha256:
            raise CheckpointError(f"{folder}: is another model than the one the run began with")
        scan = run.scan
        if isinstance(scan, Path):
            scan = read_volume(scan, axes=run.axes)
        normalised = NormalisedScan(scan, run.statistics)
        measures = tuple(store.record["measures"])
        kernel = make_kernel(posterior, normalised, run.shape, run.settings, measures)
        leaving_out = _leaving_out(run.settings, scan)
        return cls(run, store, kernel, posterior.num_classes, leaving_out, str(device))

    def compute(self, block: Block, between_draws: Callable[[int], None]) -> WrittenBlock:
        core, samples = block.core, self.run.settings.num_samples
        is_left_out = self.leaving_out is not None and self.leaving_out(core)
        if is_left_out:
            measures = tuple(self.store.record["measures"])
            result = empty_result(core, samples, self.num_classes, measures)
        else:
            result = self.kernel(core, evaluated_box(core, self.run.roi), between_draws)
        counts = result.counts if self.store.has_counts else None
        sha256 = self.store.write_arrays(block.index, core, result.arrays, counts)
        return WrittenBlock(block.index, sha256, is_left_out, self.device)


# Of this process: opening takes seconds, so it is done once a run. One run is held at a time, and
# one block is computed at a time: the memory budget is that of the process.
_LOCK = threading.Lock()
_HELD: dict[str, _Opened] = {}


def compute_block(
    run: RemoteRun, block: Block, *, position: int | None, should_stop: Callable[[], bool]
) -> WrittenBlock | RunFailure:
    """Compute a block and write its arrays, in a process of its own.

    Parameters
    ----------
    run : RemoteRun
    block : Block
    position : int or None
        Of this process among the run's, where they are counted: chooses the GPU.
    should_stop : callable
        Asked between two draws.

    Raises
    ------
    Cancelled
        If `should_stop` says so.
    Exception
        What this block, unlike others, can't be computed for.
    """

    def between_draws(_: int) -> None:
        if should_stop():
            raise Cancelled("stopped")

    with _LOCK:
        try:
            if run.token not in _HELD:
                _HELD.clear()
                _HELD[run.token] = _Opened.of(run, position)
        except BayesSegError as error:
            return RunFailure(error)
        except Exception as error:
            text = f"a worker can't open the run: {type(error).__name__}: {error}"
            return RunFailure(BayesSegError(text))
        try:
            return _HELD[run.token].compute(block, between_draws)
        except StoreError as error:  # a full disk is full for all
            return RunFailure(error)


def _device(name: str, position: int | None) -> torch.device:
    """Choose a device; processes that are counted take one GPU each."""
    device = choose_device(name)
    if device.type == "cuda" and position is not None:
        device = torch.device("cuda", position % torch.cuda.device_count())
        torch.cuda.set_device(device)
    return device


def _leaving_out(settings: InferenceSettings, scan: Volume) -> LeavingOut | None:
    """Open what the settings name; the client has checked it."""
    if settings.skip_below is None and settings.skip_outside is None:
        return None
    mask = read_volume(settings.skip_outside) if settings.skip_outside is not None else None
    return LeavingOut(scan, settings.skip_below, mask)
