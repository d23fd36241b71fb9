"""Whether the peak of the memory keeps the budget, whatever the scan's size and T."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import zarr

from benchmarks.data import MODELS, sample, workspace
from benchmarks.one_run import Run, run_fresh
from benchmarks.rows import Row, at_most
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.settings import parse_bytes
from napari_bayesseg.io.readers import read_volume

__all__ = ["run", "sparse_scan"]

_CHUNK = 64
# Two blocks along each axis: one that is as large as the budget lets it be, or smaller ones.
_ROI = Roi((64, 64, 64), (192, 192, 192))
_TABLE = "8 blocks of 64 x 64 x 64 voxels"
_SPREAD = 1.05


@dataclass(frozen=True)
class _Setting:
    side: int
    num_samples: int
    memory: str

    def __str__(self) -> str:
        return f"{self.side}³, T = {self.num_samples}, memory {self.memory}"


def run(quick: bool) -> list[Row]:
    """Predict a part of large sparse scans in fresh processes."""
    sides = (256, 512) if quick else (256, 512, 1024)
    budgets = ("2GB",) if quick else ("1GB", "2GB")
    settings = [
        _Setting(side, samples, memory)
        for memory in budgets
        for side in sides
        for samples in (4, 64)
        if memory == "2GB" or side == sides[0]
    ]
    runs = {setting: _predict(setting) for setting in settings}
    rows: list[Row] = []
    for setting, found in runs.items():
        rows += _rows(setting, found)
    for samples in (4, 64):
        peaks = [
            found.peak_bytes
            for setting, found in runs.items()
            if setting.num_samples == samples and setting.memory == "2GB"
        ]
        name = f"largest peak over smallest, all sizes of scan, T = {samples}"
        spread = max(peaks) / min(peaks)
        rows.append(Row.of("dependence", name, "ratio", value=spread, goal=at_most(_SPREAD)))
    few, many = (runs[_Setting(sides[0], samples, "2GB")].peak_bytes for samples in (4, 64))
    rows.append(Row.of("dependence", "peak with T = 64 over T = 4", "ratio", value=many / few))
    return rows


def _predict(setting: _Setting) -> Run:
    scan = sparse_scan(setting.side)
    out = workspace() / f"memory-{setting.side}-{setting.num_samples}-{setting.memory}.zarr"
    return run_fresh(
        scan=scan,
        model=MODELS[0],
        out=out,
        num_samples=setting.num_samples,
        roi=str(_ROI),
        memory=setting.memory,
        device="cpu",
    )


def _rows(setting: _Setting, found: Run) -> list[Row]:
    budget = parse_bytes(setting.memory) / 1e9
    blocks = f"{found.num_blocks} of {' x '.join(map(str, found.block_shape))}"
    table = "peak memory of the process"
    return [
        Row.of(
            table,
            str(setting),
            "peak (GB)",
            value=found.peak_bytes / 1e9,
            goal=at_most(budget),
        ),
        Row.of(table, str(setting), "as estimated (GB)", value=found.estimated_bytes / 1e9),
        Row.of(table, str(setting), "before the call (GB)", value=found.idle_bytes / 1e9),
        Row.of(table, str(setting), "blocks", value=blocks),
        Row.of(table, str(setting), "wall time (s)", value=found.seconds),
    ]


def sparse_scan(side: int) -> Path:
    """Write a cubic zarr scan that is empty but for the box that will be predicted."""
    path = workspace() / f"sparse-{side}.zarr"
    if path.exists():
        return path
    volume = read_volume(sample().image)
    piece = volume.read(Roi.whole(volume.shape))
    depth, height, width = piece.shape
    array = zarr.create_array(
        path,
        shape=(side,) * 3,
        chunks=(_CHUNK,) * 3,
        dtype=piece.dtype,
        fill_value=int(piece.mean()),
        dimension_names=("z", "y", "x"),
    )
    start = [a - 16 for a in _ROI.start]
    for z in range(start[0], start[0] + 2 * depth, depth):
        array[z : z + depth, start[1] : start[1] + height, start[2] : start[2] + width] = piece
    return path
