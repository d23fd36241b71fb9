"""Whether several processes give what one gives, also when some of them are killed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from benchmarks.data import MODELS, sample, workspace
from benchmarks.exactness import HAS_DISTRIBUTED, crop_of_sample, file_of
from benchmarks.predictions import NUM_SAMPLES
from benchmarks.rows import Row, at_least, skipped
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.inference.predict import RunHooks, predict
from napari_bayesseg.io.result_store import ResultStore

__all__ = ["content", "killed_run", "run"]

_SHAPE: Index3 = (48, 96, 96)
_BLOCK: Index3 = (16, 32, 32)
_NUM_SAMPLES = 4
_KILLED_AT = (3, 9)  # blocks done when the first and the second worker are killed
_TABLE = f"{MODELS[0]}, {' x '.join(map(str, _SHAPE))} voxels, 27 blocks"


def run(quick: bool) -> list[Row]:
    """Compare workers with a run in one process, by the hash of everything stored; time two."""
    if not HAS_DISTRIBUTED:
        return [skipped("the package distributed is not installed")]
    folder = workspace() / "workers"
    scan = file_of(crop_of_sample(MODELS[0], _SHAPE).volume, folder / "crop.tif")
    model = MODELS[0]
    serial = content(_predict(scan, model, folder / "serial.zarr"))
    same = {
        f"{count} worker{'s' if count > 1 else ''}": content(
            _predict(scan, model, folder / f"workers-{count}.zarr", workers=count)
        )
        for count in ((1, 2) if quick else (1, 2, 3))
    }
    killed, path = killed_run(scan, model, folder / "killed.zarr")
    same["3 workers, two killed"] = content(path)
    column = "same content as in one process (1: yes)"
    rows = [
        Row.of(_TABLE, name, column, value=int(found == serial), goal=at_least(1))
        for name, found in same.items()
    ]
    rows.append(Row.of(_TABLE, "3 workers, two killed", "workers killed", value=killed))
    return [*rows, *_times(folder)]


def content(result: Path) -> str:
    """Return the hash of all finished blocks of a result."""
    return ResultStore.open(result).content_sha256()


def _predict(scan: Path, model: str, out: Path, **arguments: Any) -> Path:
    predict(
        scan,
        model,
        out,
        num_samples=_NUM_SAMPLES,
        block_shape=_BLOCK,
        device="cpu",
        **arguments,
    )
    return out


def killed_run(scan: Path, model: str, out: Path) -> tuple[int, Path]:
    """Predict on three workers and kill two of them on the way.

    Returns
    -------
    killed : int
        How many were.
    result : Path
    """
    from distributed import LocalCluster

    victims: list[int] = []

    with LocalCluster(
        n_workers=3, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:

        def note(now: Any) -> None:
            if len(victims) < len(_KILLED_AT) and now.blocks_done >= _KILLED_AT[len(victims)]:
                alive = [nanny.pid for nanny in cluster.workers.values()]
                victims.append(next(pid for pid in alive if pid and pid not in victims))
                os.kill(victims[-1], signal.SIGKILL)

        hooks = RunHooks(progress=note)
        _predict(scan, model, out, scheduler=cluster.scheduler_address, hooks=hooks)
    return len(victims), out


def _times(folder: Path) -> list[Row]:
    """Time the sample with one process and with two workers, their start included."""
    rows = []
    for name, workers in (("one process", None), ("two workers", 2)):
        out = folder / f"sample-{workers}.zarr"
        started = time.perf_counter()
        predict(
            sample().image,
            MODELS[0],
            out,
            num_samples=NUM_SAMPLES,
            device="cpu",
            workers=workers,
        )
        value = time.perf_counter() - started
        table = f"the sample, T = {NUM_SAMPLES}, start of the workers included"
        rows.append(Row.of(table, name, "wall time (s)", value=value))
    return rows
