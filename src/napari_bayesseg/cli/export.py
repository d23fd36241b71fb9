"""``napari-bayesseg export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from numpy.typing import NDArray

from napari_bayesseg.cli import options
from napari_bayesseg.cli.output import say, write_json
from napari_bayesseg.cli.targets import check_target
from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.inference.result import Result, load_result
from napari_bayesseg.io.writers import write_volume, writer_for
from napari_bayesseg.numerics.uncertainty import MEASURES, split_excess
from napari_bayesseg.review.review import read_reviewed_labels

__all__ = ["export"]


def export(
    result: Annotated[Path, Parameter(help="Result store, *.zarr")],
    /,
    *,
    out: Annotated[Path, Parameter(help="*.ome.tif, *.tif (ImageJ), *.nii or *.nii.gz")],
    labels: Annotated[
        Literal["reviewed", "predicted"],
        Parameter(help="The reviewed equal the predicted ones until somebody decides"),
    ] = "reviewed",
    array: Annotated[
        str | None,
        Parameter(
            help=f"A map instead of the labels: mean_probability, {', '.join(MEASURES)}; a "
            "measure with the suffix _excess is what is over the usual"
        ),
    ] = None,
    overwrite: Annotated[bool, options.flag("Replace an existing file")] = False,
    json: options.JsonOutput = False,
) -> None:
    """Write the mask, or a map, with the geometry of the scan."""
    opened = load_result(result)
    check_target(out, opened)
    if out.exists() and not overwrite:
        raise SettingsError(f"{out}: exists already; name another file, or pass --overwrite")
    writer_for(out)
    if array not in (None, "mean_probability") and split_excess(array)[0] not in MEASURES:
        known = ", ".join(("mean_probability", *MEASURES))
        raise SettingsError(f"array must be one of {known}; got {array!r}")
    values = _values(opened, array, labels)
    write_volume(out, values, opened.geometry, name=array or "labels")
    entry = {"file": str(out), "array": array or f"{labels} labels", "shape": list(values.shape)}
    if json:
        write_json(entry)
    else:
        say(f"{out}: {entry['array']}, {' x '.join(map(str, values.shape))} voxels")


def _values(result: Result, array: str | None, labels: str) -> NDArray[Any]:
    if array is not None:
        return result.read(array)
    # What was decided stands in the journal, also while another process reviews.
    return read_reviewed_labels(result) if labels == "reviewed" else result.read("labels")
