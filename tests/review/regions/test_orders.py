from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.numerics.tours import tour_length
from napari_bayesseg.review.regions.orders import SLICE_COST, Order, rank_regions
from napari_bayesseg.review.regions.region_columns import RegionColumns

SPACING = (2.0, 0.5, 0.5)


def make_region(number: int, position: tuple[int, int, int], **changes: object) -> Region:
    values = {
        "id": number,
        "box": Roi(position, tuple(p + 3 for p in position)),
        "voxel_count": 20,
        "volume": 10.0,
        "expected_error_volume": 100.0 / number,
        "mean": 0.2,
        "p95": 0.4,
        "maximum": 0.5,
        "position": position,
        "classes": (0,),
        "touches_border": False,
        **changes,
    }
    return Region(**values)


def many(count: int, seed: int = 0) -> RegionColumns:
    """Regions anywhere, their ids with gaps and in no order."""
    rng = np.random.default_rng(seed)
    ids = rng.permutation(3 * count)[:count] + 1
    return RegionColumns(
        tuple(
            make_region(
                int(number),
                tuple(rng.integers(0, (100, 400, 400)).tolist()),
                voxel_count=int(rng.integers(1, 27)),
                expected_error_volume=float(rng.gamma(1.0)),
                maximum=float(rng.random()),
                classes=tuple(rng.permutation(4)[: rng.integers(1, 4)].tolist()),
                touches_border=bool(rng.random() < 0.1),
            )
            for number in ids
        )
    )


@pytest.mark.parametrize("order", Order)
def test_each_order_holds_every_region_once_whatever_order_they_come_in(order: Order) -> None:
    columns = many(200)
    shuffled = RegionColumns(tuple(reversed(columns.regions)))
    ranked = columns.ids[rank_regions(columns, order, spacing=SPACING)]
    assert sorted(ranked.tolist()) == sorted(columns.ids.tolist())
    again = shuffled.ids[rank_regions(shuffled, order, spacing=SPACING)]
    if order is not Order.PATH:  # a path may be another one of the same quality
        np.testing.assert_array_equal(ranked, again)
    assert rank_regions(RegionColumns(()), order).size == 0


def test_a_path_begins_here_and_scrolls_little() -> None:
    columns = many(400)
    start = (50, 200, 200)
    path = rank_regions(columns, Order.PATH, spacing=SPACING, start=start)
    scale = np.array(SPACING) * (SLICE_COST, 1, 1)
    places, here = columns.positions * scale, (np.array(start) * scale).tolist()
    by_slice = rank_regions(columns, Order.POSITION)
    assert tour_length(places, here, path) < 0.5 * tour_length(places, here, by_slice)
    slices = np.abs(np.diff(columns.positions[path, 0])).sum()
    by_error = rank_regions(columns, Order.EXPECTED_ERROR)
    assert slices < 0.15 * np.abs(np.diff(columns.positions[by_error, 0])).sum()
    at = columns.regions[123].position
    begun = rank_regions(columns, Order.PATH, spacing=SPACING, start=at)
    assert columns.regions[begun[0]].position == at


def test_a_path_leaves_what_is_decided_for_the_end() -> None:
    columns = many(100)
    later = np.random.default_rng(1).random(100) < 0.4
    path = rank_regions(columns, Order.PATH, later=later)
    assert not later[path[: np.count_nonzero(~later)]].any()
    assert later[path[np.count_nonzero(~later) :]].all()


def test_twenty_look_alikes_do_not_lead() -> None:
    """Twenty of a row with the most expected error; three other kinds far behind."""
    alike = [make_region(n, (10, 10 * n, 20), expected_error_volume=50.0 - n) for n in range(1, 21)]
    flat = [
        make_region(
            n,
            (60, 7 * n, 300),
            box=Roi((60, 7 * n, 300), (61, 7 * n + 20, 320)),
            voxel_count=300,
            expected_error_volume=5.0,
            classes=(2, 1),
        )
        for n in range(21, 26)
    ]
    border = [
        make_region(n, (0, 9 * n, 9), expected_error_volume=3.0, touches_border=True, classes=(1,))
        for n in range(26, 31)
    ]
    sharp = [make_region(31, (90, 350, 380), expected_error_volume=2.0, mean=0.9, maximum=2.0)]
    columns = RegionColumns((*alike, *flat, *border, *sharp))
    plain = columns.ids[rank_regions(columns, Order.EXPECTED_ERROR)]
    assert plain[:20].tolist() == list(range(1, 21))
    ranked = columns.ids[rank_regions(columns, Order.DIVERSE, spacing=SPACING)].tolist()
    kinds = [0 if n <= 20 else 1 if n <= 25 else 2 if n <= 30 else 3 for n in ranked]
    assert ranked[0] == 1
    assert set(kinds[:6]) == {0, 1, 2, 3}
    assert kinds[:12].count(0) <= 7


def test_units_and_scale_do_not_change_what_is_diverse() -> None:
    columns = many(150)
    one = rank_regions(columns, Order.DIVERSE, spacing=SPACING)
    scaled = RegionColumns(
        tuple(replace(r, mean=1000 * r.mean, maximum=1000 * r.maximum) for r in columns.regions)
    )
    other = rank_regions(scaled, Order.DIVERSE, spacing=(2e3, 5e2, 5e2))
    np.testing.assert_array_equal(one, other)


def test_classes_come_one_after_the_other_the_worst_first() -> None:
    columns = many(300)
    ranked = [columns.regions[row] for row in rank_regions(columns, Order.CLASS)]
    mains = [region.classes[0] for region in ranked]
    groups = list(dict.fromkeys(mains))
    assert mains == sorted(mains, key=groups.index)
    totals = [sum(r.expected_error_volume for r in ranked if r.classes[0] == g) for g in groups]
    assert totals == sorted(totals, reverse=True)
    for group in groups:
        errors = [r.expected_error_volume for r in ranked if r.classes[0] == group]
        assert errors == sorted(errors, reverse=True)
