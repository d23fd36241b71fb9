from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.review.status import Status
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.desk import ReviewDesk
from tests.session.places import begin_review, write_places

TIMEOUT = 60


@pytest.fixture
def desk(open_desk: Callable[[Path], ReviewDesk], tmp_path: Path) -> ReviewDesk:
    """A review of over three thousand regions."""
    result = write_places(tmp_path / "many.zarr", (15, 15, 15), side=3, pitch=4)
    begin_review(result)
    desk = open_desk(result.path)
    assert len(desk.table.regions) == 15**3
    return desk


def test_hundreds_of_decisions_and_all_the_way_back(
    desk: ReviewDesk, background: ThreadBackground
) -> None:
    before = desk.review.labels()
    actions = (desk.accept, desk.reject, desk.defer)
    for step in range(102):
        actions[step % 3]()
    statuses = [desk.queue.status(region.id) for region in desk.table.regions[:103]]
    assert statuses == [Status.ACCEPTED, Status.REJECTED, Status.DEFERRED] * 34 + [Status.PENDING]
    assert desk.current == desk.table.regions[102]
    assert desk.live_line().decided == 68
    pending = desk.bulk_preview("accept-below").count
    desk.bulk("accept-below")
    assert background.drain(TIMEOUT)
    assert desk.live_line().decided == 68 + pending
    after = desk.review.labels()
    assert np.count_nonzero(after != before) == sum(
        region.voxel_count
        for region in desk.table.regions
        if desk.queue.status(region.id) is Status.REJECTED
    )
    desk.release(0.12, 0.35)
    assert background.drain(TIMEOUT)
    assert desk.live_line().decided <= 68 + pending
    for _ in range(103):
        desk.undo()
    np.testing.assert_array_equal(desk.review.labels(), before)
    assert set(desk.statuses.values()) == {Status.PENDING}
    for _ in range(103):
        desk.redo()
    np.testing.assert_array_equal(desk.review.labels(), after)
    np.testing.assert_array_equal(desk.review.mask.array, after)
