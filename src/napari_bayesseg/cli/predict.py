"""``napari-bayesseg predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from napari_bayesseg.cli import options
from napari_bayesseg.cli.output import run_hooks, say, write_json
from napari_bayesseg.inference import predict as inference
from napari_bayesseg.inference.result import Result

__all__ = ["predict"]


def predict(
    scan: Annotated[str, Parameter(help="File or folder: TIFF, OME-Zarr or NIfTI")],
    /,
    *,
    model: Annotated[str, Parameter(help="Shipped or local model name, or a model folder")],
    out: Annotated[Path, Parameter(help="Result store to write or continue, *.zarr")],
    num_samples: options.NumSamples = options.default("num_samples"),
    seed: options.Seed = options.default("seed"),
    roi: options.RoiText = None,
    block_shape: options.BlockShape = None,
    memory: options.Memory = "4GB",
    device: options.Device = "auto",
    precision: options.Precision = options.default("precision"),
    flips: options.Flips = options.default("flips"),
    store_dtype: options.StoreDtype = options.default("store_dtype"),
    skip_below: options.SkipBelow = None,
    skip_outside: options.SkipOutside = None,
    workers: options.Workers = None,
    scheduler: options.Scheduler = None,
    axes: Annotated[
        str | None,
        Parameter(help="One letter or digit an axis where they can't be told, e.g. 1ZYX"),
    ] = None,
    measures: options.Measures = None,
    overwrite: options.Overwrite = False,
    json: options.JsonOutput = False,
) -> None:
    """Segment a scan and map the uncertainty. The same command continues an interrupted run."""
    with run_hooks("predict") as hooks:
        result = inference.predict(
            scan,
            model,
            out,
            num_samples=num_samples,
            seed=seed,
            roi=roi,
            block_shape=options.block_shape_of(block_shape),
            memory=memory,
            device=device,
            precision=precision,
            flips=flips,
            store_dtype=store_dtype,
            skip_below=skip_below,
            skip_outside=skip_outside,
            workers=workers,
            scheduler=scheduler,
            axes=axes,
            measures=options.split_names(measures),
            overwrite=overwrite,
            hooks=hooks,
        )
    describe(result, as_json=json)


def describe(result: Result, *, as_json: bool) -> None:
    """Print what a result holds."""
    entry = {
        "result": str(result.path),
        "run_id": result.record["run_id"],
        "shape": list(result.spec.shape),
        "spacing": list(result.geometry.spacing),
        "unit": result.geometry.unit,
        "classes": list(result.class_names),
        "measures": list(result.measures),
        "num_samples": result.settings.num_samples,
        "block_shape": list(result.plan.block_shape),
        "blocks": len(result.plan.blocks()),
        "blocks_left_out": result.blocks_left_out,
        "seconds": result.record.get("seconds"),
    }
    if as_json:
        write_json(entry)
        return
    shape = " x ".join(map(str, result.plan.block_shape))
    count = len(result.plan.blocks())
    say(f"{result.path}: {count} block{'s' if count > 1 else ''} of {shape} voxels")
    if result.blocks_left_out:
        say(f"left out: {result.blocks_left_out} of {count} blocks, as asked for")
    say(f"classes: {', '.join(result.class_names)}")
    say(f"measures: {', '.join(result.measures)}")
