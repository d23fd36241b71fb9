"""The whole way from a scan and a model to a result store; the same call continues a stopped run."""

from __future__ import annotations

import shutil
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from napari_bayesseg.core.errors import BayesSegWarning, StoreError
from napari_bayesseg.core.geometry import Geometry, Index3, Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.core.volume import LazyArray, Volume
from napari_bayesseg.inference.estimate import RunEstimate, estimate_run
from napari_bayesseg.inference.plan import BlockPlan, choose_block_shape, plan_blocks
from napari_bayesseg.inference.result import Result
from napari_bayesseg.inference.scan import NormalisedScan, summarise_scan
from napari_bayesseg.inference.serial_runner import RunProgress, run_serially
from napari_bayesseg.inference.sources import choose_device, open_model
from napari_bayesseg.io.lock import exclusive_lock
from napari_bayesseg.io.provenance import first_difference, making, run_id, scan_record
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.io.result_store import ResultStore, StoreLayout, is_result_store
from napari_bayesseg.numerics.uncertainty import MEASURES, get_measure
from napari_bayesseg.posteriors.protocol import Posterior

__all__ = ["Job", "RunHooks", "predict", "run_job"]


@dataclass(frozen=True)
class RunHooks:
    """How a face follows a run.

    Attributes
    ----------
    estimated : callable
        Receives the :class:`RunEstimate` before the first block.
    progress : callable
        Receives a :class:`RunProgress` after each draw and block.
    should_stop : callable
        Asked between two draws.
    """

    estimated: Callable[[RunEstimate], None] = lambda _: None
    progress: Callable[[RunProgress], None] = lambda _: None
    should_stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class Job:
    """Everything that a run needs, opened and checked.

    Attributes
    ----------
    posterior : Posterior
    scan : NormalisedScan or None
        None where the posterior reads no scan.
    shape, geometry
        Of the scan.
    scan_entry, model_entry : mapping
        Provenance of both.
    model_identity : mapping
        What of the model changes the numbers.
    class_names : tuple of str
    """

    posterior: Posterior
    scan: NormalisedScan | None
    shape: Index3
    geometry: Geometry
    scan_entry: Mapping[str, Any]
    model_entry: Mapping[str, Any]
    model_identity: Mapping[str, Any]
    class_names: tuple[str, ...]


def predict(
    scan: Volume | LazyArray | str | Path,
    model: str | Path = "electrode-bcnn",
    out: str | Path = "result.zarr",
    *,
    num_samples: int = 16,
    seed: int = 0,
    roi: str | None = None,
    block_shape: Index3 | None = None,
    memory: str | int = "4GB",
    device: str = "auto",
    measures: Sequence[str] = (),
    percentiles: tuple[float, float] = (20.0, 80.0),
    axes: str | None = None,
    overwrite: bool = False,
    focus: Index3 | None = None,
    hooks: RunHooks | None = None,
) -> Result:
    """Segment a scan and map the uncertainty; continues `out` if it was begun by the same call.

    Parameters
    ----------
    scan : Volume, array (Z, Y, X), or path
    model : str or path
        A shipped or local model's name, or a model folder.
    out : path
        Result store to write or continue, ``*.zarr``.
    num_samples : int
        Posterior draws.
    seed : int
        Of the draws.
    roi : str, optional
        ``"Z0:Z1,Y0:Y1,X0:X1"`` in voxels; default the whole scan.
    block_shape : (Z, Y, X), optional
        Voxels that a block writes: a multiple of the network's stride, or the whole axis.
    memory : str or int
        Budget of the process, such as ``"4GB"``.
    device : {"auto", "cpu", "cuda"}
    measures : sequence of str
        Default all; see ``numerics.uncertainty.MEASURES``.
    percentiles : (float, float)
        Of the draws, in percent, for ``percentile_spread``.
    axes : str, optional
        One letter or digit an axis for files whose axes can't be told, such as ``"1ZYX"``.
    overwrite : bool
        Replace a result of another run at `out`.
    focus : (z, y, x), optional
        Blocks nearest to this voxel first.
    hooks : RunHooks, optional

    Returns
    -------
    Result

    Raises
    ------
    SettingsError, FormatError, GeometryError, CheckpointError, StoreError
        With one line that says what was expected, what came and what to do.
    """
    settings = InferenceSettings.checked(
        num_samples=num_samples,
        seed=seed,
        roi=roi,
        block_shape=block_shape,
        memory=memory,
        device=device,
        measures=tuple(measures),
        percentiles=percentiles,
    )
    for name in settings.measures:
        get_measure(name)
    if settings.num_samples == 1:
        warnings.warn(
            "with one draw there is no disagreement: mutual information, standard deviation, "
            "spread and variation ratio are 0 everywhere and mean nothing",
            BayesSegWarning,
            stacklevel=2,
        )
    target = choose_device(settings.device)
    posterior, card, folder = open_model(model, target)
    if isinstance(scan, str | Path):
        volume = read_volume(scan, axes=axes)
    else:
        volume = scan if isinstance(scan, Volume) else Volume.from_array(scan)
    if settings.roi is not None:  # refused before the scan is read through
        Roi.parse(settings.roi, volume.shape)
    if settings.block_shape is not None:
        plan_blocks(volume.shape, Roi.whole(volume.shape), settings.block_shape, posterior.stride)
    summary = summarise_scan(volume, card.normalisation)
    identity = card.model_dump(mode="json", include={"method", "network", "normalisation"})
    identity["weights_sha256"] = card.weights_sha256
    job = Job(
        posterior,
        NormalisedScan(volume, summary.statistics),
        volume.shape,
        volume.spec.geometry,
        {**scan_record(volume.spec, summary.sha256), "axes": axes},
        {
            "kind": "network",
            "name": card.name,
            "path": str(folder.resolve()),
            **identity,
            "statistics": summary.statistics.__dict__,
        },
        identity,
        card.class_names,
    )
    store = run_job(
        job,
        settings,
        Path(out),
        device=str(target),
        overwrite=overwrite,
        focus=focus,
        hooks=hooks or RunHooks(),
    )
    return Result(store, volume, posterior)


