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
_BLOCKS = 8
# Two blocks along each axis, the same in all scans.
_BLOCK_SHAPE = (64, 64, 64)
_ROI = Roi((64, 64, 64), (192, 192, 192))
# For the run that chooses its blocks and is stopped after as many, in the middle of the next one.
_LONGER_ROI = Roi((64, 64, 0), (192, 192, 512))
_SPREAD = 1.05
_CANCEL_SECONDS = 2.0
_BUDGET = "2GB"


@dataclass(frozen=True)
class _Setting:
    side: int
    num_samples: int
    memory: str = _BUDGET
    is_stopped: bool = False

    def __str__(self) -> str:
        chosen = ", blocks chosen by the run" if self.is_stopped else ""
        return f"{self.side}³, T = {self.num_samples}, memory {self.memory}{chosen}"


def _settings(quick: bool) -> list[_Setting]:
    """Return the runs."""
    chosen = _Setting(1024, 64, is_stopped=True)
    if quick:
        alike = [(256, 4), (256, 64), (512, 4), (1024, 64)]
        return [*(_Setting(side, samples) for side, samples in alike), chosen]
    return [
        *(_Setting(256, samples, "1GB") for samples in (4, 64)),
        *(_Setting(side, samples) for side in (256, 512, 1024) for samples in (4, 64)),
        chosen,
    ]


def run(quick: bool) -> list[Row]:
    """Predict a part of large sparse scans in fresh processes."""
    runs = {setting: _predict(setting) for setting in _settings(quick)}
    rows: list[Row] = []
    for setting, found in runs.items():
        rows += _rows(setting, found)
    alike = {s: r for s, r in runs.items() if s.memory == _BUDGET and not s.is_stopped}
    rows += _dependence({setting: found.peak_bytes for setting, found in alike.items()})
    for setting, found in runs.items():
        if setting.is_stopped:
            name = "from the request to the end of the call (s)"
            value, goal = found.cancel_seconds, at_most(_CANCEL_SECONDS)
            rows.append(Row.of("stopping", name, str(setting), value=value, goal=goal))
    return rows


def _dependence(peaks: dict[_Setting, int]) -> list[Row]:
    """Compare peaks over sizes of scan, and over numbers of draws."""
    rows = []
    for samples in (4, 64):
        alike = [peak for setting, peak in peaks.items() if setting.num_samples == samples]
        name = f"largest peak over smallest, all sizes of scan, T = {samples}"
        spread = max(alike) / min(alike)
        rows.append(Row.of("dependence", name, "ratio", value=spread, goal=at_most(_SPREAD)))
    few, many = (peaks[_Setting(256, samples)] for samples in (4, 64))
    rows.append(Row.of("dependence", "peak with T = 64 over T = 4", "ratio", value=many / few))
    return rows


def _predict(setting: _Setting) -> Run:
    kind = "chosen" if setting.is_stopped else "alike"
    name = f"memory-{setting.side}-{setting.num_samples}-{setting.memory}-{kind}.zarr"
    return run_fresh(
        stop_after_blocks=_BLOCKS if setting.is_stopped else None,
        scan=sparse_scan(setting.side),
        model=MODELS[0],
        out=workspace() / name,
        num_samples=setting.num_samples,
        roi=str(_LONGER_ROI if setting.is_stopped else _ROI),
        block_shape=None if setting.is_stopped else _BLOCK_SHAPE,
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
