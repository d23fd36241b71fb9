from __future__ import annotations

import numpy as np

from napari_bayesseg.numerics.region_votes import count_votes


def test_votes_are_those_of_each_regions_own_voxels() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 300)
    values = rng.integers(0, 6, labels.size).astype(np.uint8)
    names = (1, 4, 2)
    members = [np.flatnonzero(labels == name) for name in names]
    ends = np.cumsum([len(places) for places in members])
    votes = count_votes(values, np.concatenate(members), ends, 4)
    for row, name in zip(votes, names, strict=True):
        found = values[labels == name]
        assert row.tolist() == [int((found == value).sum()) for value in range(4)]


def test_no_region_has_no_votes() -> None:
    nothing = np.zeros(0, np.int64)
    assert count_votes(np.zeros(1, np.uint8), nothing, nothing, 3).shape == (0, 3)