def run_job(
    job: Job,
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
    plan = _plan(job, settings, measures, out, overwrite=overwrite)
    layout = StoreLayout(
        job.shape,
        plan.block_shape,
        plan.grid,
        job.geometry,
        job.class_names,
        {name: MEASURES[name].unit for name in measures},
    )
    record = _record(job, settings, plan, measures)
    store = _open_or_create(out, layout, record, overwrite=overwrite)
    with exclusive_lock(store.lock_path):
        finished = store.intact_blocks({block.index: block.core for block in plan.blocks()})
        missing = [block for block in plan.blocks(focus) if block.index not in finished]
        if missing:
            hooks.estimated(estimate_run(job.posterior, missing, layout, settings))
            run_serially(
                plan,
                missing,
                job.posterior,
                job.scan,
                store,
                settings,
                device=device,
                should_stop=hooks.should_stop,
                report=hooks.progress,
            )
            spent = float(store.record.get("seconds", 0.0)) + perf_counter() - started
            store.update_record(seconds=round(spent, 2))
    return store


def _plan(
    job: Job, settings: InferenceSettings, measures: Sequence[str], out: Path, *, overwrite: bool
) -> BlockPlan:
    roi = Roi.parse(settings.roi, job.shape) if settings.roi else Roi.whole(job.shape)
    block_shape = settings.block_shape
    if block_shape is None and not overwrite and out.exists() and is_result_store(out):
        # A run that is continued keeps its blocks, whatever memory it has now.
        z, y, x = ResultStore.open(out).record["block_shape"]
        block_shape = (z, y, x)
        if any(b > n for b, n in zip(block_shape, job.shape, strict=True)):
            block_shape = None  # a result of another scan, refused when the identities meet
    if block_shape is None:
        block_shape = choose_block_shape(
            job.posterior,
            job.shape,
            memory=settings.memory,
            num_samples=settings.num_samples,
            num_measures=len(measures),
        )
    return plan_blocks(job.shape, roi, block_shape, job.posterior.stride)


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
    }


def _open_or_create(
    out: Path, layout: StoreLayout, record: dict[str, Any], *, overwrite: bool
) -> ResultStore:
    if not out.exists():
        return ResultStore.create(out, layout, record)
    if not is_result_store(out):
        raise StoreError(f"{out}: exists and is no result of napari-bayesseg; name another --out")
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
    store = ResultStore.create(out, layout, record)
    shutil.rmtree(aside)
    return store
