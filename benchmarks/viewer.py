"""Whether the window stays fluid: on a screen of its own, with software rendering."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import workspace
from benchmarks.rows import Goal, Row, at_least, at_most

__all__ = ["FIRST_BLOCK", "measured", "run"]

FIRST_BLOCK = "Run pressed to first block on screen (s)"

_SCREEN = "-screen 0 1280x800x24"
_TABLE = "the window, 1280 x 800, software rendering"
_LIMIT_SECONDS = 600


def run(quick: bool) -> list[Row]:
    """Open the viewer, press Run, move a handle, walk through 3,000 regions."""
    found = measured()
    delays, keys, decisions = found["run"]["delays_ms"], found["keys"], found["decisions"]
    return [
        _row(FIRST_BLOCK, found["run"]["first_block_seconds"], at_most(3)),
        *_quantiles(
            "event delay while predicting and scrolling", delays, at_most(50), at_most(200)
        ),
        *_quantiles("work of a step of a handle", found["handle_ms"], at_most(16), None),
        _row("regions in the long queue", keys["regions"], at_least(3000)),
        *_quantiles("key N to the next region, drawn", keys["next"], at_most(150), None),
        *_quantiles("key J: saved, next region, drawn", keys["accept"], at_most(150), None),
        _row("decisions by keys in a row, saved", decisions["saved"], at_least(300)),
        _row("seconds a decision, by a script", float(np.mean(decisions["ms"])) / 1e3),
        *_quantiles("one of these decisions", decisions["ms"], at_most(150), None),
        *_quantiles("event delay meanwhile", decisions["delays_ms"], None, None),
    ]


@cache
def measured() -> dict[str, Any]:
    """Measure the window, once a process; see :func:`benchmarks.window.main`.

    Raises
    ------
    RuntimeError
        If there is no screen and none can be made, or the viewer fails.
    """
    folder = workspace() / "viewer"
    folder.mkdir()
    root = Path(__file__).resolve().parents[1]
    paths = [str(root), str(root / "src"), os.environ.get("PYTHONPATH", "")]
    env = {
        **os.environ,
        "HOME": str(folder),  # results of the sample go to the documents folder
        "NAPARI_CONFIG": "",
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-m", "benchmarks.window", str(folder)]
    if sys.platform.startswith("linux"):
        if shutil.which("xvfb-run") is None:
            raise RuntimeError("a virtual screen is needed: apt-get install xvfb xauth")
        command = ["xvfb-run", "-a", "-s", _SCREEN, *command]
        env["QT_QPA_PLATFORM"] = "xcb"
    finished = subprocess.run(
        command, env=env, capture_output=True, text=True, check=False, timeout=_LIMIT_SECONDS
    )
    if finished.returncode:
        raise RuntimeError(f"the viewer failed:\n{finished.stderr}")
    found: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return found


def _row(name: str, value: float, goal: Goal | None = None) -> Row:
    return Row.of(_TABLE, name, "electrode-bcnn", value=value, goal=goal)


def _quantiles(
    name: str, values: Sequence[float], goal: Goal | None, worst: Goal | None
) -> list[Row]:
    return [
        _row(f"{name}, median (ms)", float(np.median(values))),
        _row(f"{name}, 95th percentile (ms)", float(np.percentile(values, 95)), goal),
        _row(f"{name}, maximum (ms)", float(np.max(values)), worst),
    ]
