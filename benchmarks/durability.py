"""Whether a review stays as fast, as small and as safe as it was after a hundred thousand rows."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.data import workspace
from benchmarks.durability_steps import (
    Person,
    make_result,
    seconds,
    without_waiting_for_the_disk,
)
from benchmarks.rows import Row, at_least, at_most
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.inference.result import Result
from napari_bayesseg.review.journal.freezing import freeze
from napari_bayesseg.review.journal.history import History
from napari_bayesseg.review.journal.operations import Operation, RegionDecision
from napari_bayesseg.review.journal.snapshots import SNAPSHOTS, write_snapshot
from napari_bayesseg.review.labels.voxels import VoxelSet
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Status
from tests.review.cases import write_random_result
from tests.review.kills import kill_again_and_again

__all__ = ["run"]

_FIRST = 1000
_SLOWER = 1.5
_GROWTH_MB = 24.0  # 16 of them are the operations that are kept at hand
_HOLD_SECONDS = 0.1


def run(quick: bool) -> list[Row]:
    """Decide, reopen, take snapshots and kill."""
    result = make_result(workspace() / "durability.zarr")
    levels = (3_000, 10_000) if quick else (20_000, 100_000)
    return [
        *_latency_rows(result, levels, 100 if quick else 300),
        *_flat_rows(result, 2_000 if quick else 20_000),
        *_snapshot_rows(),
        *_kill_rows(5 if quick else 200),
    ]


def _latency_rows(result: Result, levels: tuple[int, ...], repeats: int) -> list[Row]:
    """Compare a short journal and a long one, step by step in turn: the disk has its moods."""
    few, many = (workspace() / f"{name}.review" for name in ("few", "many"))
    rows: list[Row] = []
    with Review.open(result, folder=few) as short:
        brief = Person(short, 1)
        _fill(brief, _FIRST)
        with Review.open(result, folder=many) as long:
            busy = Person(long, 2)
            for level in levels:
                _fill(busy, level)
                rows += _compared(brief, busy, level, repeats)
            ended = long.sequence
            closing = seconds(long.close)
    name = f"{ended:,} rows"
    rows.append(Row.of("opening", "closing, with its snapshot (s)", name, value=closing))
    with_snapshot = seconds(lambda: Review.open(result, folder=many, read_only=True).close())
    shutil.rmtree(many / SNAPSHOTS)
    without = seconds(lambda: Review.open(result, folder=many, read_only=True).close())
    size = (many / "journal.sqlite").stat().st_size / 1e6
    return [
        *rows,
        Row.of("opening", "from the snapshot (s)", name, value=with_snapshot),
        Row.of("opening", "from the first row (s)", name, value=without),
        Row.of("opening", "how much faster", name, value=without / with_snapshot, goal=at_least(2)),
        Row.of("opening", "journal (MB)", name, value=size),
    ]


def _fill(person: Person, level: int) -> None:
    with without_waiting_for_the_disk(person.review):
        while person.review.sequence < level:
            person.step()


def _compared(brief: Person, busy: Person, level: int, repeats: int) -> list[Row]:
    rows = []
    for what, step in (("decision", Person.decide), ("undo", lambda p: p.review.undo())):
        pairs = [[seconds(lambda p=p, s=step: s(p)) for p in (brief, busy)] for _ in range(repeats)]
        before, now = (1000 * statistics.median(times) for times in zip(*pairs, strict=True))
        table = f"a {what}, saved (median)"
        rows += [
            Row.of(table, f"{_FIRST:,} rows (ms)", f"beside {level:,}", value=before),
            Row.of(table, f"{level:,} rows (ms)", f"beside {level:,}", value=now),
            Row.of(table, "ratio", f"beside {level:,}", value=now / before, goal=at_most(_SLOWER)),
        ]
    pace = statistics.median(1000 * seconds(lambda: _pace(busy)) for _ in range(20))
    rows.append(Row.of("the person's pace", f"{level:,} rows (ms)", "median", value=pace))
    return rows


def _pace(person: Person) -> float | None:
    person.review.history._pace = None  # as after every decision
    return person.review.seconds_per_decision


def _flat_rows(result: Result, count: int) -> list[Row]:
    """Decide in a process of its own, each decision committed."""
    warm_up = 1000
    command = [sys.executable, "-m", "benchmarks.durability_steps", result.path, warm_up, count]
    started = time.perf_counter()
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True)
    took = time.perf_counter() - started
    found = json.loads(done.stdout)
    memory, files = found["memory"], found["files"]
    name = f"{warm_up:,} to {count:,} decisions"
    growth = max(memory) - memory[0]
    return [
        Row.of("flat", "memory at first (MB)", name, value=memory[0]),
        Row.of("flat", "memory, growth (MB)", name, value=growth, goal=at_most(_GROWTH_MB)),
        Row.of("flat", "open files at first", name, value=files[0]),
        Row.of("flat", "open files, growth", name, value=max(files) - files[0], goal=at_most(0)),
        Row.of("flat", "all of it (s)", name, value=took),
    ]


class _Watched:
    """A lock that remembers the longest time that it was held."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._since = 0.0
        self.longest = 0.0

    def __enter__(self) -> None:
        self._lock.acquire()
        self._since = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.longest = max(self.longest, time.perf_counter() - self._since)
        self._lock.release()


