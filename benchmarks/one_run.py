"""One prediction in a process of its own, timed and weighed: ``python -m benchmarks.one_run``.

A fresh process, because the peak of the memory belongs to the process, and because imports,
compiled loops and the library's warm-up belong to the time that a person waits.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["PARTS", "Run", "peak_bytes", "run_fresh"]

PARTS = {
    "open the model": ("inference.predict", "open_model"),
    "read through the scan once": ("inference.predict", "summarise_scan"),
    "estimate time and memory": ("inference.run", "estimate_run"),
    "encoder": ("posteriors.network", "NetworkPosterior.prepare"),
    "decoder, all draws": ("inference.draw_pool", "DrawPool.run"),
    "statistics of the draws": ("inference.block", "summarise_draws"),
    "write and hash": ("io.result_store", "ResultStore.write_block"),
}
"""Parts of a prediction: module and name of the function that does each."""


@dataclass
class Run:
    """What a prediction took.

    Attributes
    ----------
    import_seconds, seconds, first_block_seconds, cpu_seconds : float
        Importing `predict`; the call; from the call to the first block written; processor time
        of the call.
    idle_bytes, peak_bytes : int
        Largest resident memory before the call, and of the whole process.
    estimated_bytes : int
        What `predict` said before it started.
    block_shape : list of int
    num_blocks : int
    parts : dict
        Seconds spent in each part, see :data:`PARTS`.
    """

    import_seconds: float = 0.0
    seconds: float = 0.0
    first_block_seconds: float = 0.0
    cpu_seconds: float = 0.0
    idle_bytes: int = 0
    peak_bytes: int = 0
    estimated_bytes: int = 0
    block_shape: list[int] = field(default_factory=list)
    num_blocks: int = 0
    parts: dict[str, float] = field(default_factory=dict)


def run_fresh(environment: Mapping[str, str] | None = None, **arguments: Any) -> Run:
    """Run :func:`napari_bayesseg.predict` in a fresh process.

    Parameters
    ----------
    environment : mapping, optional
        Variables to set on top of the present ones.
    **arguments
        Of `predict`, as JSON can hold them.
    """
    command = [sys.executable, "-m", "benchmarks.one_run", json.dumps(arguments, default=str)]
    root = Path(__file__).resolve().parents[1]
    paths = [str(root), str(root / "src"), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **(environment or {})}
    # As in an installation: a process that may not keep compiled modules compiles them every time.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    finished = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise RuntimeError(f"a prediction in a fresh process failed:\n{finished.stderr}")
    return Run(**json.loads(finished.stdout.splitlines()[-1]))


def peak_bytes() -> int:
    """Return the largest resident memory that this process ever had.

    On Linux from ``/proc``: what `getrusage` gives there is inherited from the parent.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _time_parts(seconds: dict[str, float]) -> None:
    """Wrap the functions of :data:`PARTS`, so that each adds up the time spent in it."""
    from importlib import import_module

    depth = [0]

    def timed(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            depth[0] += 1
            started = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                depth[0] -= 1
                if depth[0] == 0:  # what the estimate runs counts as estimate
                    seconds[part] = seconds.get(part, 0.0) + time.perf_counter() - started

        return call

    for part, (module, path) in PARTS.items():
        owner: Any = import_module(f"napari_bayesseg.{module}")
        *outer, name = path.split(".")
        for step in outer:
            owner = getattr(owner, step)
        setattr(owner, name, timed(part, getattr(owner, name)))


def measure(arguments: Mapping[str, Any]) -> Run:
    """Import, predict, and return what it took; meant for a process that did nothing before."""
    run = Run()
    before = time.perf_counter()
    from napari_bayesseg.inference.predict import RunHooks, predict

    run.import_seconds = time.perf_counter() - before
    _time_parts(run.parts)
    run.idle_bytes = peak_bytes()

    def note(now: Any) -> None:
        if now.block is not None and not run.first_block_seconds:
            run.first_block_seconds = time.perf_counter() - started

    def note_estimate(estimate: Any) -> None:
        run.estimated_bytes = estimate.memory_bytes

    hooks = RunHooks(progress=note, estimated=note_estimate)
    given = dict(arguments)
    if given.get("block_shape"):
        given["block_shape"] = tuple(given["block_shape"])
    busy, started = time.process_time(), time.perf_counter()
    result = predict(**given, hooks=hooks)
    run.seconds = time.perf_counter() - started
    run.cpu_seconds = time.process_time() - busy
    run.peak_bytes = peak_bytes()
    run.block_shape = list(result.plan.block_shape)
    run.num_blocks = len(result.plan.blocks())
    return run


if __name__ == "__main__":
    print(json.dumps(asdict(measure(json.loads(sys.argv[1])))))
