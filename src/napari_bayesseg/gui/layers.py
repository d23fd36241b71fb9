"""How our volumes and results become napari layers, and nothing else does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_bayesseg.gui.heat import heat_colours
from napari_bayesseg.numerics.uncertainty import EXCESS_SUFFIX, get_measure, split_excess
from napari_bayesseg.session.preferences import HeatColours

if TYPE_CHECKING:
    from napari.types import FullLayerData, LayerData

    from napari_bayesseg.core.geometry import Geometry
    from napari_bayesseg.core.volume import LazyArray, Volume
    from napari_bayesseg.inference.result import Result

__all__ = [
    "RESULT_KEY",
    "SOURCE_KEY",
    "class_colours",
    "first_measure",
    "labels_layer",
    "measure_layer",
    "measure_title",
    "placement",
    "prediction_layer",
    "result_layers",
    "shade_layer",
    "volume_layer",
]

SOURCE_KEY = "napari_bayesseg"
"""In a layer's metadata: the :class:`Volume` that it shows, with the path of its file."""
RESULT_KEY = "napari_bayesseg_result"
"""In a layer's metadata: the result that it shows; it is neither a scan to segment nor a truth."""

# Okabe and Ito's colours for the colour-blind, those first that neither a grey scan nor a heat
# map from black over red to yellow shows.
_CLASS_COLOURS = ("#56b4e9", "#009e73", "#cc79a7", "#0072b2", "#f0e442", "#d55e00", "#e69f00")


def placement(geometry: Geometry) -> dict[str, Any]:
    """Return a layer's place in the world as napari's keyword arguments.

    The spacing is always in `scale`, where people and other plugins look for it; only what a
    scale and a translation can't say (rotation, shear, mirrored axes) goes into `affine`.
    """
    matrix = geometry.matrix
    place: dict[str, Any] = {
        "scale": geometry.spacing,
        "units": (geometry.unit,) * 3,
        "axis_labels": ("z", "y", "x"),
    }
    if geometry.is_upright and np.all(np.diag(matrix) > 0):
        place["translate"] = geometry.translation
    else:
        place["affine"] = matrix @ np.diag([*(1.0 / np.array(geometry.spacing)), 1.0])
    return place


def volume_layer(volume: Volume) -> LayerData:
    """Return a scan as layer data; napari takes 32- and 64-bit integers for labels."""
    metadata = {SOURCE_KEY: volume}
    meta = {"name": volume.spec.name, "metadata": metadata, **placement(volume.spec.geometry)}
    return volume.data, meta


def class_colours(num_classes: int) -> dict[int | None, str]:
    """Return napari's colours of the label values: class 0, the background, is transparent."""
    colours: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    for label in range(1, num_classes):
        colours[label] = _CLASS_COLOURS[(label - 1) % len(_CLASS_COLOURS)]
    return colours


def labels_layer(
    labels: LazyArray,
    geometry: Geometry,
    *,
    name: str,
    visible: bool = True,
    class_names: Sequence[str] = (),
    result: str = "",
) -> FullLayerData:
    """Return class numbers ``(Z, Y, X)`` as layer data of a labels layer.

    With the names of the classes, from 0, napari's status bar tells the class under the cursor,
    and each class has its colour; without, napari's own colours are kept. `result` names the result
    that the labels are of.
    """
    meta: dict[str, Any] = {
        "metadata": {RESULT_KEY: result} if result else {},
        "name": name,
        "opacity": 0.4,
        "visible": visible,
        **placement(geometry),
    }
    if class_names:
        meta["features"] = {"index": list(range(len(class_names))), "class": list(class_names)}
        meta["colormap"] = class_colours(len(class_names))
    return labels, meta, "labels"


def first_measure(result: Result) -> str:
    """Return the measure that is shown first: mutual information where it was stored."""
    return "mutual_information" if "mutual_information" in result.measures else result.measures[0]


def measure_title(name: str) -> str:
    """Return title and unit of a measure or its excess, such as ``"predictive entropy (nat)"``."""
    plain, is_excess = split_excess(name)
    measure = get_measure(plain)
    excess = EXCESS_SUFFIX.replace("_", " ") if is_excess else ""
    return f"{measure.title.lower()}{excess} ({measure.unit})"


def measure_layer(
    result: Result,
    measure_name: str,
    *,
    visible: bool,
    values: LazyArray | Sequence[LazyArray] | None = None,
    colours: HeatColours = HeatColours.INFERNO,
) -> FullLayerData:
    """Return a measure as layer data, its contrast spanning all possible values.

    Parameters
    ----------
    result : Result
    measure_name : str
        A stored measure, or any one whose `values` are given.
    visible : bool
    values : (Z, Y, X) float32, or a list of such, optional
        Default: those stored. A list holds the full level and, if there are any, coarser ones.
    colours : HeatColours
    """
    if isinstance(values, Sequence):
        values = list(values) if len(values) > 1 else values[0]
    low, high = get_measure(split_excess(measure_name)[0]).bounds(len(result.class_names))
    meta = {
        # Without the scan's: napari cuts long names in the middle, and all would look alike.
        "name": measure_title(measure_name),
        "visible": visible,
        "blending": "translucent",
        "colormap": heat_colours(colours),
        # Said, because napari would read the whole array to find them.
        "contrast_limits": (low, high),
        "multiscale": isinstance(values, list),
        "metadata": {RESULT_KEY: str(result.path)},
        **placement(result.geometry),
    }
    return result.measure(measure_name) if values is None else values, meta, "image"


def prediction_layer(result: Result, labels: LazyArray | None = None) -> FullLayerData:
    """Return the predicted labels as layer data, read through `labels` if that is given."""
    return labels_layer(
        result.labels if labels is None else labels,
        result.geometry,
        name=f"{result.spec.name}: labels",
        class_names=result.class_names,
        result=str(result.path),
    )


def shade_layer(result: Result, unprocessed: LazyArray) -> FullLayerData:
    """Return the shade over what isn't processed as layer data: 1 where it is to be seen."""
    meta = {
        "name": f"{result.spec.name}: not processed yet",
        "opacity": 0.45,
        "blending": "translucent",
        "colormap": {"colors": [(0, 0, 0, 0), (0.5, 0.5, 0.5, 1)], "name": "not processed"},
        "contrast_limits": (0, 1),
        "metadata": {RESULT_KEY: str(result.path)},
        **placement(result.geometry),
    }
    return unprocessed, meta, "image"


def result_layers(
    result: Result, scan: Volume | None, colours: HeatColours = HeatColours.INFERNO
) -> list[LayerData]:
    """Return a result as layer data, from below: its scan, its labels, its measures.

    Mutual information is shown (else the first measure), the other measures are hidden. The
    measures are in `colours`.
    """
    below = [] if scan is None else [volume_layer(scan)]
    shown = first_measure(result)
    measures = [
        measure_layer(
            result, name, visible=name == shown, values=result.levels(name), colours=colours
        )
        for name in result.measures
    ]
    return [*below, prediction_layer(result), *measures]
