"""Runs the blocks of a plan one after the other in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from napari_bayesseg.core.allocator import keep_freed_memory
from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.inference.block import BlockResult, predict_block
from napari_bayesseg.inference.draw_pool import DrawPool, KeyedDraws
from napari_bayesseg.inference.plan import Block, BlockPlan, split_to_fit
from napari_bayesseg.inference.scan import NormalisedScan
from napari_bayesseg.io.result_store import ResultStore
from napari_bayesseg.posteriors.protocol import Posterior

__all__ = ["Cancelled", "RunProgress", "available_threads", "run_serially"]


class Cancelled(BayesSegError):
    """The run was stopped on request; finished blocks are kept and the same call continues."""


@dataclass(frozen=True)
class RunProgress:
    """Where a run stands.

    Attributes
    ----------
    blocks_done, num_blocks : int
        Of this result, finished in earlier runs included.
    draws_done, num_samples : int
        Of the current block (of its current part, where memory cuts it).
    seconds : float
        Since the run started.
    block : Block or None
        The block that has just been written, else None.
    """

    blocks_done: int
    num_blocks: int
    draws_done: int
    num_samples: int
    seconds: float
    block: Block | None = None


def available_threads() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_serially(
    plan: BlockPlan,
    blocks: Sequence[Block],
    posterior: Posterior,
    scan: NormalisedScan | None,
    store: ResultStore,
    settings: InferenceSettings,
    *,
    device: str = "cpu",
    should_stop: Callable[[], bool] = lambda: False,
    report: Callable[[RunProgress], None] = lambda _: None,
) -> None:
    """Compute and write `blocks`, in the order given.

    Raises
    ------
    Cancelled
        If `should_stop` says so between two draws.
    """
    keep_freed_memory()
    started = perf_counter()
    total = len(plan.blocks())
    done = total - len(blocks)
    draws = KeyedDraws(posterior, settings.num_samples, settings.seed)

    def say(draws_done: int, block: Block | None = None) -> None:
        seconds = perf_counter() - started
        report(RunProgress(done, total, draws_done, settings.num_samples, seconds, block))

    def between_draws(draws_done: int) -> None:
        if should_stop():
            raise Cancelled("stopped; the same command continues where it was")
        say(draws_done)

    with DrawPool(min(posterior.parallel_draws, settings.num_samples)) as pool:
        kernel = partial(
            predict_block,
            posterior,
            draws,
            shape=plan.shape,
            read=_read_nothing if scan is None else scan.read,
            measures=tuple(store.record["measures"]),
            percentiles=settings.percentiles,
            pool=pool,
            num_threads=torch.get_num_threads(),
            between_draws=between_draws,
        )
        for block in blocks:
            result = _predict(kernel, plan.shape, block, posterior, store, settings)
            if scan is not None and scan.statistics.num_invalid:
                _blank(result, ~scan.valid(block.core))
            arrays = {"labels": result.labels, "mean_probability": result.mean_probability}
            store.write_block(block.index, block.core, {**arrays, **result.measures}, device)
            done += 1
            say(settings.num_samples, block)


def _predict(
    kernel: Callable[..., BlockResult],
    shape: Index3,
    block: Block,
    posterior: Posterior,
    store: ResultStore,
    settings: InferenceSettings,
) -> BlockResult:
    """Predict a block, in parts where memory asks for it."""
    core, measures = block.core, tuple(store.record["measures"])
    parts = list(
        split_to_fit(
            posterior,
            core,
            shape,
            memory=settings.memory,
            num_samples=settings.num_samples,
            num_measures=len(measures),
        )
    )
    if len(parts) == 1:
        return kernel(core=core)
    whole = BlockResult(
        np.zeros(core.shape, store.array("labels").dtype),
        np.empty((posterior.num_classes, *core.shape), np.float32),
        {name: np.empty(core.shape, np.float32) for name in measures},
    )
    for part in parts:
        result = kernel(core=part)
        inside = part.relative_to(core.start).slices
        whole.labels[inside] = result.labels
        whole.mean_probability[(slice(None), *inside)] = result.mean_probability
        for name in measures:
            whole.measures[name][inside] = result.measures[name]
    return whole


def _blank(result: BlockResult, invalid: NDArray[np.bool_]) -> None:
    """Leave voxels that are no numbers without label and uncertainty."""
    result.labels[invalid] = 0
    result.mean_probability[:, invalid] = np.nan
    for values in result.measures.values():
        values[invalid] = np.nan


def _read_nothing(roi: Roi) -> NDArray[np.float32]:
    raise BayesSegError("this posterior needs a scan")
