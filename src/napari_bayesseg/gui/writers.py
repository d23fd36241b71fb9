"""napari's writer: a layer to a file that lies on its source voxel for voxel, unit for unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari.layers import Layer

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.core.volume import LazyArray
from napari_bayesseg.gui.layers import SOURCE_KEY
from napari_bayesseg.gui.scan_source import geometry_of
from napari_bayesseg.io.lazy import AxesView
from napari_bayesseg.io.writers import write_volume

__all__ = ["write_image", "write_labels"]


def write_labels(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a labels layer, with its voxel size, orientation and unit.

    Raises
    ------
    FormatError
        If the layer has not two or three axes, the file is its own source, or the disk refuses.
    """
    return _write(path, data, meta, "labels")


def write_image(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a greyscale image layer or a heat map, as :func:`write_labels` does.

    Raises
    ------
    FormatError
        If the layer is a colour image too.
    """
    if meta.get("rgb"):
        raise FormatError(
            f"{Path(path).name}: is to hold one value a voxel, and {meta.get('name')} is a colour "
            "image: choose another writer, or split its channels"
        )
    return _write(path, data, meta, "image")


def _write(path: str, data: Any, meta: dict[str, Any], kind: str) -> list[str]:
    layer = Layer.create(data, meta, kind)
    array: LazyArray = layer.data[0] if layer.multiscale else layer.data
    axes = len(array.shape)
    if axes not in (2, 3):
        raise FormatError(
            f"{Path(path).name}: is to hold (Z, Y, X), and {layer.name} has {axes} axes: split it "
            "with Layers > Split Stack"
        )
    volume = AxesView(array, (None, 0, 1)) if axes == 2 else array
    origin = layer.metadata.get(SOURCE_KEY)
    source = getattr(getattr(origin, "spec", None), "source", None)
    sources = [source] if source is not None else []
    write_volume(path, volume, geometry_of(layer), name=layer.name, sources=sources)
    return [path]
