"""A picture of where results are wrong: a slice, result by result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.evaluation.maps import maps_of_result
from napari_bayesseg.evaluation.panels import (
    add_scale_bar,
    colour_top,
    grey_limits,
    plain,
    png_of,
    show_grey,
    show_heat,
    show_labels,
    voxel_aspect,
)
from napari_bayesseg.evaluation.truth import read_truth
from napari_bayesseg.inference.result import Result

__all__ = ["draw_errors"]

# Vermilion on what is right would be told by nobody from the heat; on grey it is.
_WRONG = ListedColormap(["#00000000", "#ff4d2e"])
_PANEL_INCHES = 3.1


@dataclass(frozen=True, eq=False)
class _Plane:
    """One slice of a result beside the truth."""

    prediction: NDArray[Any]
    truth: NDArray[Any]
    wrong: NDArray[np.bool_]
    uncertainty: NDArray[Any]


def draw_errors(
    results: Sequence[tuple[str, Result]],
    labels: Volume,
    measure: str,
    z: int,
    *,
    ignore_label: int | None = None,
) -> bytes:
    """Draw truth, labels, wrong voxels and uncertainty of results of one scan, under each other.

    Maps are on one scale. Behind them is the scan where it can still be read.

    Parameters
    ----------
    results : sequence of (title, Result)
    labels : Volume
    measure : str
    z : int
        The slice.
    ignore_label : int, optional
        Voxels with this label are no errors.

    Returns
    -------
    bytes
        PNG.
    """
    first = results[0][1]
    height, width = first.spec.shape[1:]
    box = Roi((z, 0, 0), (z + 1, height, width))
    planes = [_plane(result, labels, measure, box, ignore_label) for _, result in results]
    image, limits = _background(first, box)
    aspect = voxel_aspect(first.geometry) * height / width
    tall = _PANEL_INCHES * min(max(aspect, 0.3), 2.0) + 0.4
    figure = Figure(figsize=(4.4 * _PANEL_INCHES, tall * len(results)), layout="constrained")
    axes = figure.subplots(len(results), 4, squeeze=False)
    top = max(colour_top(plane.uncertainty) for plane in planes)
    for row, ((title, result), plane) in enumerate(zip(results, planes, strict=True)):
        look = (limits, result.geometry, result.class_names)
        show_labels(axes[row, 0], image, plane.truth, *look)
        plain(axes[row, 0], f"truth, slice z = {z}")
        add_scale_bar(axes[row, 0], result.geometry, width)
        show_labels(axes[row, 1], image, plane.prediction, *look)
        plain(axes[row, 1], title)
        show_grey(axes[row, 2], image, limits, result.geometry)
        shape = {"aspect": voxel_aspect(result.geometry), "interpolation": "nearest"}
        axes[row, 2].imshow(plane.wrong, cmap=_WRONG, vmin=0, vmax=1, **shape)
        share = np.count_nonzero(plane.wrong) / max(plane.wrong.size, 1)
        plain(axes[row, 2], f"wrong voxels ({100 * share:.1f} %)")
        show_heat(figure, axes[row, 3], plane.uncertainty, measure, top, result.geometry)
    return png_of(figure)


def _plane(
    result: Result, labels: Volume, measure: str, box: Roi, ignore_label: int | None
) -> _Plane:
    maps = maps_of_result(result, measure)
    probabilities = maps.probabilities(box)
    truth, ignored = read_truth(labels, box, len(maps.class_names), ignore_label)
    prediction = result.read_box("labels", box)
    known = ~np.isnan(probabilities).any(axis=0) & ~ignored
    uncertainty = maps.measure(measure, box, probabilities)
    return _Plane(
        prediction[0], truth[0], ((prediction != truth) & known)[0], np.asarray(uncertainty[0])
    )


def _background(result: Result, box: Roi) -> tuple[NDArray[Any], tuple[float, float]]:
    """Return the scan's slice, or white where it is gone."""
    scan = result.open_scan()
    if scan is None:
        return np.ones(box.shape[1:]), (0.0, 1.0)
    return scan.read(box)[0], grey_limits(scan)
