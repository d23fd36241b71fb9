"""OME-Zarr 0.5 metadata of result stores, built and validated by yaozarrs' models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from yaozarrs import v05

from napari_bayesseg.core.geometry import Geometry

__all__ = ["image", "label_image", "labels_group", "probability_image"]

_AXES = ("z", "y", "x")


def _axes(geometry: Geometry) -> list[dict[str, Any]]:
    unit = {} if geometry.unit == "pixel" else {"unit": geometry.unit}
    return [{"name": name, "type": "space", **unit} for name in _AXES]


def _transforms(geometry: Geometry, leading: int = 0) -> list[dict[str, Any]]:
    # A rotation or shear can't be said here; the full affine stands in the store's record.
    scale = [1.0] * leading + list(geometry.spacing)
    translation = [0.0] * leading + list(geometry.translation)
    return [
        {"type": "scale", "scale": scale},
        {"type": "translation", "translation": translation},
    ]


def _dump(model: Any) -> dict[str, Any]:
    dumped: dict[str, Any] = model.model_dump(mode="json", exclude_none=True, by_alias=True)
    return dumped


def image(geometry: Geometry, name: str, path: str = "0") -> dict[str, Any]:
    """Describe a ``(Z, Y, X)`` image group."""
    multiscale = {
        "name": name,
        "axes": _axes(geometry),
        "datasets": [{"path": path, "coordinateTransformations": _transforms(geometry)}],
    }
    return _dump(v05.Image.model_validate({"version": "0.5", "multiscales": [multiscale]}))


def probability_image(geometry: Geometry, class_names: Sequence[str]) -> dict[str, Any]:
    """Describe the root: mean probability ``(C, Z, Y, X)``, one channel a class."""
    multiscale = {
        "name": "mean_probability",
        "axes": [{"name": "c", "type": "channel"}, *_axes(geometry)],
        "datasets": [
            {"path": "mean_probability", "coordinateTransformations": _transforms(geometry, 1)}
        ],
    }
    window = {"start": 0.0, "end": 1.0, "min": 0.0, "max": 1.0}
    channels = [
        {"label": name, "color": "FFFFFF", "window": window, "active": True} for name in class_names
    ]
    document = {"version": "0.5", "multiscales": [multiscale], "omero": {"channels": channels}}
    return _dump(v05.Image.model_validate(document))


def labels_group(names: Sequence[str]) -> dict[str, Any]:
    """Describe the group that lists label images."""
    return _dump(v05.LabelsGroup.model_validate({"version": "0.5", "labels": list(names)}))


def label_image(geometry: Geometry, name: str, num_classes: int) -> dict[str, Any]:
    """Describe a label image whose values are classes from 0."""
    document = image(geometry, name)
    document["image-label"] = {
        "properties": [{"label-value": value} for value in range(num_classes)],
        "source": {"image": "../../"},
    }
    return _dump(v05.LabelImage.model_validate(document))
