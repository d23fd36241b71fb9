"""Pictures of a result: slices with labels and maps, the worst regions, two models compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar
from numpy.typing import NDArray
from skimage.segmentation import find_boundaries

from napari_bayesseg.core.geometry import Geometry, Index3, Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.result import Result
from napari_bayesseg.io.atomic import replace_atomically
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.numerics.uncertainty import get_measure, split_excess

__all__ = ["draw_comparison", "draw_regions", "draw_slice"]

_CLASS_COLOURS = ("#00000000", "#4c9be8", "#f2b134", "#53c27f", "#d86fb9", "#9d87e0", "#c7c7c7")
_HEAT = "inferno"
_OUTLINE = ListedColormap(["#00000000", "#35e0d5"])
_DPI = 110


def _label_colours(num_classes: int) -> ListedColormap:
    colours = [_CLASS_COLOURS[0]]
    colours += [_CLASS_COLOURS[1 + i % (len(_CLASS_COLOURS) - 1)] for i in range(num_classes - 1)]
    return ListedColormap(colours)


def _save(figure: Figure, path: Path) -> Path:
    FigureCanvasAgg(figure)
    with replace_atomically(path) as temporary:
        figure.savefig(temporary, dpi=_DPI, format="png", facecolor="white")
    return path


def _scale_bar(axes: Axes, geometry: Geometry, width_voxels: int) -> None:
    length = width_voxels * geometry.spacing[2] / 4
    nice = 10 ** np.floor(np.log10(length))
    nice *= max(step for step in (1, 2, 5) if step * nice <= length)
    axes.add_artist(
        AnchoredSizeBar(
            axes.transData,
            nice / geometry.spacing[2],
            f"{nice:g} {_short(geometry.unit)}",
            "lower right",
            frameon=True,
            size_vertical=max(1, width_voxels / 120),
        )
    )


def _short(unit: str) -> str:
    return {"micrometer": "\u00b5m", "millimeter": "mm", "nanometer": "nm"}.get(unit, unit)


def _grey_limits(volume: Volume) -> tuple[float, float]:
    step = tuple(slice(None, None, max(1, n // 64)) for n in volume.shape)
    middle = volume.read(
        Roi((volume.shape[0] // 2, 0, 0), (volume.shape[0] // 2 + 1, *volume.shape[1:]))
    )
    sample = middle[(slice(None), *step[1:])]
    known = sample[np.isfinite(sample)]
    if known.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(known, (0.5, 99.8))
    return float(low), float(high)


def _plain(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xticks([])
    axes.set_yticks([])


def _aspect(geometry: Geometry) -> float:
    return geometry.spacing[1] / geometry.spacing[2]


def _show_grey(
    axes: Axes, image: NDArray[Any], limits: tuple[float, float], geometry: Geometry
) -> None:
    axes.imshow(
        image,
        cmap="gray",
        vmin=limits[0],
        vmax=limits[1],
        aspect=_aspect(geometry),
        interpolation="nearest",
    )


def _show_heat(
    figure: Figure, axes: Axes, values: NDArray[Any], name: str, top: float, geometry: Geometry
) -> None:
    measure = get_measure(split_excess(name)[0])
    title = measure.title + (" (excess)" if split_excess(name)[1] else "")
    shown = axes.imshow(
        values, cmap=_HEAT, vmin=0, vmax=top, aspect=_aspect(geometry), interpolation="nearest"
    )
    _plain(axes, title)
    bar = figure.colorbar(shown, ax=axes, fraction=0.046, pad=0.03)
    bar.set_label(measure.unit, fontsize=8)
    bar.ax.tick_params(labelsize=7)


def _top(values: NDArray[Any]) -> float:
    """Upper end of a colour bar: near the maximum, but not given by one voxel."""
    finite = values[np.isfinite(values)]
    top = float(np.percentile(finite, 99.9)) if finite.size else 1.0
    return top if top > 0 else 1.0


def _show_labels(
    axes: Axes,
    image: NDArray[Any],
    labels: NDArray[Any],
    limits: tuple[float, float],
    result: Result,
) -> None:
    _show_grey(axes, image, limits, result.geometry)
    count = len(result.class_names)
    colours = _label_colours(count)
    axes.imshow(
        labels,
        cmap=colours,
        vmin=-0.5,
        vmax=count - 0.5,
        alpha=0.45,
        aspect=_aspect(result.geometry),
        interpolation="nearest",
    )
    for index, name in enumerate(result.class_names):
        # The first class is left clear, so that the scan is seen.
        axes.plot([], [], "s", color=colours(index), markeredgecolor="0.4", label=name)
    axes.legend(fontsize=7, loc="upper right", framealpha=0.85)


def draw_slice(result: Result, scan: Volume, z: int, path: Path) -> Path:
    """Draw one slice: scan, labels, and every stored measure with its colour bar and unit."""
    names = result.measures
    columns = 3
    rows = -(-(2 + len(names)) // columns)
    figure = Figure(figsize=(4.1 * columns, 3.75 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    height, width = scan.shape[1:]
    image = scan.read(Roi((z, 0, 0), (z + 1, height, width)))[0]
    limits = _grey_limits(scan)
    _show_grey(axes[0], image, limits, result.geometry)
    _plain(axes[0], f"{result.spec.name}, slice z = {z}")
    _scale_bar(axes[0], result.geometry, width)
    _show_labels(axes[1], image, np.asarray(result.labels[z]), limits, result)
    _plain(axes[1], "Labels (largest mean probability)")
    for axis, name in zip(axes[2:], names, strict=False):
        values = np.asarray(result.measure(name)[z])
        _show_heat(figure, axis, values, name, _top(values), result.geometry)
    for axis in axes[2 + len(names) :]:
        axis.set_axis_off()
    return _save(figure, path)


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
    limits, top = _grey_limits(scan), _top(values)
    labels = result.labels
    shown: Any = None
    for column, region in enumerate(regions):
        z = region.position[0]
        rows, columns = _around(region.position, scan.shape, side)
        box = Roi((z, rows.start, columns.start), (z + 1, rows.stop, columns.stop))
        image = scan.read(box)[0]
        inside = region_labels[z, rows, columns] == region.id
        edge = find_boundaries(inside, mode="outer")  # type: ignore[no-untyped-call]
        _show_grey(axes[0, column], image, limits, result.geometry)
        _show_grey(axes[1, column], image, limits, result.geometry)
        axes[1, column].imshow(
            np.asarray(labels[z, rows, columns]),
            cmap=_label_colours(len(result.class_names)),
            vmin=-0.5,
            vmax=len(result.class_names) - 0.5,
            alpha=0.45,
            interpolation="nearest",
            aspect=_aspect(result.geometry),
        )
        shown = axes[2, column].imshow(
            values[z, rows, columns],
            cmap=_HEAT,
            vmin=0,
            vmax=top,
            interpolation="nearest",
            aspect=_aspect(result.geometry),
        )
        axes[1, column].imshow(edge, cmap=_OUTLINE, vmin=0, vmax=1, aspect=_aspect(result.geometry))
        for axis in axes[:, column]:
            _plain(axis, "")
        volume = f"{region.expected_error_volume:.3g} {_short(result.geometry.unit)}\u00b3"
        axes[0, column].set_title(f"{region.id}: z {z}\n{volume}", fontsize=8)
    for axis, name in zip(axes[:, 0], ("scan", "labels", measure), strict=True):
        axis.set_ylabel(name, fontsize=9)
    if shown is not None:
        unit = get_measure(split_excess(measure)[0]).unit
        figure.colorbar(shown, ax=axes[2, :].tolist(), fraction=0.02, pad=0.01).set_label(unit)
    figure.suptitle("Regions with the largest expected error volume (outlined)", fontsize=11)
    return _save(figure, path)


def draw_comparison(
    results: Sequence[tuple[str, Result]], scan: Volume, z: int, measure: str, path: Path
) -> Path:
    """Draw one slice of several results under each other: labels and a measure, on one scale."""
    figure = Figure(figsize=(12.3, 4.1 * len(results)), layout="constrained")
    axes = figure.subplots(len(results), 3, squeeze=False)
    height, width = scan.shape[1:]
    image = scan.read(Roi((z, 0, 0), (z + 1, height, width)))[0]
    limits = _grey_limits(scan)
    maps = [np.asarray(result.measure(measure)[z]) for _, result in results]
    top = max(_top(values) for values in maps)
    for row, ((title, result), values) in enumerate(zip(results, maps, strict=True)):
        _show_grey(axes[row, 0], image, limits, result.geometry)
        _plain(axes[row, 0], f"{result.spec.name}, slice z = {z}")
        _scale_bar(axes[row, 0], result.geometry, width)
        _show_labels(axes[row, 1], image, np.asarray(result.labels[z]), limits, result)
        _plain(axes[row, 1], title)
        _show_heat(figure, axes[row, 2], values, measure, top, result.geometry)
    return _save(figure, path)
