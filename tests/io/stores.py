"""Small stores with every kind of content, for the tests of results on the disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.io.result_store import ResultStore
from napari_bayesseg.io.store_layout import StoreLayout
from napari_bayesseg.numerics.draw_counts import DrawCounts

MEASURES = {"predictive_entropy": "nat", "standard_deviation": "probability"}
LAYOUT = StoreLayout(
    shape=(6, 9, 10),
    block_shape=(4, 9, 5),
    grid=(2, 1, 2),
    geometry=Geometry.from_spacing((2.0, 0.5, 0.25), (1.0, 2.0, 3.0), unit="micrometer"),
    class_names=("pore", "solid", "binder"),
    measures=MEASURES,
)
CORES = {
    0: Roi((0, 0, 0), (4, 9, 5)),
    1: Roi((0, 0, 5), (4, 9, 10)),
    2: Roi((4, 0, 0), (6, 9, 5)),
    3: Roi((4, 0, 5), (6, 9, 10)),
}
NUM_SAMPLES = 5


def make_store(path: Path, **changes: object) -> ResultStore:
    layout = replace(LAYOUT, **changes)
    record = {"run_id": "a" * 64, "measures": list(layout.measures)}
    return ResultStore.create(path, layout, record)


def block_arrays(core: Roi, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    probability = rng.dirichlet(np.ones(3), core.shape).astype(np.float32)
    probability = np.ascontiguousarray(np.moveaxis(probability, -1, 0))
    return {
        "labels": probability.argmax(0).astype(np.uint8),
        "mean_probability": probability,
        "predictive_entropy": rng.uniform(0, np.log(3), core.shape).astype(np.float32),
        "standard_deviation": rng.uniform(0, 0.5, core.shape).astype(np.float32),
    }


def skipped_arrays(core: Roi) -> dict[str, np.ndarray]:
    return {
        name: np.zeros_like(values) if name == "labels" else np.full_like(values, np.nan)
        for name, values in block_arrays(core).items()
    }


def block_counts(seed: int = 0) -> DrawCounts:
    rng = np.random.default_rng(seed)
    shape = (NUM_SAMPLES, 3)
    return DrawCounts(
        rng.integers(0, 2**32, shape, dtype=np.uint32),
        rng.integers(0, 2**32, (*shape, 256), dtype=np.uint32),
    )


def write_blocks(store: ResultStore, *indices: int) -> None:
    for index in indices:
        core = CORES[index]
        counts = block_counts(index) if store.has_counts else None
        store.write_block(index, core, block_arrays(core, index), "cpu", counts)
