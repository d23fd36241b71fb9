"""Carrying a run out: create or continue the result store, and compute what is missing."""

from __future__ import annotations

import importlib.util
import math
import shutil
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from napari_bayesseg.core.errors import SettingsError, StoreError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.inference.estimate import estimate_run
from napari_bayesseg.inference.job import Job, RunHooks
from napari_bayesseg.inference.plan import Block, BlockPlan, choose_block_shape, plan_blocks
from napari_bayesseg.inference.serial_runner import run_serially
from napari_bayesseg.io.atomic import check_room, check_writable, existing_folder
from napari_bayesseg.io.lock import exclusive_lock
from napari_bayesseg.io.provenance import first_difference, making, run_id
from napari_bayesseg.io.pyramid import PYRAMID_VOXELS, build_pyramid
from napari_bayesseg.io.result_store import ResultStore, is_result_store
from napari_bayesseg.io.store_layout import SKIPPED, StoreLayout
from napari_bayesseg.numerics.uncertainty import MEASURES
from napari_bayesseg.posteriors.protocol import Posterior

__all__ = [
    "Job",
    "RunHooks",
    "check_out",
    "check_workers",
    "plan_run",
    "run_job",
    "within_distinct",
]


def check_out(out: Path, sources: Iterable[Path | None]) -> None:
    """Refuse a place for a result before anything is read through or computed.

    Parameters
    ----------
    out : Path
        A result to be made, continued or replaced.
    sources : iterable of Path or None
        Files and folders that the run reads.

    Raises
    ------
    StoreError
        If `out` is something else than a result, or lies in a source, or a source in it.
    FormatError
        If it can't be written to.
    """
    place = out.resolve()
    for source in filter(None, sources):
        other = source.resolve()
        if place == other or place in other.parents or other in place.parents:
            raise StoreError(
                f"{out}: overlaps with {source.name}, which is read from; name another --out"
            )
    if out.exists() and not is_result_store(out):
        raise StoreError(f"{out}: exists and is no result of napari-bayesseg; name another --out")
    check_writable(out)


def check_workers(settings: InferenceSettings, device: torch.device) -> None:
    """Refuse other processes that can't be had, before anything is read through.

    Raises
    ------
    SettingsError
        If the extra that they need is missing, or they are more than the GPUs.
    """
    if settings.workers is None and settings.scheduler is None:
        return
    if importlib.util.find_spec("distributed") is None:
        raise SettingsError(
            "workers and scheduler need the package distributed: "
            'pip install "napari-bayesseg[distributed]"'
        )
    workers = settings.workers or 1
    if device.type == "cuda" and workers > torch.cuda.device_count():
        raise SettingsError(
            f"workers: one a GPU, and there are {torch.cuda.device_count()}; got {settings.workers}"
        )


def within_distinct(settings: InferenceSettings, posterior: Posterior) -> InferenceSettings:
    """Return the settings with no more draws than the posterior has."""
    distinct = posterior.num_distinct
    if distinct is None or settings.num_samples <= distinct:
        return settings
    return settings.model_copy(update={"num_samples": distinct})


def plan_run(
    posterior: Posterior, shape: Index3, settings: InferenceSettings, out: Path, *, overwrite: bool
) -> BlockPlan:
    """Return the blocks of a run; a run that is continued keeps those that it was begun with.

    Raises
    ------
    SettingsError
        If roi or block shape don't fit the scan, or no block fits the memory.
    """
    roi = Roi.parse(settings.roi, shape) if settings.roi else Roi.whole(shape)
    block_shape = settings.block_shape
    if block_shape is None and not overwrite and out.exists() and is_result_store(out):
        z, y, x = ResultStore.open(out).record["block_shape"]
        block_shape = (z, y, x)
        if any(b > n for b, n in zip(block_shape, shape, strict=True)):
            block_shape = None  # a result of another scan, refused when the identities meet
    if block_shape is None:
        block_shape = choose_block_shape(
            posterior,
            shape,
            memory=settings.memory // (settings.workers or 1),
            num_samples=settings.num_samples,
            num_measures=len(settings.measures or MEASURES),
        )
    return plan_blocks(shape, roi, block_shape, posterior.stride)


