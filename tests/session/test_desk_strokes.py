from __future__ import annotations

import numpy as np
import pytest

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.session.desk_strokes import SplitStroke, split_stroke

WHOLE = Roi((0, 0, 0), (4, 5, 6))
PROTECTED = np.zeros(WHOLE.shape, bool)
PROTECTED[1, 1, 1:3] = True


def split(x: list[int], old: object, new: object, box: Roi = WHOLE) -> SplitStroke:
    """Split a stroke along x in row z = 1, y = 1."""
    return split_stroke(
        ([1] * len(x), [1] * len(x), x),
        np.asarray(old),
        np.asarray(new),
        box=box,
        protected=lambda roi: PROTECTED[roi.slices],
        dtype=np.dtype(np.uint8),
    )


def places(change: object) -> list[int]:
    voxels = change.voxels  # type: ignore[attr-defined]
    return (np.nonzero(voxels.mask())[2] + voxels.box.start[2]).tolist()


def test_every_voxel_is_kept_or_refused_once() -> None:
    stroke = split([0, 1, 2, 3, 4, 4, 0], 0, 2, Roi((0, 0, 0), (4, 5, 4)))
    assert places(stroke.kept) == [0, 3]
    assert places(stroke.refused) == [1, 2, 4]
    assert stroke.hit_protected
    assert stroke.kept.new.dtype == np.uint8


def test_a_voxel_that_comes_twice_goes_from_its_first_to_its_last_label() -> None:
    stroke = split([3, 3], [0, 1], [1, 2])
    assert (stroke.kept.old.tolist(), stroke.kept.new.tolist()) == ([0], [2])


@pytest.mark.parametrize(
    ("x", "old", "new"), [([3, 5], 2, 2), ([3, 3], [0, 2], [2, 0]), ([], 0, 1)]
)
def test_a_stroke_that_changes_nothing_is_empty(x: list[int], old: object, new: object) -> None:
    stroke = split(x, old, new)
    assert stroke.kept.count == stroke.refused.count == 0
    assert not stroke.hit_protected


def test_all_may_be_refused() -> None:
    stroke = split([1, 2], 0, 1)
    assert stroke.kept.count == 0
    assert places(stroke.refused) == [1, 2]
    nowhere = split([3, 4], 0, 1, Roi((0, 0, 0), (0, 0, 0)))
    assert places(nowhere.refused) == [3, 4]
    assert not nowhere.hit_protected
