"""The component tree at the size of a scan: how long it takes, and that it says what cc3d says."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.rows import Row, at_least, at_most
from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.numerics.component_tree import ComponentTree
from napari_bayesseg.numerics.threshold_curve import threshold_curve
from napari_bayesseg.review.regions.region_names import RegionNames
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.regions.region_source import RegionSource
from napari_bayesseg.review.regions.region_tree import TreeCache

__all__ = ["run", "shells"]

T = TypeVar("T")

_TABLE = "regions from a component tree"
_THRESHOLDS = 50
_REPEATS = 5


def run(quick: bool) -> list[Row]:
    """Build the tree of the 5 % most uncertain voxels, and move the threshold."""
    side = 256 if quick else 512
    size = f"{side}³"
    _source(shells(64))[0].find(RegionSettings("mutual_information", 0.3, 0.4))  # compiles
    source, spread = _source(shells(side))
    floor = source.curve.edge_below(0.05)
    settings = RegionSettings("mutual_information", floor, spread)
    cache: TreeCache = source._trees
    with _Memory() as memory:
        built, kept = _timed(lambda: cache.get(source, settings))
    tree = kept.tree
    assert tree is not None
    goal = at_most(15) if side == 512 else None
    return [
        Row.of(_TABLE, "voxels above the floor", size, value=tree.voxels.count),
        Row.of(_TABLE, "share of the volume (%)", size, value=100 * tree.voxels.count / side**3),
        Row.of(_TABLE, "nodes", size, value=int(tree.whole.levels.size + tree.cut.levels.size)),
        Row.of(_TABLE, "building the tree (s)", size, value=built, goal=goal),
        Row.of(_TABLE, "memory kept (MB)", size, value=tree.nbytes / 1e6),
        Row.of(_TABLE, "memory while it is built (MB)", size, value=memory.above / 1e6),
        *_table_rows(source, size, goal is not None),
        *_equality_rows(source, tree, size),
    ]


def shells(side: int, seed: int = 0) -> NDArray[np.float32]:
    """A measure that hugs the boundaries of a random two-phase structure, with noise on it."""
    rng = np.random.default_rng(seed)
    coarse = min(side, 128)
    field = rng.normal(size=(coarse,) * 3).astype(np.float32)
    field = ndimage.gaussian_filter(field, 2.5, mode="wrap")
    field = ndimage.zoom(field, side / coarse, order=1)
    field /= field.std()
    measure = np.exp(-((field / 0.12) ** 2)).astype(np.float32) * 0.4
    measure *= 1 + 0.3 * rng.standard_normal(measure.shape, dtype=np.float32)
    return np.clip(measure, 0, np.log(2), dtype=np.float32)


def _source(measure: NDArray[np.float32]) -> tuple[RegionSource, float]:
    error = measure / 2
    labels = (measure > np.float32(0.2)).astype(np.uint8)
    valid = np.ones(measure.shape, np.bool_)
    curve = threshold_curve(measure, error, valid, 1.0)
    names = ("pore", "solid")
    source = RegionSource(
        "mutual_information",
        measure,
        error,
        labels,
        valid,
        Geometry.from_spacing((1.0, 1.0, 1.0)),
        names,
        "",
        0.0,
        curve,
    )
    return source, float(measure.max())


def _table_rows(source: RegionSource, size: str, has_goal: bool) -> list[Row]:
    """A threshold that is let go, until the sorted table is there."""
    rows = []
    names = RegionNames(source.shape)
    for share in (0.05, 0.02, 0.01, 0.002):
        lower = source.curve.edge_below(share)
        wanted = RegionSettings("mutual_information", lower, source.bounds[1], min_volume=27.0)
        near = source.snap(wanted)
        found = [_timed(lambda near=near: source.find(near, names)) for _ in range(_REPEATS)]
        what = f"threshold to table, {100 * share:g} % of voxels"
        table = found[0][1]
        goal = at_most(100) if has_goal else None
        rows += [
            Row.of(_TABLE, f"{what} (regions)", size, value=len(table.regions)),
            Row.of(
                _TABLE,
                f"{what} (ms)",
                size,
                value=1000 * statistics.median(seconds for seconds, _ in found),
                goal=goal,
            ),
        ]
    return rows


def _equality_rows(source: RegionSource, tree: ComponentTree, size: str) -> list[Row]:
    """Components of the whole volume against those that cc3d labels, at random thresholds."""
    rng = np.random.default_rng(0)
    levels = rng.integers(0, tree.levels.thresholds.size, _THRESHOLDS)
    same = 0
    for level in levels.tolist():
        mask = source.values > tree.levels.thresholds[level]
        expected, count = cc3d.connected_components(mask, connectivity=26, return_N=True)
        nodes = tree.whole.components(level)
        same += int(nodes.size == count and _is_partition(tree, nodes, expected.reshape(-1)))
    return [
        Row.of(
            _TABLE,
            f"of {_THRESHOLDS} random thresholds, those with the components of cc3d",
            size,
            value=same,
            goal=at_least(_THRESHOLDS),
        ),
    ]


def _is_partition(
    tree: ComponentTree, nodes: NDArray[np.int64], expected: NDArray[np.unsignedinteger]
) -> bool:
    """Whether each component of the tree is one label, and no label is in two of them."""
    seen = np.zeros(int(expected.max(initial=0)) + 1, np.bool_)
    total = 0
    for start, count in zip(tree.whole.starts[nodes], tree.whole.counts[nodes], strict=True):
        labels = expected[tree.voxels.indices[tree.whole.order[start : start + count]]]
        if labels[0] == 0 or seen[labels[0]] or (labels != labels[0]).any():
            return False
        seen[labels[0]] = True
        total += int(count)
    return total == int(np.count_nonzero(expected))


class _Memory:
    """Watches what the process holds while something runs; in bytes above what it held before."""

    def __enter__(self) -> _Memory:
        self._before = self.peak = _resident()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def above(self) -> int:
        return self.peak - self._before

    def _watch(self) -> None:
        while not self._stop.wait(0.005):
            self.peak = max(self.peak, _resident())


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found
