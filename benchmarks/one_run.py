"""One prediction in a process of its own, timed and weighed: ``python -m benchmarks.one_run``.

A fresh process, because the peak of the memory belongs to the process, and because imports,
compiled loops and the library's warm-up belong to the time that a person waits. A run can be
stopped after some blocks, in the middle of the next one, to see how soon it obeys.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["BESIDE", "PARTS", "Run", "peak_bytes", "run_fresh"]

PARTS = {
    "open the model": ("inference.predict:open_model",),
    "read through the scan once": ("inference.predict:summarise_scan",),
    "estimate time and memory": ("inference.run:estimate_run",),
    "encoder": (),  # of whatever posterior the model has: see _time_parts
    "decoder, all draws": ("inference.draw_pool:DrawPool.run",),
    "statistics of the draws": ("inference.block:summarise_draws", "inference.block:count_draws"),
    "write and hash": (
        "io.result_store:ResultStore.write_arrays",
        "io.result_store:ResultStore.commit_block",
    ),
}
"""Parts of a prediction: the functions that do each."""

BESIDE = ("write and hash",)
"""Parts that go on while the next block is computed."""

# A request lands somewhere inside the next block, as a person's would.
_MOMENT_SECONDS = 0.2


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
    cancel_seconds : float
        From the request to stop until the call ended; NaN where nobody asked.
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
    cancel_seconds: float = float("nan")
    parts: dict[str, float] = field(default_factory=dict)


def run_fresh(
    environment: Mapping[str, str] | None = None,
    stop_after_blocks: int | None = None,
    **arguments: Any,
) -> Run:
    """Run :func:`napari_bayesseg.predict` in a fresh process.

    Parameters
    ----------
    environment : mapping, optional
        Variables to set on top of the present ones.
    stop_after_blocks : int, optional
        Ask the run to stop a moment after so many blocks are written.
    **arguments
        Of `predict`, as JSON can hold them.
    """
    given = json.dumps({"stop_after_blocks": stop_after_blocks, **arguments}, default=str)
    command = [sys.executable, "-m", "benchmarks.one_run", given]
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


class _Clock:
    """Adds up the time spent in functions, by part; what the estimate runs counts as estimate."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self._seconds = seconds
        self._here = threading.local()

    def wrap(self, part: str, owner: Any, name: str) -> None:
        """Replace a function of a module or class by one that is timed."""
        function = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            outer = getattr(self._here, "is_timed", False)
            self._here.is_timed = True
            started = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self._here.is_timed = outer
                if not outer:
                    spent = time.perf_counter() - started
                    self._seconds[part] = self._seconds.get(part, 0.0) + spent

        setattr(owner, name, call)


def _time_parts(seconds: dict[str, float]) -> None:
    """Wrap the functions of :data:`PARTS`, and `prepare` of the posterior that is opened."""
    from importlib import import_module

    clock = _Clock(seconds)
    predict = import_module("napari_bayesseg.inference.predict")
    open_model = predict.open_model
    wrapped: set[type] = set()

    def open_and_wrap(*args: Any, **kwargs: Any) -> Any:
        opened = open_model(*args, **kwargs)
        kind = type(opened[0])
        if kind not in wrapped:
            wrapped.add(kind)
            clock.wrap("encoder", kind, "prepare")
        return opened

    predict.open_model = open_and_wrap
    for part, places in PARTS.items():
        for place in places:
            module, _, path = place.partition(":")
            owner: Any = import_module(f"napari_bayesseg.{module}")
            *outer, name = path.split(".")
            for step in outer:
                owner = getattr(owner, step)
            clock.wrap(part, owner, name)


class _Stop:
    """Asks a run to stop in the middle of a block, and measures how soon it does."""

    def __init__(self, after_blocks: int | None) -> None:
        self._after_blocks = after_blocks
        self._asked = threading.Event()
        self._when = 0.0

    def note(self, blocks_done: int) -> None:
        if blocks_done == self._after_blocks:
            timer = threading.Timer(_MOMENT_SECONDS, self._ask)
            timer.daemon = True
            timer.start()

    def _ask(self) -> None:
        self._when = time.perf_counter()
        self._asked.set()

    def should_stop(self) -> bool:
        return self._asked.is_set()

    def seconds(self) -> float:
        return time.perf_counter() - self._when


def measure(arguments: Mapping[str, Any], stop_after_blocks: int | None = None) -> Run:
    """Import, predict, and return what it took; meant for a process that did nothing before."""
    run = Run()
    before = time.perf_counter()
    from napari_bayesseg.inference.predict import RunHooks, predict
    from napari_bayesseg.inference.serial_runner import Cancelled
    from napari_bayesseg.io.result_store import ResultStore

    run.import_seconds = time.perf_counter() - before
    _time_parts(run.parts)
    run.idle_bytes = peak_bytes()
    stop = _Stop(stop_after_blocks)

    def note(now: Any) -> None:
        if now.block is None:
            return
        run.first_block_seconds = run.first_block_seconds or time.perf_counter() - started
        run.num_blocks = now.blocks_done
        stop.note(now.blocks_done)

    def note_estimate(estimate: Any) -> None:
        run.estimated_bytes = estimate.memory_bytes

    hooks = RunHooks(progress=note, estimated=note_estimate, should_stop=stop.should_stop)
    given = dict(arguments)
    if given.get("block_shape"):
        given["block_shape"] = tuple(given["block_shape"])
    busy, started = time.process_time(), time.perf_counter()
    try:
        predict(**given, hooks=hooks)
    except Cancelled:
        run.cancel_seconds = stop.seconds()
    run.seconds = time.perf_counter() - started
    run.cpu_seconds = time.process_time() - busy
    run.peak_bytes = peak_bytes()
    run.block_shape = list(ResultStore.open(Path(given["out"])).record["block_shape"])
    return run


def _main() -> None:
    arguments = json.loads(sys.argv[1])
    stop_after_blocks = arguments.pop("stop_after_blocks", None)
    print(json.dumps(asdict(measure(arguments, stop_after_blocks))))


if __name__ == "__main__":
    _main()
