"""Pictures of a result: slices with labels and maps, the worst regions, two models compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from skimage.segmentation import find_boundaries

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.evaluation.panels import (
    HEAT,
    add_scale_bar,
    colour_top,
    grey_limits,
    label_colours,
    plain,
    save_figure,
    short_unit,
    show_grey,
    show_heat,
    show_labels,
    voxel_aspect,
)
from napari_bayesseg.inference.result import Result
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.numerics.uncertainty import get_measure, split_excess

__all__ = ["draw_comparison", "draw_regions", "draw_slice"]

_OUTLINE = ListedColormap(["#00000000", "#35e0d5"])


def draw_slice(result: Result, scan: Volume, z: int, path: Path) -> Path:
    """Draw one slice: scan, labels, and every stored measure with its colour bar and unit."""
    names = result.measures
    columns = 3
    rows = -(-(2 + len(names)) // columns)
    figure = Figure(figsize=(4.1 * columns, 3.75 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    height, width = scan.shape[1:]
    image = scan.read(Roi((z, 0, 0), (z + 1, height, width)))[0]
    limits = grey_limits(scan)
    show_grey(axes[0], image, limits, result.geometry)
    plain(axes[0], f"{result.spec.name}, slice z = {z}")
    add_scale_bar(axes[0], result.geometry, width)
    show_labels(
        axes[1], image, np.asarray(result.labels[z]), limits, result.geometry, result.class_names
    )
    plain(axes[1], "Labels (largest mean probability)")
    for axis, name in zip(axes[2:], names, strict=False):
        values = np.asarray(result.measure(name)[z])
        show_heat(figure, axis, values, name, colour_top(values), result.geometry)
    for axis in axes[2 + len(names) :]:
        axis.set_axis_off()
    return save_figure(figure, path)


def _around(position: Index3, shape: Index3, side: int) -> tuple[slice, slice]:
    spans = []
    for centre, size in zip(position[1:], shape[1:], strict=True):
        length = min(side, size)
        start = min(max(centre - length // 2, 0), size - length)
        spans.append(slice(start, start + length))
    return spans[0], spans[1]


def draw_regions(
    result: Result,
    scan: Volume,
    measure: str,
    regions: Sequence[Region],
    region_labels: RegionMap,
    path: Path,
    *,
    side: int = 64,
) -> Path:
    """Draw regions beside each other: scan, labels and measure around each maximum.

    Parameters
    ----------
    regions : sequence of Region
        Those to draw, such as the first ten of a table.
    region_labels : RegionMap
        Region ids, for the outlines.
    side : int
        Of each picture, in voxels.
    """
    figure = Figure(figsize=(1.75 * max(len(regions), 1), 6.2), layout="constrained")
    axes = figure.subplots(3, max(len(regions), 1), squeeze=False)
    values = np.asarray(result.measure(measure))
    limits, top = grey_limits(scan), colour_top(values)
    labels = result.labels
    shown: Any = None
    for column, region in enumerate(regions):
        z = region.position[0]
        rows, columns = _around(region.position, scan.shape, side)
        box = Roi((z, rows.start, columns.start), (z + 1, rows.stop, columns.stop))
        image = scan.read(box)[0]
        inside = region_labels[z, rows, columns] == region.id
        edge = find_boundaries(inside, mode="outer")  # type: ignore[no-untyped-call]
        show_grey(axes[0, column], image, limits, result.geometry)
        show_grey(axes[1, column], image, limits, result.geometry)
        axes[1, column].imshow(
            np.asarray(labels[z, rows, columns]),
            cmap=label_colours(len(result.class_names)),
            vmin=-0.5,
            vmax=len(result.class_names) - 0.5,
            alpha=0.45,
            interpolation="nearest",
            aspect=voxel_aspect(result.geometry),
        )
        shown = axes[2, column].imshow(
            values[z, rows, columns],
            cmap=HEAT,
            vmin=0,
            vmax=top,
            interpolation="nearest",
            aspect=voxel_aspect(result.geometry),
        )
        axes[1, column].imshow(
            edge, cmap=_OUTLINE, vmin=0, vmax=1, aspect=voxel_aspect(result.geometry)
        )
        for axis in axes[:, column]:
            plain(axis, "")
        volume = f"{region.expected_error_volume:.3g} {short_unit(result.geometry.unit)}\u00b3"
        axes[0, column].set_title(f"{region.id}: z {z}\n{volume}", fontsize=8)
    for axis, name in zip(axes[:, 0], ("scan", "labels", measure), strict=True):
        axis.set_ylabel(name, fontsize=9)
    if shown is not None:
        unit = get_measure(split_excess(measure)[0]).unit
        figure.colorbar(shown, ax=axes[2, :].tolist(), fraction=0.02, pad=0.01).set_label(unit)
    figure.suptitle("Regions with the largest expected error volume (outlined)", fontsize=11)
    return save_figure(figure, path)


def draw_comparison(
    results: Sequence[tuple[str, Result]], scan: Volume, z: int, measure: str, path: Path
) -> Path:
    """Draw one slice of several results under each other: labels and a measure, on one scale."""
    figure = Figure(figsize=(12.3, 4.1 * len(results)), layout="constrained")
    axes = figure.subplots(len(results), 3, squeeze=False)
    height, width = scan.shape[1:]
    image = scan.read(Roi((z, 0, 0), (z + 1, height, width)))[0]
    limits = grey_limits(scan)
    maps = [np.asarray(result.measure(measure)[z]) for _, result in results]
    top = max(colour_top(values) for values in maps)
    for row, ((title, result), values) in enumerate(zip(results, maps, strict=True)):
        show_grey(axes[row, 0], image, limits, result.geometry)
        plain(axes[row, 0], f"{result.spec.name}, slice z = {z}")
        add_scale_bar(axes[row, 0], result.geometry, width)
        show_labels(
            axes[row, 1],
            image,
            np.asarray(result.labels[z]),
            limits,
            result.geometry,
            result.class_names,
        )
        plain(axes[row, 1], title)
        show_heat(figure, axes[row, 2], values, measure, top, result.geometry)
    return save_figure(figure, path)
