"""A person who decides thousands of times; run as a program, it tells what that takes."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.inference.import_probabilities import import_probabilities
from napari_bayesseg.inference.result import Result, load_result
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.labels.voxels import VoxelChange, VoxelSet
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Replacement, Status

__all__ = ["SHAPE", "Person", "make_result", "resources", "without_waiting_for_the_disk"]

SHAPE = (48, 256, 256)
_SETTINGS = RegionSettings("mutual_information", 0.2, 0.5)
_SIDE, _STEP = (4, 7, 7), (6, 10, 10)
_STATUSES = (Status.ACCEPTED, Status.REJECTED, Status.DEFERRED)
_BULK = 40


def make_result(path: Path) -> Result:
    """Write a result of three classes in blobs."""
    rng = np.random.default_rng(0)
    coarse = rng.random((3, *(-(-n // 8) for n in SHAPE)), dtype=np.float32)
    z, y, x = SHAPE
    probability = coarse.repeat(8, 1).repeat(8, 2).repeat(8, 3)[:, :z, :y, :x] + np.float32(0.01)
    probability /= probability.sum(0)
    softmax = path.with_suffix(".npy")
    np.save(softmax, probability)
    return import_probabilities([softmax], path)


class Person:
    """Decides about a few thousand small regions, paints, and takes steps back."""

    def __init__(self, review: Review, seed: int = 0) -> None:
        self.review = review
        self._rng = np.random.default_rng(seed)
        self.regions, self._region_labels = _regions()

    def decide(self, count: int = 1) -> None:
        """Decide about some regions in one step."""
        chosen = self._rng.choice(len(self.regions), count, replace=False)
        regions = [self.regions[n] for n in chosen]
        self.review.decide(
            regions,
            self._region_labels,
            _STATUSES[self._rng.integers(3)],
            settings=_SETTINGS,
            replacement=Replacement.BACKGROUND,
            next_position=regions[0].position,
        )

    def paint(self) -> None:
        """Paint a disc on a slice."""
        z, y, x = (int(self._rng.integers(0, n - m)) for n, m in zip(SHAPE, (1, 9, 9), strict=True))
        disc = np.hypot(*np.mgrid[-4:5, -4:5])[None] <= 4
        voxels = VoxelSet.from_mask(Roi((z, y, x), (z + 1, y + 9, x + 9)), disc)
        old = self.review.mask.labels[voxels.box.slices][disc]
        self.review.paint(VoxelChange(voxels, old, np.full_like(old, self._rng.integers(3))))

    def step(self) -> None:
        """Do anything, mostly decide about one region."""
        choice = self._rng.random()
        if choice < 0.8:
            self.decide()
        elif choice < 0.82:
            self.decide(_BULK)
        elif choice < 0.92:
            self.paint()
        elif choice < 0.97:
            self.review.undo()
        else:
            self.review.redo()


def _regions() -> tuple[list[Region], RegionMap]:
    labels = np.zeros(SHAPE, np.int32)
    regions = []
    spans = (range(1, n - side, step) for n, side, step in zip(SHAPE, _SIDE, _STEP, strict=True))
    for name, corner in enumerate(np.stack(np.meshgrid(*spans), -1).reshape(-1, 3).tolist(), 1):
        z, y, x = corner
        box = Roi((z, y, x), (z + _SIDE[0], y + _SIDE[1], x + _SIDE[2]))
        labels[box.slices] = name
        regions.append(Region(name, box, box.size, 1.0, 1.0, 0.3, 0.4, 0.5, box.start, (0,), False))
    return regions, RegionMap.of_labels(labels)


@contextmanager
def without_waiting_for_the_disk(review: Review) -> Iterator[None]:
    """Let rows be written as fast as can be: only so a hundred thousand are there in minutes."""
    connection, mask = review._record.check_writable()._connection, review.mask
    for pragma in ("synchronous=OFF", "journal_mode=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    store, mask._store = mask._store, lambda _: None
    try:
        yield
    finally:
        mask._store = store
        mask.repair()
        for pragma in ("journal_mode=DELETE", "synchronous=EXTRA"):
            connection.execute(f"PRAGMA {pragma}")


def seconds(step: Callable[[], object]) -> float:
    """Return how long a step takes."""
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def resources() -> tuple[float, int]:
    """Return the memory of this process in MB, and its number of open files; Linux only."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, len(list(Path("/proc/self/fd").iterdir()))


def main(path: str, warm_up: str, count: str) -> None:
    """Decide `count` times, with a snapshot now and then; write what it took as JSON."""
    review = Review.open(load_result(path), user="many")
    person = Person(review)
    found: dict[str, Any] = {"memory": [], "files": []}
    for number in range(int(count) + 1):
        person.decide() if number % 10 else person.step()
        if number % 1000 == 500:
            review.take_snapshot()
        if number >= int(warm_up) and number % 1000 == 0:
            memory, files = resources()
            found["memory"].append(memory)
            found["files"].append(files)
    review.close()
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
