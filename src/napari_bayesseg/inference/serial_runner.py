"""Runs the blocks of a plan one after the other in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch

from napari_bayesseg.core.allocator import keep_freed_memory
from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.inference.block import BlockResult, predict_block
from napari_bayesseg.inference.plan import Block, BlockPlan, split_to_fit
from napari_bayesseg.inference.scan import NormalisedScan
from napari_bayesseg.io.result_store import ResultStore
from napari_bayesseg.posteriors.protocol import Draw, Posterior

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
    draws = [posterior.draw(t, seed=settings.seed) for t in range(settings.num_samples)]

    def say(draws_done: int, block: Block | None = None) -> None:
        seconds = perf_counter() - started
        report(RunProgress(done, total, draws_done, settings.num_samples, seconds, block))

    def between_draws(draws_done: int) -> None:
        if should_stop():
            raise Cancelled("stopped; the same command continues where it was")
        say(draws_done)

    for block in blocks:
        result = _predict(plan.shape, block, posterior, draws, scan, store, settings, between_draws)
        store.write_block(
            block.index,
            block.core,
            {
                "labels": result.labels,
                "mean_probability": result.mean_probability,
                **result.measures,
            },
            device,
        )
        done += 1
        say(settings.num_samples, block)


def _predict(
    shape: Index3,
    block: Block,
    posterior: Posterior,
    draws: Sequence[Draw],
    scan: NormalisedScan | None,
    store: ResultStore,
    settings: InferenceSettings,
    between_draws: Callable[[int], None],
) -> BlockResult:
    """Predict a block, in parts where memory asks for it, and blank out invalid voxels."""
    core, measures = block.core, tuple(store.record["measures"])
    label_dtype = store.array("labels").dtype
    whole = BlockResult(
        np.zeros(core.shape, label_dtype),
        np.empty((posterior.num_classes, *core.shape), np.float32),
        {name: np.empty(core.shape, np.float32) for name in measures},
    )
    parts = split_to_fit(
        posterior,
        core,
        shape,
        memory=settings.memory,
        num_samples=settings.num_samples,
        num_measures=len(measures),
    )
    for part in parts:
        result = predict_block(
            posterior,
            draws,
            part,
            shape,
            _read_nothing if scan is None else scan.read,
            measures=measures,
            percentiles=settings.percentiles,
            num_threads=torch.get_num_threads(),
            between_draws=between_draws,
        )
        inside = part.relative_to(core.start).slices
        whole.labels[inside] = result.labels
        whole.mean_probability[(slice(None), *inside)] = result.mean_probability
        for name in measures:
            whole.measures[name][inside] = result.measures[name]
    if scan is not None and scan.statistics.num_invalid:
        invalid = ~scan.valid(core)
        whole.labels[invalid] = 0
        whole.mean_probability[:, invalid] = np.nan
        for values in whole.measures.values():
            values[invalid] = np.nan
    return whole


def _read_nothing(roi: Roi) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    raise BayesSegError("this posterior needs a scan")