def run_job(
    job: Job,
    plan: BlockPlan,
    settings: InferenceSettings,
    out: Path,
    *,
    device: str,
    overwrite: bool,
    focus: Index3 | None = None,
    hooks: RunHooks,
) -> ResultStore:
    """Create or continue the store at `out` and run what is missing."""
    started = perf_counter()
    measures = settings.measures or tuple(MEASURES)
    layout = StoreLayout(
        job.shape,
        plan.block_shape,
        plan.grid,
        job.geometry,
        job.class_names,
        {name: MEASURES[name].unit for name in measures},
        num_samples=settings.num_samples,
        store_dtype=settings.store_dtype,
    )
    if not out.exists():
        voxels = sum(block.core.size for block in plan.blocks())
        # Uncompressed size is an upper bound; less than half of it has never been seen.
        check_room(existing_folder(out), voxels * layout.bytes_per_voxel // 2)
    record = _record(job, settings, plan, measures)
    store = _open_or_create(out, layout, record, overwrite=overwrite)
    with exclusive_lock(store.lock_path):
        finished = store.intact_blocks({block.index: block.core for block in plan.blocks()})
        missing = [block for block in plan.blocks(focus) if block.index not in finished]
        hooks.opened(out)
        if missing:
            if hooks.estimated is not None:
                hooks.estimated(estimate_run(job.posterior, missing, layout, settings))
            _run(job, plan, missing, store, settings, device, hooks)
            spent = float(store.record.get("seconds", 0.0)) + perf_counter() - started
            left_out = int(np.count_nonzero(np.asarray(store.stored("block_mask")) == SKIPPED))
            store.update_record(seconds=round(spent, 2), blocks_left_out=left_out)
        if math.prod(job.shape) > PYRAMID_VOXELS:
            # Stopped, it is gone on with by the same command: the result itself is whole.
            build_pyramid(store, hooks.should_stop)
    return store


def _run(
    job: Job,
    plan: BlockPlan,
    missing: Sequence[Block],
    store: ResultStore,
    settings: InferenceSettings,
    device: str,
    hooks: RunHooks,
) -> None:
    """Compute what is missing, in this process or in others."""
    if settings.workers is None and settings.scheduler is None:
        run_serially(
            plan,
            missing,
            job.posterior,
            job.scan,
            store,
            settings,
            device=device,
            leaving_out=job.leaving_out,
            should_stop=hooks.should_stop,
            report=hooks.progress,
        )
        return
    from napari_bayesseg.inference.dask_runner import run_on_workers  # dask is an extra

    run_on_workers(
        plan,
        missing,
        job,
        store,
        settings,
        should_stop=hooks.should_stop,
        report=hooks.progress,
    )


def _record(
    job: Job, settings: InferenceSettings, plan: BlockPlan, measures: Sequence[str]
) -> dict[str, Any]:
    scan = {key: job.scan_entry[key] for key in ("sha256", "shape", "affine", "unit")}
    identity = {
        "scan": scan,
        "model": dict(job.model_identity),
        "settings": {
            "num_samples": settings.num_samples,
            "seed": settings.seed,
            "roi": str(plan.roi),
            "measures": list(measures),
            "percentiles": list(settings.percentiles),
            "block_shape": list(plan.block_shape),
            **settings.deviations,
            **({} if job.leaving_out is None else job.leaving_out.identity),
        },
    }
    return {
        "run_id": run_id(identity),
        "identity": identity,
        "scan": dict(job.scan_entry),
        "model": dict(job.model_entry),
        "settings": settings.model_dump(mode="json"),
        "class_names": list(job.class_names),
        "measures": list(measures),
        "block_shape": list(plan.block_shape),
        "making": making(),
        **({} if job.leaving_out is None else job.leaving_out.record),
    }


def _open_or_create(
    out: Path, layout: StoreLayout, record: dict[str, Any], *, overwrite: bool
) -> ResultStore:
    if not out.exists():
        return ResultStore.create(out, layout, record)
    if not overwrite:
        store = ResultStore.open(out, mode="r+")
        difference = first_difference(store.record["identity"], record["identity"])
        if difference is not None:
            raise StoreError(
                f"{out}: holds the result of another run ({difference}); name another --out, or "
                "pass --overwrite to replace it"
            )
        return store
    with exclusive_lock(out / ".lock"):
        aside = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}.old")
        out.replace(aside)
    try:
        store = ResultStore.create(out, layout, record)
    except StoreError:
        aside.replace(out)
        raise
    shutil.rmtree(aside)
    return store
