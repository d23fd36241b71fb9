"""How soon the first block can be looked at."""

from __future__ import annotations

import statistics

from benchmarks.data import MODELS, sample, workspace
from benchmarks.one_run import Run, run_fresh
from benchmarks.predictions import NUM_SAMPLES
from benchmarks.rows import Row, at_most, skipped
from benchmarks.viewer import FIRST_BLOCK, measured

__all__ = ["run"]

_GOAL = at_most(2.0)
_REPEATS, _QUICK_REPEATS = 7, 5


def run(quick: bool) -> list[Row]:
    """Predict the sample in fresh processes and stop each after its first block; medians."""
    repeats = _QUICK_REPEATS if quick else _REPEATS
    models = MODELS[:1] if quick else MODELS
    rows: list[Row] = []
    for model in models:
        for precision in ("float32", "bfloat16"):
            # The first one leaves the compiled loops on the disk; it is not counted.
            runs = [_first_block(model, precision) for _ in range(1 + repeats)][1:]
            rows += _rows(f"{model}, {precision}", runs)
    return [*rows, _on_screen()]


def _on_screen() -> Row:
    """Return what the benchmark of the window measured, or measures now."""
    try:
        seconds = measured()["run"]["first_block_seconds"]
    except RuntimeError as error:
        return skipped(str(error).splitlines()[0])
    return Row.of("in the window", FIRST_BLOCK, f"{MODELS[0]}, float32", value=seconds, goal=_GOAL)


def _first_block(model: str, precision: str) -> Run:
    return run_fresh(
        stop_after_blocks=1,
        scan=sample().image,
        model=model,
        out=workspace() / "first-look.zarr",
        num_samples=NUM_SAMPLES,
        precision=precision,
        device="cpu",
        overwrite=True,
    )


def _rows(column: str, runs: list[Run]) -> list[Row]:
    table = f"sample, T = {NUM_SAMPLES}, median of {len(runs)} fresh processes"
    first = [run.first_block_seconds for run in runs]
    found = (
        ("call to first block on the disk (s)", statistics.median(first), _GOAL),
        ("the slowest of them (s)", max(first), None),
        ("importing predict (s)", statistics.median(run.import_seconds for run in runs), None),
        ("voxels of the block", " x ".join(map(str, runs[0].block_shape)), None),
    )
    return [Row.of(table, line, column, value=value, goal=goal) for line, value, goal in found]
