"""How fast draws are made, beside other ways through a volume; paired, in one run.

A peer's pass computes one draw and no statistics; it is timed and counted as a draw. Ours computes
all draws, their statistics and counts; that time is divided by the number of draws.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence

import torch

from benchmarks.contest import KEPT, PLAIN, Arena, Field, Timing
from benchmarks.nets import SHIPPED, Net, nets
from benchmarks.predictions import NUM_SAMPLES
from benchmarks.rows import Goal, Row, at_least, at_most, skipped

__all__ = ["SIDE", "race", "rows_of", "run"]

SIDE = 160
"""Voxels along an axis: as many as windows of 64 fill without waste, which suits the peers."""

_REPEATS = 5
_SECONDS, _QUICK_SECONDS = 300.0, 12.0
_RATIOS: tuple[tuple[str, str, Goal | None], ...] = (
    ("ours, float32", "MONAI, default", at_least(10)),
    ("ours, float32", "MONAI, tuned", at_least(4)),
    ("ours, float32", "TorchIO, Hann", None),
    ("ours, float32", "strided chunks, trimmed and averaged", None),
    ("ours, bfloat16", "MONAI, tuned, bfloat16", at_least(3)),
    ("ours, bfloat16", "MONAI, default", None),
)

Times = Mapping[str, Sequence[Timing]]


def run(quick: bool) -> list[Row]:
    """Time ours and the peers on the processor, and on a GPU where there is one."""
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    rows: list[Row] = []
    missing: dict[str, None] = {}
    for net in nets():
        for device in devices:
            field = Field(str(net.folder), SIDE, net.window, NUM_SAMPLES, device)
            times = _measured(field, net, quick)
            rows += rows_of(net, field, times)
            errors = [t.error for found in times.values() for t in found if t.error]
            missing.update(dict.fromkeys(errors))
    return [*rows, *([skipped("; ".join(missing))] if missing else [])]


def _measured(field: Field, net: Net, quick: bool) -> Times:
    # What the disk costs does not depend on the network: a short run measures it once.
    left_out = {n for n in KEPT if "store" in n} if quick and net.name != SHIPPED else set()
    with (
        Arena(field, keep_memory=True) as kept,
        Arena(field, keep_memory=False) as plain,
    ):
        # Turns alternate between the two processes.
        arenas = {
            name: kept if name in KEPT else plain for name in _turns() if name not in left_out
        }
        for name, arena in arenas.items():
            arena.time(name, warm_up=True)
        clocks = {name: _clock(arena, name) for name, arena in arenas.items()}
        return race(clocks, _QUICK_SECONDS if quick else _SECONDS)


def _turns() -> list[str]:
    """Return all names, those of the shorter list spread among the others."""
    kept, plain = list(KEPT), list(PLAIN)
    step = -(-len(kept) // len(plain))
    return [
        name for k, other in enumerate(plain) for name in (*kept[k * step : (k + 1) * step], other)
    ]


def _clock(arena: Arena, name: str) -> Callable[[], Timing]:
    def clock() -> Timing:
        timing = arena.time(name)
        sys.stderr.write(f"  {name}: {timing.error or f'{timing.seconds:.2f} s'}\n")
        return timing

    return clock


def race(clocks: Mapping[str, Callable[[], Timing]], seconds: float) -> dict[str, list[Timing]]:
    """Let everybody run in turn, up to five rounds.

    Whoever would need more than `seconds` in all drops out after the first rounds, with what it
    has: one pass at least.
    """
    times: dict[str, list[Timing]] = {name: [clock()] for name, clock in clocks.items()}
    for _ in range(_REPEATS - 1):
        for name, clock in clocks.items():
            found = times[name]
            spent = sum(t.seconds for t in found)
            if not found[0].error and spent + spent / len(found) <= seconds:
                found.append(clock())
    return times


def _median(found: Sequence[Timing]) -> tuple[float, float]:
    """Return median wall and processor time."""
    return (
        statistics.median(t.seconds for t in found),
        statistics.median(t.cpu_seconds for t in found),
    )


def rows_of(net: Net, field: Field, times: Times) -> list[Row]:
    """Return times and ratios; goals are those of the shipped network on the processor."""
    timed = {name: found for name, found in times.items() if not found[0].error}
    draw = {name: _median(found)[0] / _draws(field, name) for name, found in timed.items()}
    where = "" if field.device == "cpu" else f" on {field.device}"
    table = (
        f"{net.name}{where}: {field.side}³ voxels, T = {field.num_samples}, "
        f"the peers' windows {field.window}³"
    )
    rows = [row for name in timed for row in _timing_rows(table, field, name, timed[name])]
    ratios = f"how many times as fast{where}"
    with_goals = net.name == SHIPPED and field.device == "cpu"
    for own, peer, goal in _RATIOS:
        if own in draw and peer in draw:
            line, ratio = f"{own} against {peer}", draw[peer] / draw[own]
            rows.append(
                Row.of(ratios, line, net.name, value=ratio, goal=goal if with_goals else None)
            )
    if {"ours, bfloat16", "MONAI, default"} <= set(draw):
        line = f"{field.num_samples} draws, ours, bfloat16, over one pass of MONAI, default"
        value = field.num_samples * draw["ours, bfloat16"] / draw["MONAI, default"]
        goal = at_most(1) if with_goals else None
        rows.append(Row.of(f"cost of all draws{where}", line, net.name, value=value, goal=goal))
    return rows


def _draws(field: Field, name: str) -> int:
    return field.num_samples if name.startswith("ours") else 1


def _timing_rows(table: str, field: Field, name: str, found: Sequence[Timing]) -> list[Row]:
    wall, busy = (seconds / _draws(field, name) for seconds in _median(found))
    columns = (
        ("a draw (s)", wall),
        ("processor time of a draw (s)", busy),
        (f"{field.num_samples} draws (s)", field.num_samples * wall),
        ("million voxel-draws a second", field.side**3 / wall / 1e6),
        ("times run", len(found)),
    )
    return [Row.of(table, name, column, value=value) for column, value in columns]
