"""``napari-bayesseg import-probabilities``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from napari_bayesseg.cli import options
from napari_bayesseg.cli.output import run_hooks
from napari_bayesseg.cli.predict import describe
from napari_bayesseg.inference import import_probabilities as inference

__all__ = ["import_probabilities"]


def import_probabilities(
    *files: Annotated[Path, Parameter(help="npz, npy, zarr, TIFF or NIfTI with softmax output")],
    out: Annotated[Path, Parameter(help="Result store to write, *.zarr")],
    scan: Annotated[Path | None, Parameter(help="The scan, for its geometry")] = None,
    class_names: Annotated[str | None, Parameter(help="Names, separated by commas")] = None,
    measures: options.Measures = None,
    memory: options.Memory = "4GB",
    overwrite: options.Overwrite = False,
    json: options.JsonOutput = False,
) -> None:
    """Turn softmax arrays made elsewhere into a result with uncertainty maps.

    One file with (C, Z, Y, X) gives entropy; several, one a member, or one file with
    (T, C, Z, Y, X), give mutual information and spread as well.
    """
    with run_hooks("import") as hooks:
        result = inference.import_probabilities(
            files,
            out,
            scan=scan,
            class_names=options.split_names(class_names),
            measures=options.split_names(measures),
            memory=memory,
            overwrite=overwrite,
            hooks=hooks,
        )
    describe(result, as_json=json)
