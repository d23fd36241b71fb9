"""``napari-bayesseg demo``: the main job on the shipped sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter

from napari_bayesseg.cli import options
from napari_bayesseg.cli.output import run_hooks, say, write_json
from napari_bayesseg.cli.regions import summarise
from napari_bayesseg.cli.viewer import can_show, show
from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.inference.result import Result
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.io.sample_data import ELECTRODE_CT, sample_folder
from napari_bayesseg.io.writers import write_volume

__all__ = ["demo"]

_MODEL, _TWIN = "electrode-bcnn", "electrode-mc-dropout"
_MEASURE = "mutual_information_excess"
_RESULT, _TWIN_RESULT = "result.zarr", "result_mc_dropout.zarr"
_MASK, _TABLE = "mask.ome.tif", "regions.csv"
_NUM_REGIONS = 10
_LEAST_VOXELS = 27  # smaller specks are noise along ordinary boundaries
_SHARE_ABOVE = 99.0  # percent of the voxels that lie below the demo's threshold


def demo(
    *,
    no_viewer: Annotated[bool, options.flag("Write everything, but open no window")] = False,
    out: Annotated[Path, Parameter(help="Folder to write to")] = Path("demo-out"),
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.JsonOutput = False,
) -> None:
    """Segment the shipped electrode scan and show where the segmentation can't be trusted."""
    scan_path = sample_folder() / ELECTRODE_CT
    scan = read_volume(scan_path)
    _check_folder(out)
    results = {}
    for model, name in ((_MODEL, _RESULT), (_TWIN, _TWIN_RESULT)):
        with run_hooks(model) as hooks:
            results[model] = predict(
                scan_path, model, out / name, device=device, overwrite=overwrite, hooks=hooks
            )
    files, summary = _write_files(results[_MODEL], results[_TWIN], scan, out)
    if json:
        write_json({"out": str(out), "files": [str(file) for file in files], "summary": summary})
    else:
        for line in (summary, *files):
            say(str(line))
    if can_show() and not no_viewer:
        show(out / _RESULT)


def _check_folder(out: Path) -> None:
    """Refuse a folder with files of somebody else's under the names of the demo's."""
    names = (_MASK, _TABLE)
    if not (out / _RESULT).exists() and any((out / name).exists() for name in names):
        raise SettingsError(
            f"{out}: holds {' or '.join(names)} of something else than the demo; name another --out"
        )


def _write_files(result: Result, twin: Result, scan: Volume, out: Path) -> tuple[list[Path], str]:
    from napari_bayesseg.evaluation.pictures import draw_comparison, draw_regions, draw_slice
    from napari_bayesseg.review.regions.region_table import find_result_regions

    mask, csv = out / _MASK, out / _TABLE
    write_volume(mask, np.asarray(result.labels), result.geometry, name="labels")
    values = np.asarray(result.measure(_MEASURE))
    table = find_result_regions(
        result,
        _MEASURE,
        float(np.nanpercentile(values, _SHARE_ABOVE)),
        min_volume=_LEAST_VOXELS * result.geometry.voxel_volume,
    )
    table.write_csv(csv)
    slices = _slices_worth_seeing(values)
    titles = (("Bayesian V-Net", result), ("Monte Carlo dropout twin", twin))
    files = [
        result.path,
        twin.path,
        mask,
        csv,
        *(draw_slice(result, scan, z, out / f"slice_{z:03d}.png") for z in slices),
        draw_regions(
            result,
            scan,
            _MEASURE,
            table.regions[:_NUM_REGIONS],
            table.region_labels,
            out / "regions.png",
        ),
        draw_comparison(
            titles, scan, slices[0], "mutual_information", out / "bcnn_and_mc_dropout.png"
        ),
    ]
    return files, summarise(table)


def _slices_worth_seeing(values: np.ndarray, count: int = 3) -> list[int]:
    """Return the slices with the most excess, some way apart, the best first."""
    score = np.nansum(np.clip(values, 0, None), axis=(1, 2))
    apart = max(1, len(score) // 8)
    chosen: list[int] = []
    for z in np.argsort(-score, kind="stable").tolist():
        if all(abs(z - other) >= apart for other in chosen):
            chosen.append(z)
        if len(chosen) == count:
            break
    return chosen
