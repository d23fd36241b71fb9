from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.queue import Order, RegionQueue
from napari_bayesseg.review.region_table import RegionTable
from napari_bayesseg.review.status import Status
from tests.review.cases import table_of

PENDING, ACCEPTED, REJECTED, EDITED, DEFERRED = Status


def table() -> RegionTable:
    """Five regions along x; expected error falls with the id: 10, 5, 3.33, 2.5, 2."""
    labels = np.zeros((4, 6, 60), np.int32)
    for name, (z, size) in enumerate([(2, 3), (0, 9), (3, 1), (1, 5), (0, 2)], start=1):
        labels[z, 2, 10 * name : 10 * name + size] = name
    return table_of(labels, {1: 0.9, 2: 0.2, 3: 0.5, 4: 0.3, 5: 0.8})


def queue(statuses: dict[int, Status] | None = None, **options: object) -> RegionQueue:
    return RegionQueue(table(), statuses or {}, **options)


def walk(made: RegionQueue, steps: int, direction: str = "next", **options: bool) -> list[int]:
    found = []
    for _ in range(steps):
        region = getattr(made, direction)(**options)
        if region is None:
            break
        found.append(region.id)
        made = made.at_region(region.id)
    return found


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        (Order.EXPECTED_ERROR, (1, 2, 3, 4, 5)),
        (Order.SIZE, (2, 4, 1, 5, 3)),
        (Order.POSITION, (2, 5, 4, 1, 3)),
    ],
)
def test_orders(order: Order, ids: tuple[int, ...]) -> None:
    assert queue().with_order(order).ids == ids
    assert walk(queue(order=order), 5) == list(ids)
    assert walk(queue(order=order), 5, "previous") == list(ids[::-1])


def test_it_goes_round_past_what_is_decided_and_ends_with_what_was_deferred() -> None:
    made = queue({2: ACCEPTED, 4: DEFERRED, 5: EDITED}, current_id=3)
    assert walk(made, 1) == [1]
    assert walk(made, 4, undecided_only=False) == [4, 5, 1, 2]
    assert walk(made, 2, "previous") == [2, 1]
    assert walk(made, 1, "previous", undecided_only=True) == [1]
    done = made.with_statuses({1: ACCEPTED, 2: ACCEPTED, 3: REJECTED, 4: DEFERRED, 5: EDITED})
    assert done.next().id == 4
    assert done.at_region(4).next() is None
    assert done.with_statuses(dict.fromkeys(range(1, 6), ACCEPTED)).next() is None
    assert queue(dict.fromkeys(range(2, 6), ACCEPTED), current_id=1).next() is None


def test_a_region_that_left_the_filter_keeps_its_place() -> None:
    made = queue(current_id=2).with_filter(statuses=[PENDING])
    made = made.with_statuses({2: ACCEPTED})
    assert made.ids == (1, 3, 4, 5)
    assert made.current.id == 2
    assert made.next().id == 3
    assert made.previous().id == 1


def test_filters_by_status_and_class() -> None:
    statuses = {1: ACCEPTED, 2: DEFERRED}
    assert queue(statuses).with_filter(statuses=[DEFERRED, PENDING]).ids == (2, 3, 4, 5)
    assert queue(statuses).with_filter(classes=[1]).ids == (1, 4)  # classes are id % 3
    assert queue(statuses).with_filter([ACCEPTED], [0, 2]).ids == ()
    assert queue(statuses).with_filter([ACCEPTED], [0, 2]).next() is None
    assert queue(statuses).with_filter().ids == (1, 2, 3, 4, 5)


def test_a_place_belongs_to_the_region_that_holds_it_or_is_nearest() -> None:
    made = queue()
    assert made.at((2, 2, 10)).id == 1
    assert made.at((0, 2, 27)).id == 2
    assert made.at((3, 5, 57)).id == 5
    assert made.at((0, 0, 60)) is made.at((-1, 0, 0)) is None
    nothing = replace(table(), regions=(), region_labels=RegionMap.empty((4, 6, 60)))
    assert RegionQueue(nothing, {}).at((0, 0, 0)) is None


def ids(regions: tuple[Region, ...]) -> list[int]:
    return [region.id for region in regions]


def test_an_upper_threshold_parts_the_pending_regions() -> None:
    made = queue({1: ACCEPTED, 2: DEFERRED})
    assert ids(made.below(0.5)) == [4]
    assert ids(made.above(0.5)) == [3, 5]
    assert ids(queue().below(0.3)) == [2]
    assert ids(queue().above(0.95)) == []


def test_progress_counts_regions_and_expected_error() -> None:
    total = sum(10.0 / n for n in range(1, 6))
    made = queue({1: ACCEPTED, 2: DEFERRED, 3: REJECTED, 4: EDITED})
    assert made.remaining == 2
    assert made.resolved_share == pytest.approx((10 + 10 / 3 + 10 / 4) / total)
    assert (queue().remaining, queue().resolved_share) == (5, 0.0)
    everything = queue(dict.fromkeys(range(1, 6), ACCEPTED))
    assert (everything.remaining, everything.resolved_share) == (0, 1.0)
    nothing = RegionQueue(replace(table(), regions=()), {})
    assert (nothing.remaining, nothing.resolved_share, nothing.ids) == (0, 1.0, ())
    assert nothing.next() is nothing.previous() is nothing.current is None


def test_regions_without_expected_error_count_when_decided() -> None:
    regions = tuple(replace(region, expected_error_volume=0.0) for region in table().regions)
    made = RegionQueue(replace(table(), regions=regions), {})
    assert made.resolved_share == 0.0
    assert made.with_statuses(dict.fromkeys(range(1, 6), ACCEPTED)).resolved_share == 1.0


def test_a_queue_never_changes() -> None:
    statuses = {1: ACCEPTED}
    made = queue().with_statuses(statuses)
    statuses[2] = REJECTED
    assert made.status(2) is PENDING
    made.at_region(3).with_order(Order.SIZE)
    assert (made.current, made.order) == (None, Order.EXPECTED_ERROR)
    assert made.at_region(3).at_region(None).current is None


def test_an_unknown_region_is_refused() -> None:
    with pytest.raises(SettingsError, match="one of the 5 regions; got 6"):
        queue().at_region(6)
