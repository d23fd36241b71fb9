"""``napari-bayesseg export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from cyclopts import Parameter

from napari_bayesseg.cli import options
from napari_bayesseg.cli.output import say, write_json
from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.inference.result import load_result
from napari_bayesseg.io.writers import write_volume
from napari_bayesseg.numerics.uncertainty import MEASURES, split_excess

__all__ = ["export"]


def export(
    result: Annotated[Path, Parameter(help="Result store, *.zarr")],
    /,
    *,
    out: Annotated[Path, Parameter(help="*.ome.tif, *.tif (ImageJ), *.nii or *.nii.gz")],
    labels: Annotated[
        Literal["reviewed", "predicted"],
        Parameter(help="Reviewed labels equal the predicted ones until somebody decides"),
    ] = "reviewed",
    array: Annotated[
        str | None, Parameter(help="A measure instead of the labels, e.g. mutual_information")
    ] = None,
    overwrite: Annotated[bool, Parameter(help="Replace an existing file", negative=())] = False,
    json: options.JsonOutput = False,
) -> None:
    """Write the mask, or a map, with the geometry of the scan."""
    opened = load_result(result)
    if out.exists() and not overwrite:
        raise SettingsError(f"{out}: exists already; name another file, or pass --overwrite")
    source = opened.spec.source
    if source is not None and out.resolve() == source.resolve():
        raise SettingsError(f"{out}: is the scan itself, and sources are never written to")
    if array is None:
        values = np.asarray(opened.labels)
    else:
        if split_excess(array)[0] not in MEASURES:
            raise SettingsError(f"array must be one of {', '.join(MEASURES)}; got {array}")
        values = np.asarray(opened.measure(array))
    write_volume(out, values, opened.geometry, name=array or "labels")
    entry = {"file": str(out), "array": array or f"{labels} labels", "shape": list(values.shape)}
    if json:
        write_json(entry)
    else:
        say(f"{out}: {entry['array']}, {' x '.join(map(str, values.shape))} voxels")
