"""Runs the blocks of a plan on processes of this machine or of a dask cluster.

One task a block. The workers write the arrays, each block its own chunks; this process alone
writes the ledger, so a block counts once its worker has said so. What a lost worker was computing
is computed again by another.
"""

from __future__ import annotations

import logging
import queue
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import dask
import numpy as np
from distributed import Client, Event, Future, LocalCluster, get_client, get_worker

from napari_bayesseg.core.errors import BayesSegError, SettingsError
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.job import Job
from napari_bayesseg.inference.plan import Block, BlockPlan
from napari_bayesseg.inference.progress import Cancelled, RunProgress, Teller
from napari_bayesseg.inference.remote_block import (
    RemoteRun,
    RunFailure,
    WrittenBlock,
    compute_block,
)
from napari_bayesseg.inference.serial_runner import available_threads
from napari_bayesseg.io.lazy import MappedArray
from napari_bayesseg.io.result_store import ResultStore

__all__ = ["run_on_workers"]

_SUBMITTED_PER_WORKER = 2  # so that none waits for the client, and a cancelled run ends soon
_ATTEMPTS_ALONE = 2
_SECONDS_TO_CONNECT = 20
_SECONDS_BETWEEN_POLLS = 0.05
_SECONDS_BETWEEN_QUESTIONS = 0.25  # of a worker to the scheduler, whether to stop


