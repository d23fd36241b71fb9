"""From a scan and a model to a result store; the same call continues a stopped run."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from napari_bayesseg.core.errors import BayesSegWarning
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.core.volume import LazyArray, Volume
from napari_bayesseg.inference.familiarity import unfamiliar_disagreement, unfamiliar_scan
from napari_bayesseg.inference.left_out import open_leaving_out
from napari_bayesseg.inference.result import Result
from napari_bayesseg.inference.run import (
    Job,
    RunHooks,
    check_out,
    check_workers,
    plan_run,
    run_job,
    within_distinct,
)
from napari_bayesseg.inference.scan import NormalisedScan, summarise_scan
from napari_bayesseg.inference.sources import choose_device
from napari_bayesseg.io.provenance import scan_record
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.numerics.uncertainty import get_measure
from napari_bayesseg.posteriors.open import open_model

__all__ = ["RunHooks", "predict"]


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
    precision: str = "float32",
    flips: str = "",
    store_dtype: str = "float32",
    skip_below: float | None = None,
    skip_outside: str | Path | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
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
    precision : {"float32", "bfloat16"}
        Of the network; bfloat16 is faster where the processor has it, and less exact.
    flips : str
        Letters of the axes that draws are mirrored along in turn, such as ``"zyx"``.
    store_dtype : {"float32", "float16", "uint8"}
        Of the stored maps.
    skip_below : float, optional
        Blocks without a voxel above this grey value are left out: label 0, everything else NaN.
    skip_outside : path, optional
        Mask of the scan's shape; blocks in which it is 0 everywhere are left out.
    workers : int, optional
        Processes of this machine that share the blocks, and the memory; needs the extra
        ``distributed``. A script that asks for them must be guarded by
        ``if __name__ == "__main__":``, for each of them imports it.
    scheduler : str, optional
        Address of a running dask cluster that computes the blocks, ``"tcp://host:port"``; its
        workers must reach scan, model and `out` by the same paths. Excludes `workers`.
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
        measures=tuple(dict.fromkeys(measures)),
        percentiles=percentiles,
        precision=precision,
        flips=flips,
        store_dtype=store_dtype,
        skip_below=skip_below,
        skip_outside=None if skip_outside is None else str(skip_outside),
        workers=workers,
        scheduler=scheduler,
    )
    for name in settings.measures:
        get_measure(name)
    target = choose_device(settings.device)
    check_workers(settings, target)
    posterior, card, folder = open_model(model, target, settings.precision, settings.flips)
    asked, settings = settings.num_samples, within_distinct(settings, posterior)
    if settings.num_samples < asked:
        warnings.warn(
            f"{card.name} has {settings.num_samples} different draws: these are made, not {asked}",
            BayesSegWarning,
            stacklevel=2,
        )
    if isinstance(scan, str | Path):
        volume = read_volume(scan, axes=axes)
    else:
        volume = scan if isinstance(scan, Volume) else Volume.from_array(scan)
    # Everything that can be refused is, before the scan is read through.
    place = Path(out)
    leaving_out = open_leaving_out(settings, volume)
    mask = leaving_out.mask.spec.source if leaving_out and leaving_out.mask else None
    check_out(place, (volume.spec.source, mask, folder))
    plan = plan_run(posterior, volume.shape, settings, place, overwrite=overwrite)
    if settings.num_samples == 1:
        warnings.warn(
            "with one draw there is no disagreement: mutual information, standard deviation, "
            "spread and variation ratio are 0 everywhere and mean nothing",
            BayesSegWarning,
            stacklevel=2,
        )
    summary = summarise_scan(volume, card.normalisation)
    _warn(unfamiliar_scan(card, volume.spec.geometry, summary.statistics.__dict__))
    identity = card.identity
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
        leaving_out,
        volume.spec.source if isinstance(scan, str | Path) else None,
    )
    store = run_job(
        job,
        plan,
        settings,
        place,
        device=str(target),
        overwrite=overwrite,
        focus=focus,
        hooks=hooks or RunHooks(),
    )
    result = Result(store, volume, posterior)
    _warn(unfamiliar_disagreement(result))
    return result


def _warn(lines: Sequence[str]) -> None:
    """Say what is unlike the training data."""
    for line in lines:
        warnings.warn(f"unlike the training data: {line}", BayesSegWarning, stacklevel=3)
