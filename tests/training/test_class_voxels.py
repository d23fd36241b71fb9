from __future__ import annotations

import numpy as np

from napari_bayesseg.training.class_voxels import ClassVoxels


def test_each_voxel_of_a_class_is_drawn_with_equal_chance(rng: np.random.Generator) -> None:
    labels = rng.integers(-1, 3, (3, 4, 5))
    voxels = ClassVoxels(labels)
    assert voxels.classes == (0, 1, 2)
    assert voxels.foreground == (1, 2)
    for value in voxels.classes:
        counts = np.zeros(labels.shape, int)
        for _ in range(4000):
            counts[voxels.draw(value, rng)] += 1
        expected = 4000 / np.sum(labels == value)
        assert np.all(counts[labels != value] == 0)
        chi_squared = np.sum((counts[labels == value] - expected) ** 2 / expected)
        assert chi_squared < 2.5 * np.sum(labels == value)


def test_any_labelled_voxel_is_drawn_with_equal_chance(rng: np.random.Generator) -> None:
    labels = np.full((2, 5, 5), -1)
    labels[0], labels[1, 2, 3] = 0, 7
    drawn = [ClassVoxels(labels).draw_any(rng) for _ in range(2600)]
    assert all(labels[voxel] >= 0 for voxel in drawn)
    assert 60 < sum(voxel == (1, 2, 3) for voxel in drawn) < 145  # one in 26


def test_background_counts_where_there_is_nothing_else() -> None:
    labels = np.zeros((2, 3, 4), np.int32)
    labels[0] = -1
    assert ClassVoxels(labels).foreground == (0,)
    assert ClassVoxels(np.asfortranarray(labels.T)).draw(0, np.random.default_rng(0))[2] == 1


def test_runs_take_little_room() -> None:
    labels = np.zeros((40, 100, 100), np.int32)
    labels[10:30, 20:80, 20:80] = 1
    assert sum(array.nbytes for runs in ClassVoxels(labels)._runs.values() for array in runs) < (
        labels.nbytes / 10
    )
