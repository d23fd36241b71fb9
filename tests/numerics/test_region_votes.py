from __future__ import annotations

import numpy as np

from napari_bayesseg.numerics.region_votes import count_votes


def test_votes_are_those_of_each_regions_own_voxels() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, (6, 7, 8)).astype(np.int32)
    values = rng.integers(0, 6, labels.shape).astype(np.uint8)
    whole = [0, 0, 0, *labels.shape]
    part = [1, 2, 3, 4, 6, 8]
    votes = count_votes(labels, values, np.array([1, 4, 2]), np.array([whole, part, whole]), 4)
    box = (slice(1, 4), slice(2, 6), slice(3, 8))
    for row, (name, inside) in zip(votes, [(1, ...), (4, box), (2, ...)], strict=True):
        found = values[inside][labels[inside] == name]
        assert row.tolist() == [int((found == value).sum()) for value in range(4)]


def test_no_region_has_no_votes() -> None:
    nothing = np.zeros((1, 1, 1), np.int32)
    votes = count_votes(
        nothing, nothing.astype(np.uint8), np.zeros(0, np.int64), np.zeros((0, 6), np.int64), 3
    )
    assert votes.shape == (0, 3)
