"""Results whose every number is given by the test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.core.volume import VolumeSpec
from napari_bayesseg.inference.plan import BlockPlan
from napari_bayesseg.inference.result import Result, load_result
from napari_bayesseg.io.provenance import scan_record
from napari_bayesseg.io.result_store import ResultStore
from napari_bayesseg.io.store_layout import StoreLayout
from napari_bayesseg.numerics.uncertainty import MEASURES

GEOMETRY = Geometry.from_spacing((2.0, 0.5, 0.5), unit="micrometer")


def write_result(
    path: Path,
    mean_probability: np.ndarray,
    measures: Mapping[str, np.ndarray],
    *,
    geometry: Geometry = GEOMETRY,
    class_names: Sequence[str] | None = None,
    roi: str | None = None,
    source: Path | None = None,
    store_dtype: str = "float32",
) -> Result:
    """Write a result of one block; labels are the classes with the largest probability."""
    shape = mean_probability.shape[1:]
    names = class_names or [f"class {index}" for index in range(len(mean_probability))]
    settings = InferenceSettings.checked(roi=roi, measures=tuple(measures))
    box = Roi.parse(roi, shape) if roi else Roi.whole(shape)
    plan = BlockPlan(shape, box, shape)
    units = {name: MEASURES[name].unit for name in measures}
    layout = StoreLayout(
        shape, shape, plan.grid, geometry, tuple(names), units, store_dtype=store_dtype
    )
    record = {
        "run_id": "0123456789abcdef" * 4,
        "scan": scan_record(VolumeSpec(shape, "uint16", geometry, "made", source), "f" * 64),
        "model": {"kind": "network", "path": "nowhere"},
        "settings": settings.model_dump(mode="json"),
        "class_names": list(names),
        "measures": list(measures),
        "block_shape": list(shape),
    }
    store = ResultStore.create(path, layout, record)
    arrays = {
        "labels": mean_probability.argmax(0).astype(layout.label_dtype),
        "mean_probability": mean_probability.astype(np.float32),
        **{name: values.astype(np.float32) for name, values in measures.items()},
    }
    core = plan.block(0).core
    store.write_block(0, core, {n: v[(..., *core.slices)] for n, v in arrays.items()}, "cpu")
    return load_result(path)
