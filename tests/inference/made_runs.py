"""Runs whose draws are given by a table: exact in any block, slow or broken where a test asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from napari_bayesseg.core.geometry import Geometry, Index3, Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.plan import BlockPlan
from napari_bayesseg.inference.run import Job, RunHooks, plan_run, run_job
from napari_bayesseg.inference.scan import NormalisedScan
from napari_bayesseg.io.provenance import scan_record
from napari_bayesseg.io.result_store import ResultStore
from napari_bayesseg.numerics.voxel_statistics import IntensityStatistics

VALUES = 97
MEASURES = ("predictive_entropy", "mutual_information")


class Cost(NamedTuple):
    voxels: int
    fixed_operations: float = 0.0
    draw_operations: float = 0.0
    heap_factor: float = 2.0

    def peak_bytes(self, parallel_draws: int) -> int:
        return 4 * parallel_draws * self.voxels


@dataclass
class TableDraw:
    table: np.ndarray
    before: Callable[[np.ndarray], None]

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        self.before(features)
        return np.ascontiguousarray(np.moveaxis(self.table[features], -1, 0))


@dataclass
class TablePosterior:
    """Softmax of draw t at a voxel is row `grey value` of table t; reads a halo of two voxels."""

    num_classes: int = 3
    parallel_draws: int = 1
    before_draw: Callable[[np.ndarray], None] = lambda _: None
    before_block: Callable[[Roi], None] = lambda _: None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    stride: Index3 = (2, 2, 2)

    def warm_up(self) -> None:
        pass

    def table(self, index: int) -> np.ndarray:
        logits = np.random.default_rng(index).normal(size=(VALUES, self.num_classes))
        # A tie in every tenth row, between the first two classes.
        logits[::10, 0] = logits[::10, 1] = 3.0
        powers = np.exp(logits)
        return (powers / powers.sum(1, keepdims=True)).astype(np.float32)

    def read_roi(self, core: Roi, shape: Index3) -> Roi:
        z, y, x = (max(0, a - 2) for a in core.start)
        stop = tuple(b + 2 for b in core.stop)
        return Roi((z, y, x), (stop[0], stop[1], stop[2]))

    def prepare(self, core: Roi, shape: Index3, read: Callable[[Roi], np.ndarray]) -> np.ndarray:
        self.before_block(core)
        roi = self.read_roi(core, shape)
        voxels = read(roi)[core.relative_to(roi.start).slices]
        return voxels.astype(np.int64)

    def draw(self, index: int, *, seed: int) -> TableDraw:
        return TableDraw(self.table(index), self.before_draw)

    def cost(self, core: Roi, shape: Index3) -> Cost:
        return Cost(core.size)


def made_scan(shape: Index3 = (9, 14, 17)) -> np.ndarray:
    return np.random.default_rng(5).integers(0, VALUES, shape).astype(np.float32)


def whole_draws(scan: np.ndarray, posterior: TablePosterior, samples: int) -> np.ndarray:
    """Softmax ``(T, C, Z, Y, X)`` of the whole scan; NaN where the scan is NaN."""
    features = np.nan_to_num(scan).astype(np.int64)
    draws = [posterior.draw(t, seed=0).probabilities(features) for t in range(samples)]
    return np.where(np.isnan(scan), np.nan, np.stack(draws))


def run_made(
    out: Path,
    posterior: TablePosterior,
    scan: Any,
    *,
    hooks: RunHooks | None = None,
    **settings: Any,
) -> tuple[ResultStore, BlockPlan]:
    """Run a posterior on a scan as `predict` runs a network."""
    values = {"num_samples": 4, "measures": MEASURES, **settings}
    chosen = InferenceSettings.checked(**values)
    volume = Volume.from_array(scan)
    whole = np.asarray(scan[:, :, :])
    # Mean 0 and deviation 1: the normalised scan is the scan.
    statistics = IntensityStatistics(
        whole.size, int(np.isnan(whole).sum()), 0.0, 96.0, 0.0, 96.0, 0.0, 1.0
    )
    job = Job(
        posterior,
        NormalisedScan(volume, statistics),
        volume.shape,
        Geometry.from_spacing(),
        scan_record(volume.spec, "a" * 64),
        {"kind": "made"},
        {"kind": "made"},
        tuple(f"class {c}" for c in range(posterior.num_classes)),
    )
    plan = plan_run(posterior, volume.shape, chosen, out, overwrite=False)
    store = run_job(
        job, plan, chosen, out, device="cpu", overwrite=False, hooks=hooks or RunHooks()
    )
    return store, plan
