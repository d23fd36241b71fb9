"""Panels that pictures are made of: a slice in grey, its labels, a map with its colour bar."""

from __future__ import annotations

import io
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

from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.io.atomic import write_bytes_atomically
from napari_bayesseg.numerics.uncertainty import get_measure, split_excess

__all__ = [
    "DPI",
    "HEAT",
    "add_scale_bar",
    "colour_top",
    "grey_limits",
    "label_colours",
    "plain",
    "png_of",
    "save_figure",
    "short_unit",
    "show_grey",
    "show_heat",
    "show_labels",
    "voxel_aspect",
]

_CLASS_COLOURS = ("#00000000", "#4c9be8", "#f2b134", "#53c27f", "#d86fb9", "#9d87e0", "#c7c7c7")
HEAT = "inferno"
DPI = 110


def label_colours(num_classes: int) -> ListedColormap:
    """Return a colour a class; the first is clear, so that the scan is seen."""
    colours = [_CLASS_COLOURS[0]]
    colours += [_CLASS_COLOURS[1 + i % (len(_CLASS_COLOURS) - 1)] for i in range(num_classes - 1)]
    return ListedColormap(colours)


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, atomically; return the path."""
    write_bytes_atomically(path, png_of(figure))
    return path


def png_of(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    FigureCanvasAgg(figure)
    content = io.BytesIO()
    figure.savefig(content, dpi=DPI, format="png", facecolor="white")
    return content.getvalue()


def add_scale_bar(axes: Axes, geometry: Geometry, width_voxels: int) -> None:
    """Draw a bar of a round length, at most a quarter of the width."""
    length = width_voxels * geometry.spacing[2] / 4
    nice = 10 ** np.floor(np.log10(length))
    nice *= max(step for step in (1, 2, 5) if step * nice <= length)
    axes.add_artist(
        AnchoredSizeBar(
            axes.transData,
            nice / geometry.spacing[2],
            f"{nice:g} {short_unit(geometry.unit)}",
            "lower right",
            frameon=True,
            size_vertical=max(1, width_voxels / 120),
        )
    )


def short_unit(unit: str) -> str:
    """Return the short form of a unit of length."""
    return {"micrometer": "\u00b5m", "millimeter": "mm", "nanometer": "nm"}.get(unit, unit)


def grey_limits(volume: Volume) -> tuple[float, float]:
    """Return the grey values for black and white, from the middle slice."""
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


def plain(axes: Axes, title: str) -> None:
    """Give a panel a title and no ticks."""
    axes.set_title(title, fontsize=10)
    axes.set_xticks([])
    axes.set_yticks([])


def voxel_aspect(geometry: Geometry) -> float:
    """Return the height of a voxel in widths."""
    return geometry.spacing[1] / geometry.spacing[2]


def show_grey(
    axes: Axes, image: NDArray[Any], limits: tuple[float, float], geometry: Geometry
) -> None:
    """Show a slice in grey."""
    axes.imshow(
        image,
        cmap="gray",
        vmin=limits[0],
        vmax=limits[1],
        aspect=voxel_aspect(geometry),
        interpolation="nearest",
    )


def show_heat(
    figure: Figure, axes: Axes, values: NDArray[Any], name: str, top: float, geometry: Geometry
) -> None:
    """Show a slice of a measure, with its title, colour bar and unit."""
    measure = get_measure(split_excess(name)[0])
    title = measure.title + (" (excess)" if split_excess(name)[1] else "")
    shown = axes.imshow(
        values, cmap=HEAT, vmin=0, vmax=top, aspect=voxel_aspect(geometry), interpolation="nearest"
    )
    plain(axes, title)
    bar = figure.colorbar(shown, ax=axes, fraction=0.046, pad=0.03)
    bar.set_label(measure.unit, fontsize=8)
    bar.ax.tick_params(labelsize=7)


def colour_top(values: NDArray[Any]) -> float:
    """Upper end of a colour bar: near the maximum, but not given by one voxel."""
    finite = values[np.isfinite(values)]
    top = float(np.percentile(finite, 99.9)) if finite.size else 1.0
    return top if top > 0 else 1.0


def show_labels(
    axes: Axes,
    image: NDArray[Any],
    labels: NDArray[Any],
    limits: tuple[float, float],
    geometry: Geometry,
    class_names: Sequence[str],
) -> None:
    """Show the labels of a slice over its grey values, with a legend."""
    show_grey(axes, image, limits, geometry)
    count = len(class_names)
    colours = label_colours(count)
    axes.imshow(
        labels,
        cmap=colours,
        vmin=-0.5,
        vmax=count - 0.5,
        alpha=0.45,
        aspect=voxel_aspect(geometry),
        interpolation="nearest",
    )
    for index, name in enumerate(class_names):
        axes.plot([], [], "s", color=colours(index), markeredgecolor="0.4", label=name)
    axes.legend(fontsize=7, loc="upper right", framealpha=0.85)
