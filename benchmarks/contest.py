"""A process in which ways to predict are timed, one at a time: ``python -m benchmarks.contest``.

The settings of the memory allocator change a process for good. So those who have them and those
who don't live in a process each; both stay open and take turns, which pairs what they measure.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["KEPT", "PLAIN", "Arena", "Field", "Timing"]

PLAIN = {
    "MONAI, default": {"peer": "monai"},
    "TorchIO, Hann": {"peer": "torchio"},
    "strided chunks, trimmed and averaged": {"peer": "strided"},
}
"""Peers as one finds them, by name."""

KEPT = {
    "ours, float32": {"precision": "float32"},
    "ours, bfloat16": {"precision": "bfloat16"},
    "ours, float32, with the store": {"precision": "float32", "store": True},
    "ours, bfloat16, with the store": {"precision": "bfloat16", "store": True},
    "MONAI, tuned": {"peer": "monai", "batch": 4, "channels_last": True},
    "MONAI, tuned, bfloat16": {
        "peer": "monai",
        "batch": 4,
        "channels_last": True,
        "precision": "bfloat16",
    },
}
"""Ours, and peers with every setting that helps, freed memory kept included."""


@dataclass(frozen=True)
class Field:
    """What is predicted.

    Attributes
    ----------
    model : str
        A model folder.
    side, window : int
        Of the cubic scan and of the peers' windows, in voxels.
    num_samples : int
        Draws that ours computes; a peer computes one.
    device : str
    """

    model: str
    side: int
    window: int
    num_samples: int
    device: str = "cpu"


@dataclass(frozen=True)
class Timing:
    """One run: wall and processor time in seconds, or why there is none."""

    seconds: float = float("nan")
    cpu_seconds: float = float("nan")
    error: str = ""


class Arena:
    """A process of its own for some contestants; use it as a context manager."""

    def __init__(self, field: Field, *, keep_memory: bool) -> None:
        root = Path(__file__).resolve().parents[1]
        paths = [str(root), str(root / "src"), os.environ.get("PYTHONPATH", "")]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        given = json.dumps({"field": asdict(field), "keep_memory": keep_memory})
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  # a pipe could fill up
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.contest", given],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()
        self._errors.close()

    def time(self, name: str, *, warm_up: bool = False) -> Timing:
        """Let a contestant run once; for a warm-up on a single window."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if self._process.poll() is not None:
            return Timing(error=self._last_words())
        self._process.stdin.write(json.dumps({"name": name, "warm_up": warm_up}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        return Timing(**json.loads(line)) if line else Timing(error=self._last_words())

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().splitlines()
        return f"the process ended: {lines[-1] if lines else 'without a word'}"


def _timed(run: Callable[[], Any]) -> Timing:
    try:
        busy, started = time.process_time(), time.perf_counter()
        run()
        return Timing(time.perf_counter() - started, time.process_time() - busy)
    except ModuleNotFoundError as error:
        return Timing(error=f"{error.name} is not installed")


def _contestants(field: Field, names: Sequence[str]) -> dict[str, Callable[[bool], Any]]:
    """Open each contestant's model when it first runs."""
    from benchmarks.contestants import Own, Peer

    found: dict[str, Callable[[bool], Any]] = {}
    for name in names:
        options = {**PLAIN, **KEPT}[name]
        made = Peer(field, **options) if "peer" in options else Own(field, **options)
        found[name] = made.run
    return found


def main() -> None:
    """Answer each line of the input with a timing, until the input ends."""
    given = json.loads(sys.argv[1])
    field = Field(**given["field"])
    answers, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no answer
    if given["keep_memory"]:
        from napari_bayesseg.core.allocator import keep_freed_memory

        keep_freed_memory()
    contestants = _contestants(field, list(KEPT if given["keep_memory"] else PLAIN))
    for line in sys.stdin:
        asked = json.loads(line)
        timing = _timed(partial(contestants[asked["name"]], asked["warm_up"]))
        answers.write(json.dumps(asdict(timing)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
