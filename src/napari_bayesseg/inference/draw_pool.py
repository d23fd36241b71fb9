"""Draws side by side: each on one thread, as many at a time as there are processors.

The convolutions of these networks have few channels and gain little from being split over threads;
on a busy machine the threads of one convolution wait for each other most of the time. Whole draws
never wait. Nor does a draw's rounding depend on how many of them run at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Barrier
from types import TracebackType
from typing import Any, Self, overload

import numpy as np
import torch
from numpy.typing import NDArray

from napari_bayesseg.posteriors.protocol import Draw, FillingDraw, Posterior

__all__ = ["DrawPool", "KeyedDraws"]


class KeyedDraws(Sequence[Draw]):
    """The draws of a run, each made from its key when it is asked for, so that none is kept."""

    def __init__(self, posterior: Posterior, num_samples: int, seed: int) -> None:
        self._posterior = posterior
        self._num_samples = num_samples
        self._seed = seed

    def __len__(self) -> int:
        return self._num_samples

    @overload
    def __getitem__(self, index: int) -> Draw: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Draw]: ...

    def __getitem__(self, index: int | slice) -> Draw | Sequence[Draw]:
        if isinstance(index, slice):
            return [self[t] for t in range(*index.indices(len(self)))]
        if not 0 <= index < self._num_samples:
            raise IndexError(index)
        return self._posterior.draw(index, seed=self._seed)


class DrawPool:
    """Threads that each compute whole draws; use it as a context manager.

    Parameters
    ----------
    num_workers : int
        Draws at a time; 1 computes them in the calling thread, with all of torch's threads.
    """

    def __init__(self, num_workers: int = 1) -> None:
        self.num_workers = num_workers
        self._executor: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self.num_workers > 1:
            self._executor = self._single_threaded_workers()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None

    def _single_threaded_workers(self) -> ThreadPoolExecutor:
        # torch has a number of threads for each calling thread, taken from a common default when
        # it is first asked for there; setting it changes the default too. So all workers start
        # and ask now, and then this thread takes its own number back.
        threads, ready = torch.get_num_threads(), Barrier(self.num_workers)

        def start() -> None:
            torch.set_num_threads(1)
            torch.get_num_threads()
            ready.wait()

        executor = ThreadPoolExecutor(self.num_workers, thread_name_prefix="draw")
        for started in [executor.submit(start) for _ in range(self.num_workers)]:
            started.result()
        torch.set_num_threads(threads)
        return executor

    def run(
        self,
        draws: Sequence[Draw],
        features: Any,
        out: NDArray[np.float32],
        between_draws: Callable[[int], None],
    ) -> None:
        """Fill ``out[t]``, ``(C, voxels)``, with the probabilities of draw t.

        `between_draws` is called in the calling thread with the number of finished draws; what it
        raises ends the run after the draws that are under way.
        """

        def compute(index: int) -> None:
            draw = draws[index]
            if isinstance(draw, FillingDraw):
                draw.fill(features, out[index])
            else:
                out[index] = draw.probabilities(features).reshape(out.shape[1:])

        if self._executor is None:
            for index in range(len(draws)):
                compute(index)
                between_draws(index + 1)
            return
        futures: list[Future[None]] = [
            self._executor.submit(compute, index) for index in range(len(draws))
        ]
        try:
            for index, future in enumerate(futures):
                future.result()
                between_draws(index + 1)
        finally:
            # All are called off before any is waited for; nothing writes to `out` afterwards.
            wait([future for future in futures if not future.cancel()])
