from __future__ import annotations

import numpy as np
import pytest

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.gui.unprocessed import Unprocessed
from napari_bayesseg.inference.plan import BlockPlan

SHAPE = (5, 9, 7)


@pytest.mark.parametrize("roi", [Roi.whole(SHAPE), Roi((1, 2, 0), (4, 9, 6))])
@pytest.mark.parametrize(
    "key", [np.s_[:], np.s_[2], np.s_[:, 3:8, 1], np.s_[..., -1], np.s_[4, 8, 6], np.s_[::2, ::-1]]
)
def test_it_is_the_complement_of_the_finished_blocks(roi: Roi, key: object) -> None:
    plan = BlockPlan(SHAPE, roi, (2, 4, 4))
    mask = np.random.default_rng(1).integers(0, 2, plan.grid)
    expected = np.ones(SHAPE, np.uint8)
    for block in plan.blocks():
        if mask.flat[block.index]:
            expected[block.core.slices] = 0
    view = Unprocessed(plan, mask)
    np.testing.assert_array_equal(view[key], expected[key])
    np.testing.assert_array_equal(np.asarray(view), expected)
    assert view.dtype == np.uint8
    assert view.shape == SHAPE


def test_it_follows_the_mask_until_nothing_is_left() -> None:
    plan = BlockPlan(SHAPE, Roi.whole(SHAPE), (5, 9, 4))
    view = Unprocessed(plan, np.zeros(plan.grid))
    assert (view.num_finished, view.is_empty) == (0, False)
    view.update(np.array([1, 0]))
    assert (view.num_finished, view.is_empty) == (1, False)
    assert np.asarray(view).sum() == 5 * 9 * 3
    view.update(np.array([2, 1]))  # one that was left out is finished too
    assert view.is_empty


def test_what_a_run_over_a_part_leaves_out_stays_unprocessed() -> None:
    plan = BlockPlan(SHAPE, Roi((0, 0, 0), (5, 9, 6)), SHAPE)
    view = Unprocessed(plan, np.ones(plan.grid))
    assert not view.is_empty
    assert np.asarray(view).sum() == 5 * 9
