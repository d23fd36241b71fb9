"""OME-Zarr 0.5 metadata of result stores, built and validated by yaozarrs' models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from yaozarrs import v05

from napari_bayesseg.core.geometry import Geometry, Index3

__all__ = [
    "image",
    "label_image",
    "labels_group",
    "probability_image",
    "spacing",
    "with_levels",
]

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


def probability_image(
    geometry: Geometry, class_names: Sequence[str], largest: float = 1.0
) -> dict[str, Any]:
    """Describe the root: mean probability ``(C, Z, Y, X)``, one channel a class.

    Parameters
    ----------
    geometry : Geometry
    class_names : sequence of str
    largest : float
        What a probability of 1 is stored as.
    """
    multiscale = {
        "name": "mean_probability",
        "axes": [{"name": "c", "type": "channel"}, *_axes(geometry)],
        "datasets": [
            {"path": "mean_probability", "coordinateTransformations": _transforms(geometry, 1)}
        ],
    }
    window = {"start": 0.0, "end": float(largest), "min": 0.0, "max": float(largest)}
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


def spacing(document: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return the spacing of the full level along z, y and x, as an image's metadata say it."""
    scale = document["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]["scale"]
    z, y, x = map(float, scale[-3:])
    return z, y, x


def with_levels(
    document: Mapping[str, Any], paths: Sequence[str], factors: Sequence[Index3]
) -> dict[str, Any]:
    """Return an image's metadata with coarser levels below the full one, in place of those there.

    Parameters
    ----------
    document : dict
        Of an image or label image.
    paths : sequence of str
        Of the arrays of levels 1, 2, ...
    factors : sequence of (z, y, x)
        Voxels of the full level along each side of a voxel of levels 1, 2, ...
    """
    (multiscale,) = document["multiscales"]
    full = multiscale["datasets"][0]
    levels = [
        {"path": path, "coordinateTransformations": _coarser(full, factor)}
        for path, factor in zip(paths, factors, strict=True)
    ]
    changed = {**document, "multiscales": [{**multiscale, "datasets": [full, *levels]}]}
    model = v05.LabelImage if "image-label" in document else v05.Image
    return _dump(model.model_validate(changed))


def _coarser(full: Mapping[str, Any], factors: Index3) -> list[dict[str, Any]]:
    scale, translation = full["coordinateTransformations"]
    steps, origin = list(scale["scale"]), list(translation["translation"])
    for axis, factor in zip(range(-3, 0), factors, strict=True):
        # The centre of the first coarse voxel is that of the voxels it is the mean of.
        origin[axis] += steps[axis] * (factor - 1) / 2
        steps[axis] *= factor
    return [
        {"type": "scale", "scale": steps},
        {"type": "translation", "translation": origin},
    ]
