"""The arrays and groups of a result store, and how they are made.

Layout (see docs/decisions)::

    result.zarr/
        zarr.json                  OME image of the mean probability; record under napari_bayesseg
        mean_probability/          (C, Z, Y, X)
        labels/predicted/0/        (Z, Y, X), an OME label image
        measures/<name>/0/         (Z, Y, X), an OME image each
        block_mask/                one number a block: 1 where it is finished
        ledger.jsonl               one line a finished block: what resume goes by
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec

from napari_bayesseg.core.geometry import Geometry, Index3
from napari_bayesseg.io import ome_metadata

__all__ = ["FORMAT_VERSION", "RECORD_KEY", "StoreLayout", "create_groups"]

FORMAT_VERSION = 1
RECORD_KEY = "napari_bayesseg"
_FILTER = BloscCodec(cname="zstd", clevel=1, shuffle="shuffle")


@dataclass(frozen=True)
class StoreLayout:
    """What decides the arrays of a store.

    Attributes
    ----------
    shape, block_shape, grid : (Z, Y, X)
        Of the scan and a block in voxels, and the number of blocks.
    geometry : Geometry
        Of the scan.
    class_names : tuple of str
        In the order of the label values.
    measures : dict of str to str
        Name to unit.
    """

    shape: Index3
    block_shape: Index3
    grid: Index3
    geometry: Geometry
    class_names: tuple[str, ...]
    measures: Mapping[str, str]

    @property
    def label_dtype(self) -> str:
        """uint8, or uint16 from 257 classes on."""
        return "uint8" if len(self.class_names) <= 256 else "uint16"

    @property
    def bytes_per_voxel(self) -> int:
        """Uncompressed size of what is stored for each voxel."""
        return (
            4 * (len(self.class_names) + len(self.measures)) + np.dtype(self.label_dtype).itemsize
        )


def create_groups(path: Path, layout: StoreLayout, record: Mapping[str, Any]) -> None:
    """Make an empty store with its record and OME-Zarr metadata."""
    root = zarr.create_group(path)
    root.attrs.update(
        {
            "ome": ome_metadata.probability_image(layout.geometry, layout.class_names),
            RECORD_KEY: {**record, "format_version": FORMAT_VERSION},
        }
    )
    classes = len(layout.class_names)
    _create_array(
        root,
        "mean_probability",
        (classes, *layout.shape),
        (1, *layout.block_shape),
        "float32",
    )
    labels = root.create_group("labels")
    labels.attrs["ome"] = ome_metadata.labels_group(["predicted"])
    predicted = labels.create_group("predicted")
    predicted.attrs["ome"] = ome_metadata.label_image(layout.geometry, "predicted", classes)
    _create_array(predicted, "0", layout.shape, layout.block_shape, layout.label_dtype)
    measures = root.create_group("measures")
    for name, unit in layout.measures.items():
        group = measures.create_group(name)
        group.attrs.update({"ome": ome_metadata.image(layout.geometry, name), "unit": unit})
        _create_array(group, "0", layout.shape, layout.block_shape, "float32")
    root.create_array(
        "block_mask", shape=layout.grid, chunks=layout.grid, dtype="uint8", fill_value=0
    )


def _create_array(
    parent: zarr.Group, name: str, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: str
) -> None:
    parent.create_array(
        name,
        shape=shape,
        chunks=chunks,
        dtype=dtype,
        # An unfinished block must not look like a certain one.
        fill_value=float("nan") if dtype.startswith("float") else 0,
        compressors=(_FILTER, Crc32cCodec()),
        dimension_names=("c", "z", "y", "x")[-len(shape) :],
    )