def _snapshot_rows() -> list[Row]:
    """Take a snapshot of 512³ voxels with borders as rough as those of a prediction."""
    side = 512
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 3, (side // 16,) * 3).astype(np.uint8)
    labels = coarse.repeat(16, 0).repeat(16, 1).repeat(16, 2)
    labels[rng.random(labels.shape, np.float32) < 0.003] = 1
    history = History((side, side, side))
    for number in range(2000):
        history.push(_decision(number + 1, rng, side))
    hold, folder = _Watched(), workspace()
    started = time.perf_counter()
    frozen = freeze(hold, history, labels, "0" * 64, lambda: (2000, "0" * 64), lambda: False)
    assert frozen is not None
    write_snapshot(folder, frozen, "hourly", "2026-01-01T00:00:00+00:00", "")
    took = time.perf_counter() - started
    path = next((folder / SNAPSHOTS).glob("*.checkpoint"))
    name = f"{side}³"
    goal = at_most(_HOLD_SECONDS)
    table = "a snapshot"
    return [
        Row.of(table, "longest wait for a decision (s)", name, value=hold.longest, goal=goal),
        Row.of(table, "all of it, with the disk (s)", name, value=took),
        Row.of(table, "file (MB)", name, value=path.stat().st_size / 1e6),
    ]


def _decision(number: int, rng: np.random.Generator, side: int) -> Operation:
    z, y, x = rng.integers(0, side - 12, 3).tolist()
    box = Roi((z, y, x), (z + 12, y + 12, x + 12))
    voxels = VoxelSet.from_mask(box, rng.random(box.shape) < 0.6)
    made = RegionDecision(1, voxels, (z, y, x), Status.PENDING, Status.ACCEPTED, 1.0, 1.0, 1.0)
    time_utc = "2026-01-01T00:00:00+00:00"
    return Operation(number, time_utc, "", "accept", (made,), None, None, None)


def _kill_rows(kills: int) -> list[Row]:
    """Kill a process at random moments; an assertion ends the benchmark where a row is lost."""
    folder = workspace() / "kills"
    folder.mkdir()
    result = write_random_result(folder / "scan.zarr")
    saved = kill_again_and_again(result, kills, seed=2026)
    snapshots = len(list(Path(folder / "scan.review" / SNAPSHOTS).glob("*.checkpoint")))
    name = f"{kills} kills"
    return [
        Row.of("kill -9", "rows called saved", name, value=saved, goal=at_least(kills)),
        Row.of("kill -9", "of them lost", name, value=0, goal=at_most(0)),
        Row.of("kill -9", "snapshots at the end", name, value=snapshots),
    ]
