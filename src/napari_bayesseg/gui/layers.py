"""How our volumes and results become napari layers, and nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_bayesseg.numerics.uncertainty import get_measure

if TYPE_CHECKING:
    from napari.types import FullLayerData, LayerData

    from napari_bayesseg.core.geometry import Geometry
    from napari_bayesseg.core.volume import LazyArray, Volume
    from napari_bayesseg.inference.result import Result

__all__ = ["labels_layer", "measure_layer", "placement", "result_layers", "volume_layer"]


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
    meta = {"name": volume.spec.name, **placement(volume.spec.geometry)}
    return volume.data, meta


def labels_layer(
    labels: LazyArray, geometry: Geometry, *, name: str, visible: bool = True
) -> FullLayerData:
    """Return class numbers ``(Z, Y, X)`` as layer data of a labels layer."""
    meta = {"name": name, "opacity": 0.4, "visible": visible, **placement(geometry)}
    return labels, meta, "labels"


def measure_layer(result: Result, measure_name: str, *, visible: bool) -> FullLayerData:
    """Return a stored measure as layer data, its contrast spanning all possible values."""
    measure = get_measure(measure_name)
    meta = {
        # The measure comes first: napari cuts long names in the middle.
        "name": f"{measure.title.lower()} ({measure.unit}) {result.spec.name}",
        "visible": visible,
        "blending": "additive",
        "colormap": "inferno",
        "contrast_limits": measure.bounds(len(result.class_names)),
        **placement(result.geometry),
    }
    return result.measure(measure_name), meta, "image"


def result_layers(result: Result, scan: Volume | None) -> list[LayerData]:
    """Return a result as layer data, from below: its scan, its measures, its labels.

    Mutual information is shown (else the first measure), the other measures are hidden.
    """
    below = [] if scan is None else [volume_layer(scan)]
    shown = "mutual_information" if "mutual_information" in result.measures else result.measures[0]
    measures = [measure_layer(result, name, visible=name == shown) for name in result.measures]
    labels = labels_layer(result.labels, result.geometry, name=f"{result.spec.name}: labels")
    return [*below, *measures, labels]
