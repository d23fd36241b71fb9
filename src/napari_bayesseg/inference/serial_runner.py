"""Runs the blocks of a plan one after the other in this process.

While a block is computed, one thread reads what the next one needs and another writes the one
before; no more than these three are held at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from napari_bayesseg.core.allocator import keep_freed_memory
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.inference.kernels import make_kernel
from napari_bayesseg.inference.left_out import LeavingOut, empty_result
from napari_bayesseg.inference.plan import Block, BlockPlan, evaluated_box
from napari_bayesseg.inference.progress import Cancelled, RunProgress, Teller
from napari_bayesseg.inference.reading_ahead import ReadingAhead
from napari_bayesseg.inference.scan import NormalisedScan
from napari_bayesseg.inference.writing_behind import WritingBehind
from napari_bayesseg.io.result_store import ResultStore
from napari_bayesseg.posteriors.protocol import Posterior

__all__ = ["Cancelled", "RunProgress", "available_threads", "run_serially"]


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
    leaving_out: LeavingOut | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    report: Callable[[RunProgress], None] = lambda _: None,
) -> None:
    """Compute and write `blocks`, in the order given.

    An error in reading ends the run when the block's turn comes, one in writing before the next
    draw; blocks that have their ledger line are kept either way.

    Raises
    ------
    Cancelled
        If `should_stop` says so between two draws.
    """
    if not blocks:
        return
    keep_freed_memory()
    measures = tuple(store.record["measures"])
    teller = Teller(len(plan.blocks()), len(blocks), settings.num_samples, report)
    reading = ReadingAhead(scan, posterior, plan.shape, plan.roi, leaving_out)
    with reading, WritingBehind(store, device, teller.block) as writing:

        def stop_if_asked() -> None:
            if should_stop():
                # What is nearly on the disk is told of, too.
                writing.finish(lambda: None)
                raise Cancelled("stopped; the same command continues where it was")

        def look_around() -> None:
            writing.check()
            stop_if_asked()

        def between_draws(draws_done: int) -> None:
            look_around()
            teller.draws(draws_done)

        reading.start(blocks[0].core)
        kernel = make_kernel(
            posterior, None if scan is None else reading, plan.shape, settings, measures
        )
        for position, block in enumerate(blocks):
            is_left_out = reading.take(look_around)
            if position + 1 < len(blocks):
                reading.start(blocks[position + 1].core)
            if is_left_out:
                stop_if_asked()
                samples, classes = settings.num_samples, posterior.num_classes
                result = empty_result(block.core, samples, classes, measures)
            else:
                result = kernel(block.core, evaluated_box(block.core, plan.roi), between_draws)
            writing.finish(stop_if_asked)
            writing.submit(block, result, is_left_out=is_left_out)
            if position == 0:
                writing.finish(stop_if_asked)  # the first one is to be seen at once
        writing.finish(stop_if_asked)
