"""How long the whole prediction of the shipped sample takes, and its first block."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence

from benchmarks.data import MODELS, sample, workspace
from benchmarks.one_run import BESIDE, PARTS, Run, run_fresh
from benchmarks.predictions import NUM_SAMPLES
from benchmarks.rows import Row, at_most

__all__ = ["run"]

_TABLE = f"sample, T = {NUM_SAMPLES}"
_PARTS_TABLE = "where the time goes (s)"
_REPEATS = 5


def run(quick: bool) -> list[Row]:
    """Predict the sample in fresh processes; medians, and once with nothing compiled yet."""
    rows: list[Row] = []
    for model in MODELS:
        # The first one leaves the compiled loops on the disk; it is not counted.
        runs = [_predict(model, number) for number in range(1 + (1 if quick else _REPEATS))][1:]
        rows += _timing_rows(model, runs)
        rows += _part_rows(model, runs)
    with tempfile.TemporaryDirectory() as empty:
        cold = _predict(MODELS[0], 0, {"NUMBA_CACHE_DIR": empty})
    name = "time from the call to the first block, nothing compiled yet (s)"
    rows.append(Row.of(_TABLE, name, MODELS[0], value=cold.first_block_seconds))
    return rows


def _predict(model: str, number: int, environment: dict[str, str] | None = None) -> Run:
    out = workspace() / f"sample-run-{number}.zarr"
    return run_fresh(
        environment,
        scan=sample().image,
        model=model,
        out=out,
        num_samples=NUM_SAMPLES,
        device="cpu",
        overwrite=True,
    )


def _median(values: Sequence[float]) -> float:
    return float(statistics.median(values))


def _timing_rows(model: str, runs: Sequence[Run]) -> list[Row]:
    found = (
        ("wall time of predict (s)", [run.seconds for run in runs], at_most(30.0)),
        (
            "time from the call to the first block (s)",
            [run.first_block_seconds for run in runs],
            at_most(3.0),
        ),
        ("processor time (s)", [run.cpu_seconds for run in runs], None),
        ("importing predict (s)", [run.import_seconds for run in runs], None),
        ("peak memory of the process (GB)", [run.peak_bytes / 1e9 for run in runs], None),
        ("peak memory as estimated before (GB)", [r.estimated_bytes / 1e9 for r in runs], None),
    )
    return [
        Row.of(_TABLE, name, model, value=_median(values), goal=goal)
        for name, values, goal in found
    ]


def _part_rows(model: str, runs: Sequence[Run]) -> list[Row]:
    rows = [
        Row.of(_PARTS_TABLE, part, model, value=_median([run.parts.get(part, 0.0) for run in runs]))
        for part in PARTS
    ]
    rest = _median([run.seconds - _waited_for(run) for run in runs])
    return [*rows, Row.of(_PARTS_TABLE, "everything else", model, value=rest)]


def _waited_for(run: Run) -> float:
    return sum(seconds for part, seconds in run.parts.items() if part not in BESIDE)
