"""A person who works fast, in a process that is to be killed.

Waits for a line on the standard input, opens the review of a result, and decides, paints, undoes
and redoes until the end. After each step it says on the standard output what was saved: the number
of the journal's last row and its hash.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.inference.result import load_result
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Replacement, Status
from napari_bayesseg.review.voxels import voxel_change_from_indices
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
    while True:
        step(review, table, rng)
        os.write(1, f"{review.sequence} {review.journal_head}\n".encode())


def step(review: Review, table, rng: np.random.Generator) -> None:
    choice = rng.random()
    if choice < 0.15:
        review.undo()
    elif choice < 0.2:
        review.redo()
    elif choice < 0.6:
        chosen = rng.choice(len(table.regions), rng.integers(1, 6), replace=False)
        review.decide(
            [table.regions[n] for n in chosen],
            table.region_labels,
            DECISIONS[rng.integers(4)],
            settings=SETTINGS,
            replacement=(Replacement.BACKGROUND, Replacement.RUNNER_UP)[rng.integers(2)],
            next_position=table.regions[chosen[0]].position,
        )
    else:
        paint(review, table, rng)


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