def run_on_workers(
    plan: BlockPlan,
    blocks: Sequence[Block],
    job: Job,
    store: ResultStore,
    settings: InferenceSettings,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    report: Callable[[RunProgress], None] = lambda _: None,
) -> None:
    """Compute `blocks` on ``settings.workers`` processes, or on the cluster of its scheduler.

    Blocks are begun in the order given. A block that fails is tried again, alone; the other blocks
    are computed and kept.

    Raises
    ------
    Cancelled
        If `should_stop` says so.
    SettingsError
        If the scheduler can't be reached, or has no workers.
    BayesSegError
        If a block fails whenever it is tried, or its worker dies; it is named.
    """
    teller = Teller(len(plan.blocks()), len(blocks), settings.num_samples, report)
    token = uuid.uuid4().hex
    with ExitStack() as stack:
        stack.enter_context(_quiet())
        folder = Path(stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
        client = stack.enter_context(_connected(settings, folder))
        run = _remote_run(token, plan, job, store, settings, folder)
        dispatch = _Dispatch(client, run, store, teller.block, should_stop)
        try:
            at_a_time = _SUBMITTED_PER_WORKER * max(1, len(client.nthreads()))
            failed = dispatch.compute(blocks, at_a_time=at_a_time)
            # A worker that dies takes its other tasks with it: alone, a block shows whether it
            # was its own fault.
            for _ in range(_ATTEMPTS_ALONE):
                failed = dispatch.compute([block for block, _ in failed], at_a_time=1)
        finally:
            dispatch.stop()
        if failed:
            raise BayesSegError(_poison_message(failed))


def _poison_message(failed: Sequence[tuple[Block, BaseException]]) -> str:
    block, error = failed[0]
    reason = " ".join(str(error).split()) or type(error).__name__
    if type(error).__name__ == "KilledWorker":
        reason = "its worker process died each time, perhaps for want of memory"
    elif not isinstance(error, BayesSegError):
        reason = f"{type(error).__name__}: {reason}"
    others = ", ".join(str(other.index) for other, _ in failed[1:])
    return (
        f"block {block.index} (voxels {block.core}) failed {1 + _ATTEMPTS_ALONE} times: {reason}"
        + (f"; so did the blocks {others}" if others else "")
        + "; all others are kept, and the same command tries again"
    )


class _Dispatch:
    """Feeds blocks to the workers, a bounded number at a time, and commits what they wrote."""

    def __init__(
        self,
        client: Client,
        run: RemoteRun,
        store: ResultStore,
        written: Callable[[Block], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self._client = client
        self._run = run
        self._store = store
        self._written = written
        self._should_stop = should_stop
        self._stop = Event(f"stop-{run.token}", client=client)
        self._scattered: Future[Any] | None = None
        self._running: dict[Any, tuple[Future[Any], Block]] = {}
        self._done: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
        self._number = 0

    def compute(
        self, blocks: Sequence[Block], *, at_a_time: int
    ) -> list[tuple[Block, BaseException]]:
        """Compute blocks and return those that failed, each with its error."""
        waiting, failed = deque(blocks), list[tuple[Block, BaseException]]()
        while waiting or self._running:
            while waiting and len(self._running) < at_a_time:
                self._submit(waiting.popleft())
            future, block = self._next()
            if future.status == "finished":
                self._commit(block, future.result())
            elif future.status == "error":
                failed.append((block, future.exception()))
            else:
                failed.append((block, BayesSegError("the scan was lost with the worker it was on")))
        return failed

    def stop(self) -> None:
        """Call off what is still under way, and have the workers notice between two draws."""
        if self._running:
            with suppress(OSError, TimeoutError):
                self._stop.set()
                self._client.cancel([future for future, _ in self._running.values()], force=True)
            self._running.clear()

    def _submit(self, block: Block) -> None:
        self._number += 1
        key = f"block-{block.index}-{self._run.token}-{self._number}"
        run = self._travelling()
        future = self._client.submit(_task, run, block, self._stop.name, key=key, pure=False)
        self._running[key] = future, block
        future.add_done_callback(self._done.put)

    def _travelling(self) -> RemoteRun | Future[Any]:
        """Return the run, or the copy of it that the workers have of an array in memory."""
        scan = self._run.scan
        if isinstance(scan, Path) or not isinstance(scan.data, np.ndarray):
            return self._run
        if self._scattered is None or self._scattered.status != "finished":
            self._scattered = self._client.scatter(self._run, broadcast=True, hash=False)
        return self._scattered

    def _next(self) -> tuple[Future[Any], Block]:
        """Wait for a task to end."""
        while True:
            if self._should_stop():
                raise Cancelled("stopped; the same command continues where it was")
            with suppress(queue.Empty):
                return self._running.pop(self._done.get(timeout=_SECONDS_BETWEEN_POLLS).key)

    def _commit(self, block: Block, outcome: WrittenBlock | RunFailure) -> None:
        if isinstance(outcome, RunFailure):
            raise outcome.error
        self._store.commit_block(
            outcome.index, outcome.sha256, outcome.device, skipped=outcome.is_left_out
        )
        self._written(block)


def _task(run: RemoteRun, block: Block, stop_name: str) -> WrittenBlock | RunFailure:
    """Compute a block on a worker."""
    stop, asked = Event(stop_name, client=get_client()), monotonic()

    def should_stop() -> bool:
        nonlocal asked
        if monotonic() - asked < _SECONDS_BETWEEN_QUESTIONS:
            return False
        asked = monotonic()
        return bool(stop.is_set())

    name = get_worker().name
    position = name if isinstance(name, int) else None
    return compute_block(run, block, position=position, should_stop=should_stop)


def _remote_run(
    token: str,
    plan: BlockPlan,
    job: Job,
    store: ResultStore,
    settings: InferenceSettings,
    folder: Path,
) -> RemoteRun:
    assert job.scan is not None
    workers = settings.workers
    scan: Path | Volume = job.scan_path or job.scan.volume
    if workers is not None and isinstance(scan, Volume):
        scan = _mapped(scan, folder)
    own = settings.model_copy(
        update={"memory": settings.memory // (workers or 1), "workers": None, "scheduler": None}
    )
    return RemoteRun(
        token,
        store.path.resolve(),
        Path(job.model_entry["path"]),
        job.model_entry["weights_sha256"],
        scan,
        job.scan_entry.get("axes"),
        job.scan.statistics,
        plan.shape,
        plan.roi,
        own,
        settings.device,
        None if workers is None else max(1, available_threads() // workers),
    )


def _mapped(scan: Volume, folder: Path) -> Volume:
    """Write an array in memory to a file that the workers of this machine share."""
    if not isinstance(scan.data, np.ndarray):
        return scan  # what reads lazily travels as the recipe to open it again
    path = folder / "scan.raw"
    scan.data.tofile(path)
    return replace(scan, data=MappedArray(path, scan.data.dtype, 0, scan.data.shape))


@contextmanager
def _connected(settings: InferenceSettings, folder: Path) -> Iterator[Client]:
    """Connect to the cluster that the settings name; one of this machine ends with the run."""
    if settings.scheduler is not None:
        with _client_of(settings.scheduler) as client:
            yield client
        return
    options = {
        "distributed.scheduler.allowed-failures": 1,  # a block whose worker died twice is put aside
        "temporary-directory": str(folder),
    }
    with dask.config.set(options):
        cluster = LocalCluster(
            n_workers=settings.workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            memory_limit=0,  # the plan keeps to the budget; results don't stay on the workers
            local_directory=str(folder),
            silence_logs=logging.CRITICAL,
        )
        with cluster, Client(cluster, set_as_default=False) as client:
            yield client


@contextmanager
def _client_of(scheduler: str) -> Iterator[Client]:
    hint = "start one with `dask scheduler` and `dask worker`, or use --workers"
    try:
        client = Client(scheduler, timeout=_SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise SettingsError(f"scheduler: {scheduler} can't be reached ({error}); {hint}") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=_SECONDS_TO_CONNECT)
        except TimeoutError:
            raise SettingsError(f"scheduler: {scheduler} has no workers; {hint}") from None
        yield client


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep distributed's log lines, of workers that come and go, from the terminal."""
    logger = logging.getLogger("distributed")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
