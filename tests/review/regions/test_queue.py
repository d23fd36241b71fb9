from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.regions.queue import Order, RegionQueue
from napari_bayesseg.review.regions.region_filter import Mark, Marks
from napari_bayesseg.review.regions.region_table import RegionTable
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


def test_a_place_is_counted_in_the_order_and_not_by_the_number() -> None:
    made = queue(order=Order.SIZE)
    assert made.place == 0
    assert [made.at_region(region_id).place for region_id in (2, 4, 1, 5, 3)] == [1, 2, 3, 4, 5]
    later = made.at_region(4).with_statuses({2: ACCEPTED}).with_filter([PENDING])
    assert later.place == 2


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


def test_marks_narrow_what_is_shown() -> None:
    regions = tuple(replace(r, touches_border=r.id in (2, 4)) for r in table().regions)
    marks = Marks(upper=0.3, noted=frozenset({1, 2, 9}), conflicting=frozenset({5}))
    made = RegionQueue(replace(table(), regions=regions), {1: ACCEPTED}, marks=marks)
    assert made.with_filter(marks=[Mark.MUST_SEE]).ids == (1, 3, 4, 5)
    assert made.with_filter(marks=[Mark.BORDER]).ids == (2, 4)
    assert made.with_filter(marks=[Mark.BORDER, Mark.NOTE]).ids == (2,)
    assert made.with_filter(marks=[Mark.CONFLICT]).ids == (5,)
    assert made.with_filter([PENDING], [2], [Mark.NOTE]).ids == (2,)
    noted = made.with_filter(marks=[Mark.NOTE])
    assert noted.with_marks(replace(marks, noted=frozenset({3}))).ids == (3,)
    assert noted.next().id == 2


@pytest.mark.parametrize("order", Order)
def test_no_decision_moves_another_region(order: Order) -> None:
    made = queue(current_id=2).with_order(order)
    before = made.ids
    for region_id in before:
        made = made.with_changes({region_id: ACCEPTED}).at_region(region_id)
        assert made.ids == before
    assert made.with_order(order).ids is not before


def test_a_path_is_planned_anew_only_when_it_is_chosen_again() -> None:
    made = queue(current_id=5).with_order(Order.PATH)
    assert made.ids[0] == 5
    moved = made.with_changes({5: REJECTED}).at_region(1)
    assert moved.ids == made.ids
    again = moved.with_order(Order.PATH)
    assert (again.ids[0], again.ids[-1]) == (1, 5)


def test_thousands_are_walked_as_a_list_would_be() -> None:
    """Against a queue of plain lists, through decisions, moves and filters at random."""
    rng = np.random.default_rng(0)
    regions = tuple(
        replace(table().regions[0], id=int(n), expected_error_volume=float(rng.random()))
        for n in rng.permutation(900)[:300] + 1
    )
    made = RegionQueue(replace(table(), regions=regions), {})
    order = sorted(regions, key=lambda r: (-r.expected_error_volume, r.id))
    statuses: dict[int, Status] = {}
    shown: list[Status] | None = None
    for _ in range(400):
        region = order[rng.integers(300)]
        statuses[region.id] = list(Status)[rng.integers(5)]
        made = made.with_changes({region.id: statuses[region.id]}).at_region(region.id)
        if rng.random() < 0.05:
            shown = None if rng.random() < 0.5 else [PENDING, DEFERRED]
            made = made.with_filter(shown)
        place = order.index(region)
        ring = order[place + 1 :] + order[:place]
        ring = [r for r in ring if shown is None or statuses.get(r.id, PENDING) in shown]
        pending = [r for r in ring if statuses.get(r.id, PENDING) is PENDING]
        assert made.next().id == pending[0].id
        assert made.next(undecided_only=False).id == ring[0].id
        assert made.previous().id == ring[-1].id
        decided = [r for r in regions if statuses.get(r.id, PENDING).is_decided]
        assert made.remaining == 300 - len(decided)
        total = sum(r.expected_error_volume for r in regions)
        share = sum(r.expected_error_volume for r in decided) / total
        assert made.resolved_share == pytest.approx(share)
    assert made.changed_since(made) == ()
    changed = made.with_changes({order[3].id: EDITED, order[1].id: EDITED, 99999: EDITED})
    differ = [r.id for r in (order[1], order[3]) if statuses.get(r.id) is not EDITED]
    assert changed.changed_since(made) == tuple(sorted(differ))


def test_what_stays_is_not_computed_again() -> None:
    made = queue(current_id=1)
    ids, columns = made.ids, made.columns
    later = made.with_changes({1: ACCEPTED}).at_region(3).with_statuses({3: REJECTED})
    assert later.ids is ids
    assert later.columns is columns
