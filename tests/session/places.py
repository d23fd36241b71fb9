"""Results with cubes of uncertainty at known places."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.inference.result import Result
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.review import Review
from tests.results import write_result

MEASURE = "mutual_information"
LOWER, UPPER = 0.09, 0.35
BACKGROUND = 0.01
EXTENT = 16.0  # no cube is cut


def write_places(
    path: Path,
    grid: Index3 = (2, 3, 3),
    *,
    side: int = 3,
    pitch: int = 8,
    source: Path | None = None,
) -> Result:
    """Write a result with one cube of uncertainty in each cell of a grid.

    Cube number n of N has a mutual information of 0.2 + 0.2 n / N at its middle, half of it
    elsewhere, and an expected error that falls with n. The half of the volume with
    the higher z is class 1, the other class 0. Runner-up is class 2 everywhere.
    """
    shape = tuple(n * pitch for n in grid)
    count = int(np.prod(grid))
    labels = np.zeros(shape, int)
    labels[shape[0] // 2 :] = 1
    confidence = np.full(shape, 1 - BACKGROUND, np.float32)
    information = np.full(shape, 0.001, np.float32)
    for n, cell in enumerate(product(*map(range, grid))):
        start = [c * pitch + (pitch - side) // 2 for c in cell]
        cube = tuple(slice(s, s + side) for s in start)
        middle = tuple(s + side // 2 for s in start)
        confidence[cube] = 0.5 + 0.2 * n / count
        information[cube] = 0.5 * (0.2 + 0.2 * n / count)
        information[middle] = 0.2 + 0.2 * n / count
    probability = np.zeros((3, *shape), np.float32)
    probability[2] = 0.75 * (1 - confidence)
    for label in (0, 1):
        probability[label][labels == label] = confidence[labels == label]
        probability[label][labels != label] = 0.25 * (1 - confidence[labels != label])
    error = 1 - probability.max(axis=0)
    measures = {MEASURE: information, "expected_error": error}
    return write_result(path, probability, measures, source=source)


def begin_review(
    result: Result, *, lower: float = LOWER, upper: float = UPPER, min_voxels: float = 1
) -> None:
    """Choose measure and thresholds, as a review that was begun before has."""
    review = Review.open(result)
    smallest = min_voxels * result.geometry.voxel_volume
    settings = RegionSettings(MEASURE, lower, upper, smallest, max_extent=EXTENT)
    review.set_settings(settings)
    review.close()
