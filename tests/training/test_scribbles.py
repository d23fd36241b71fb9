from __future__ import annotations

import numpy as np
import pytest

from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.training import scribbles
from napari_bayesseg.training.scribbles import UNLABELLED, as_scribbles, label_counts

GEOMETRY = Geometry.from_spacing((2.0, 0.5, 0.5), unit="micrometer")


class Counted:
    """An array that says what was read of it."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.read: list[int] = []

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def dtype(self) -> np.dtype:
        return self.values.dtype

    def __getitem__(self, key: object) -> np.ndarray:
        self.read.append(self.values[key].size)
        return self.values[key]


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint64])
def test_painted_labels_are_classes_from_0(dtype: type) -> None:
    painted = np.array([[[0, 1, 2], [3, 0, 1]]], dtype)
    volume = as_scribbles(Volume.from_array(painted, GEOMETRY, name="painted"))
    expected = [[[UNLABELLED, 0, 1], [2, UNLABELLED, 0]]]
    np.testing.assert_array_equal(volume.read(Roi.whole(volume.shape)), expected)
    assert (volume.spec.name, volume.spec.geometry) == ("painted", GEOMETRY)
    assert volume.spec.dtype == "int32"


@pytest.mark.parametrize("wrong", [-3, 2**40])
def test_what_is_no_class_stays_none(wrong: int) -> None:
    painted = np.full((1, 2, 2), wrong, np.int64)
    value = as_scribbles(Volume.from_array(painted)).read(Roi.whole((1, 2, 2)))[0, 0, 0]
    assert not 0 <= value < UNLABELLED - 1


def test_nothing_is_read_before_it_is_asked_for() -> None:
    counted = Counted(np.ones((4, 6, 8), np.uint8))
    volume = as_scribbles(Volume.from_array(counted))
    assert counted.read == []
    volume.read(Roi((0, 0, 0), (1, 2, 8)))
    assert counted.read == [16]


@pytest.mark.parametrize("at_once", [1, 7, 24, 100, 10**6])
def test_labels_are_counted_in_pieces(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scribbles, "_VOXELS_AT_ONCE", at_once)
    counted = Counted(np.random.default_rng(0).integers(0, 5, (5, 6, 8)))
    found = label_counts(counted)
    assert list(found) == [0, 1, 2, 3, 4]
    assert found == {value: int((counted.values == value).sum()) for value in found}
    assert max(counted.read) <= max(at_once, 8)
    assert sum(counted.read) == counted.values.size


def test_counting_stops_when_it_is_asked_to() -> None:
    counted = Counted(np.ones((4, 6, 8), bool))
    assert label_counts(counted, lambda: True) == {}
    assert counted.read == []
    assert label_counts(counted) == {1: 4 * 6 * 8}
