"""A person who works fast, in a process that is to be killed.

Waits for a line on the standard input, opens the review of a result, and decides, paints, fills,
undoes, redoes and answers an audit until the end, while snapshots are taken on another thread; now
and then it closes the review and opens it again. After each step it says on the standard output
what was saved: the number of the journal's last row and its hash.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import numpy as np

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.inference.result import load_result
from napari_bayesseg.review.labels.voxels import VoxelChange, VoxelSet, voxel_change_from_indices
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Replacement, Status
from tests.review.cases import SETTINGS, SHAPE, blocks, table_of

DECISIONS = (Status.ACCEPTED, Status.REJECTED, Status.DEFERRED, Status.PENDING)


def main(path: str, seed: str) -> None:
    rng = np.random.default_rng(int(seed))
    table = table_of(blocks())
    result = load_result(path)
    os.write(1, b"ready\n")
    sys.stdin.readline()
    review = Review.open(result, user="fast")
    os.write(1, f"open {int(review.read_only)}\n".encode())
    snapshot = threading.Thread(target=review.take_snapshot)
    while True:
        step(review, table, rng)
        os.write(1, f"{review.sequence} {review.journal_head}\n".encode())
        choice = rng.random()
        if choice < 0.3 and not snapshot.is_alive():
            snapshot = threading.Thread(target=review.take_snapshot)
            snapshot.start()
        elif choice > 0.96:
            review.close()
            review = Review.open(result, user="fast")


def step(review: Review, table, rng: np.random.Generator) -> None:
    choice = rng.random()
    if choice < 0.2:
        review.undo()
    elif choice < 0.28:
        review.redo()
    elif choice < 0.34:
        answer = {"place": int(rng.integers(50)), "agrees": bool(rng.random() < 0.9)}
        review.record_event("audit-answer", answer)
    elif choice < 0.38:
        decide(review, table, rng, len(table.regions))
    elif choice < 0.65:
        decide(review, table, rng, int(rng.integers(1, 6)))
    elif choice < 0.75:
        fill(review, table, rng)
    else:
        paint(review, table, rng)


def decide(review: Review, table, rng: np.random.Generator, count: int) -> None:
    chosen = rng.choice(len(table.regions), count, replace=False)
    review.decide(
        [table.regions[n] for n in chosen],
        table.region_labels,
        DECISIONS[rng.integers(4)],
        settings=SETTINGS,
        replacement=(Replacement.BACKGROUND, Replacement.RUNNER_UP)[rng.integers(2)],
        note=f"why {chosen[0]}",
        next_position=table.regions[chosen[0]].position,
    )


def fill(review: Review, table, rng: np.random.Generator) -> None:
    """All of a region with one class, as a step of editing and not by a brush."""
    region = table.regions[rng.integers(len(table.regions))]
    inside = table.region_labels[region.box.slices] == region.id
    old = review.mask.labels[region.box.slices][inside]
    new = np.full_like(old, rng.integers(3))
    change = VoxelChange(VoxelSet.from_mask(region.box, inside), old, new)
    review.paint(change, region, table.region_labels, SETTINGS)


def paint(review: Review, table, rng: np.random.Generator) -> None:
    start = rng.integers(0, np.array(SHAPE) - 1)
    stop = np.minimum(start + rng.integers(1, 30, 3), SHAPE)
    box = Roi(tuple(start.tolist()), tuple(stop.tolist()))
    label = int(rng.integers(3))
    old = review.mask.array[box.slices].reshape(-1)
    review.mask.array[box.slices] = label  # as the viewer does, before anybody is told
    indices = tuple(np.indices(box.shape).reshape(3, -1) + start[:, None])
    change = voxel_change_from_indices(indices, old, np.uint8(label))
    if rng.random() < 0.5:
        review.paint(change)
    else:
        region = table.regions[rng.integers(len(table.regions))]
        review.paint(change, region, table.region_labels, SETTINGS)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main(*sys.argv[1:])
