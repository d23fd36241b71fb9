"""The arrays and groups of a result store, and how they are made.

Layout (see docs/decisions)::

    result.zarr/
        zarr.json                  OME image of the mean probability; record under napari_bayesseg
        mean_probability/          (C, Z, Y, X)
        labels/predicted/0/        (Z, Y, X), an OME label image
        measures/<name>/0/         (Z, Y, X), an OME image each
        counts/voxels/             (blocks, T, C), see numerics.draw_counts
        counts/configurations/     (blocks, T, C, 256)
        block_mask/                one number a block: 0 missing, 1 computed, 2 left out
        ledger.jsonl               one line a finished block: what resume goes by
        measures/<name>/<n>/, labels/predicted/<n>/, mean_probability_levels/<n>/
                                   coarser levels of a large result, n from 1, see io.pyramid

Floats may be stored in 16 or 8 bits (io.quantised); the counts are missing from results of stored
probabilities and from those made before there were any.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import DTypeLike
from zarr.codecs import BloscCodec, Crc32cCodec

from napari_bayesseg.core.geometry import Geometry, Index3
from napari_bayesseg.core.settings import StoreDtype
from napari_bayesseg.io import ome_metadata
from napari_bayesseg.io.quantised import Quantisation
from napari_bayesseg.numerics.draw_counts import NUM_CONFIGURATIONS
from napari_bayesseg.numerics.uncertainty import MEASURES

__all__ = [
    "COMPUTED",
    "FORMAT_VERSION",
    "RECORD_KEY",
    "SKIPPED",
    "StoreLayout",
    "create_array",
    "create_groups",
]

COMPUTED, SKIPPED = 1, 2
"""What the block mask says of a finished block: its numbers are there, or it was left out."""

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
    num_samples : int
        Draws whose counts are stored; 0: none are.
    store_dtype : str
        What mean probability and measures are stored as.
    """

    shape: Index3
    block_shape: Index3
    grid: Index3
    geometry: Geometry
    class_names: tuple[str, ...]
    measures: Mapping[str, str]
    num_samples: int = 0
    store_dtype: StoreDtype = "float32"

    @property
    def label_dtype(self) -> str:
        """uint8, or uint16 from 257 classes on."""
        return "uint8" if len(self.class_names) <= 256 else "uint16"

    @property
    def bytes_per_voxel(self) -> int:
        """Uncompressed size of what is stored for each voxel."""
        floats = len(self.class_names) + len(self.measures)
        return np.dtype(self.store_dtype).itemsize * floats + np.dtype(self.label_dtype).itemsize

    @property
    def counts_bytes_per_block(self) -> int:
        """Uncompressed size of what is counted in each block."""
        return 4 * (1 + NUM_CONFIGURATIONS) * self.num_samples * len(self.class_names)

    def quantisation(self, name: str) -> Quantisation:
        """Return the codes of ``"mean_probability"`` or a measure: they span all it can be."""
        if name in MEASURES:
            return Quantisation.of_range(*MEASURES[name].bounds(len(self.class_names)))
        return Quantisation.of_range(0.0, 1.0)


def create_groups(path: Path, layout: StoreLayout, record: Mapping[str, Any]) -> None:
    """Make an empty store with its record and OME-Zarr metadata."""
    root = zarr.create_group(path)
    largest = Quantisation.NAN_CODE - 1 if layout.store_dtype == "uint8" else 1
    root.attrs.update(
        {
            "ome": ome_metadata.probability_image(layout.geometry, layout.class_names, largest),
            RECORD_KEY: {**record, "format_version": FORMAT_VERSION},
        }
    )
    classes = len(layout.class_names)
    _create_floats(root, "mean_probability", (classes, *layout.shape), "mean_probability", layout)
    labels = root.create_group("labels")
    labels.attrs["ome"] = ome_metadata.labels_group(["predicted"])
    predicted = labels.create_group("predicted")
    predicted.attrs["ome"] = ome_metadata.label_image(layout.geometry, "predicted", classes)
    create_array(predicted, "0", layout.shape, layout.block_shape, layout.label_dtype)
    measures = root.create_group("measures")
    for name, unit in layout.measures.items():
        group = measures.create_group(name)
        group.attrs.update({"ome": ome_metadata.image(layout.geometry, name), "unit": unit})
        _create_floats(group, "0", layout.shape, name, layout)
    root.create_array(
        "block_mask", shape=layout.grid, chunks=layout.grid, dtype="uint8", fill_value=0
    )
    if layout.num_samples:
        _create_counts(root.create_group("counts"), layout)


def _create_floats(
    parent: zarr.Group, name: str, shape: tuple[int, ...], quantity: str, layout: StoreLayout
) -> None:
    chunks = (1, *layout.block_shape)[-len(shape) :]
    coded = layout.quantisation(quantity) if layout.store_dtype == "uint8" else None
    create_array(parent, name, shape, chunks, layout.store_dtype, coded)


def _create_counts(parent: zarr.Group, layout: StoreLayout) -> None:
    shape = (math.prod(layout.grid), layout.num_samples, len(layout.class_names))
    for name, tail in (("voxels", ()), ("configurations", (NUM_CONFIGURATIONS,))):
        parent.create_array(
            name,
            shape=(*shape, *tail),
            chunks=(1, *shape[1:], *tail),
            dtype="uint32",
            fill_value=0,
            compressors=(_FILTER, Crc32cCodec()),
            dimension_names=("block", "draw", "class", "configuration")[: 3 + len(tail)],
        )


def create_array(
    parent: zarr.Group,
    name: str,
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    dtype: DTypeLike,
    quantisation: Quantisation | None = None,
) -> None:
    """Make an empty array with the last of the axes c, z, y and x."""
    fill = float("nan") if np.dtype(dtype).kind == "f" else 0
    parent.create_array(
        name,
        shape=shape,
        chunks=chunks,
        dtype=np.dtype(dtype).name,
        # An unfinished block must not look like a certain one.
        fill_value=fill if quantisation is None else quantisation.NAN_CODE,
        compressors=(_FILTER, Crc32cCodec()),
        dimension_names=("c", "z", "y", "x")[-len(shape) :],
        attributes=None if quantisation is None else {**quantisation.attributes},
    )
