"""What a key costs among thousands of regions: the desk alone, without a window."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import product
from statistics import median

import numpy as np

from benchmarks.rows import Row, at_most
from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.regions.orders import Order, rank_regions
from napari_bayesseg.review.regions.queue import RegionQueue
from napari_bayesseg.review.regions.region_columns import RegionColumns
from napari_bayesseg.review.regions.region_table import RegionTable
from napari_bayesseg.review.status import Status
from napari_bayesseg.session.desk_line import QueueNumbers

__all__ = ["made_table", "run"]

_TABLE = "keys and orders among many regions"
_SIDE, _PITCH = 3, 5
_KEYS = 200
_KEY_MS = 5.0
_ORDER_MS = 100.0
_SPACING = (2.0, 1.0, 1.0)


def made_table(count: int, seed: int = 0) -> RegionTable:
    """Return a table of cubes on a grid, their numbers at random."""
    generator = np.random.default_rng(seed)
    side = int(np.ceil(count ** (1 / 3)))
    labels = np.zeros((side * _PITCH,) * 3, np.int32)
    cells = list(product(range(side), repeat=3))[:count]
    errors = np.sort(generator.gamma(1.0, size=count))[::-1]
    regions = []
    for row, cell in enumerate(generator.permutation(cells).tolist()):
        z, y, x = (_PITCH * place for place in cell)
        box = Roi((z, y, x), (z + _SIDE, y + _SIDE, x + _SIDE))
        labels[box.slices] = row + 1
        main, other = generator.permutation(4)[:2].tolist()
        regions.append(
            Region(
                id=row + 1,
                box=box,
                voxel_count=int(generator.integers(1, _SIDE**3)),
                volume=float(_SIDE**3),
                expected_error_volume=float(errors[row]),
                mean=float(generator.random()),
                p95=0.5,
                maximum=float(generator.random()),
                position=(z + 1, y + 1, x + 1),
                classes=(main, other),
                touches_border=0 in (z, y, x),
            )
        )
    unit = Geometry.from_spacing().unit
    names = ("a", "b", "c", "d")
    return RegionTable(
        "mutual_information", 0.1, tuple(regions), labels, 1.0, 0.1, names, unit, "0"
    )


def run(quick: bool) -> list[Row]:
    """Time keys in a queue, and orders of a table, at two sizes."""
    return [row for count in (3_000, 20_000) for row in _rows(count, quick)]


def _rows(count: int, quick: bool) -> list[Row]:
    table = made_table(count)
    queue = RegionQueue(table, {}, spacing=_SPACING)
    queue = queue.at_region(queue.ids[0])
    line = f"{count:,} regions"
    goal = at_most(_KEY_MS) if count == 3_000 else None
    repeats = _KEYS // 4 if quick else _KEYS
    rows = [
        Row.of(_TABLE, line, f"{name} [ms, median]", value=_keys(queue, key, repeats), goal=goal)
        for name, key in (("J", _decide), ("N", _next), ("H", _previous))
    ]
    columns = RegionColumns(table.regions)
    for order in Order:
        rank_regions(columns, order, spacing=_SPACING)  # compiles, and makes the columns
        spent = _milliseconds(lambda order=order: rank_regions(columns, order, spacing=_SPACING))
        bound = at_most(_ORDER_MS) if count == 3_000 else None
        rows.append(Row.of(_TABLE, line, f"order by {order} [ms]", value=spent, goal=bound))
    return rows


def _keys(queue: RegionQueue, press: Callable[[RegionQueue], RegionQueue], repeats: int) -> float:
    """Return the median of one key, with the numbers that the window shows after each."""
    spent = []
    for _ in range(repeats):
        began = time.perf_counter()
        queue = press(queue)
        QueueNumbers.of(queue)
        _ = queue.ids
        spent.append(1000 * (time.perf_counter() - began))
    return median(spent)


def _decide(queue: RegionQueue) -> RegionQueue:
    decided = queue.with_changes({queue.current_id or 0: Status.ACCEPTED})
    following = decided.next()
    return decided.at_region(None if following is None else following.id)


def _next(queue: RegionQueue) -> RegionQueue:
    following = queue.next()
    return queue.at_region(None if following is None else following.id)


def _previous(queue: RegionQueue) -> RegionQueue:
    former = queue.previous()
    return queue.at_region(None if former is None else former.id)


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)
