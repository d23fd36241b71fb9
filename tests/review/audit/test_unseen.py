from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.review.audit.looked_at import LookedAt
from napari_bayesseg.review.audit.unseen import UnseenVoxels, waiting_regions
from napari_bayesseg.review.regions import maps_memory
from napari_bayesseg.review.regions.queue import RegionQueue
from napari_bayesseg.review.regions.region_source import RegionSource
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Status
from tests.results import GEOMETRY
from tests.review.cases import CLASSES, SHAPE, blocks, table_of, write_random_result
from tests.review.steps import decide

MAXIMA = {n: 0.1 * (n % 10) for n in range(1, 100)}
TABLE = table_of(blocks(), MAXIMA)
LABELS = np.asarray(TABLE.region_labels)
UPPER = 0.55
WHOLE = Roi.whole(SHAPE)


def unseen_of(review: Review, upper: float = UPPER) -> UnseenVoxels:
    queue = RegionQueue(TABLE, review.statuses(TABLE))
    return UnseenVoxels(
        review.result,
        RegionSource.read(review.result, "mutual_information"),
        TABLE.region_labels,
        waiting_regions(queue, upper),
        LookedAt(review.operations()),
        review.mask.labels,
    )


@pytest.fixture
def unseen(review: Review) -> UnseenVoxels:
    """A review in the middle: by their ids some regions were looked at, some were not."""
    decide(review, [5, 6], Status.ACCEPTED)  # in bulk, whatever their maxima
    decide(review, [1], Status.ACCEPTED)
    decide(review, [7], Status.REJECTED)
    decide(review, [2], Status.DEFERRED)
    return unseen_of(review)


def test_who_is_in_the_population(unseen: UnseenVoxels) -> None:
    waiting = {n for n in range(1, int(LABELS.max()) + 1) if MAXIMA[n] >= UPPER} - {5, 6, 1, 7}
    expected = ~np.isin(LABELS, sorted(waiting | {2, 1, 7}))
    assert {3, 4}.isdisjoint(waiting)
    np.testing.assert_array_equal(unseen.within(WHOLE), expected)


def test_what_was_not_processed_is_not_in_it(tmp_path: Path) -> None:
    result = write_random_result(tmp_path / "part.zarr", roi="1:4,10:60,20:90")
    with Review.open(result) as review:
        inside = unseen_of(review).within(WHOLE)
    outside = np.ones(SHAPE, bool)
    outside[1:4, 10:60, 20:90] = False
    assert not inside[outside].any()
    assert inside.any()


def test_numbers_of_the_population_are_those_of_numpy(unseen: UnseenVoxels) -> None:
    inside = unseen.within(WHOLE)
    sample = unseen.sample(20, seed=3)
    assert sample.population == inside.sum()
    expected = 1 - np.asarray(unseen.result.mean_probability).max(axis=0)
    assert sample.expected_error == pytest.approx(expected[inside].mean(), rel=1e-5)


def test_the_promise_is_about_the_label_that_stands(tmp_path: Path) -> None:
    """Where a review begins from a mask, its labels stand, and they may be unlikely."""
    result = write_random_result(tmp_path / "started.zarr")
    mask = np.random.default_rng(5).integers(0, len(CLASSES), SHAPE).astype(np.uint8)
    start = Volume.from_array(mask, GEOMETRY, name="mine")
    with Review.open(result, start=start) as review:
        decide(review, [7], Status.ACCEPTED)
        unseen = unseen_of(review)
        sample = unseen.sample(20, seed=3, slab_voxels=1)
    chosen = np.take_along_axis(np.asarray(result.mean_probability), mask[None].astype(int), 0)[0]
    inside = unseen.within(WHOLE)
    assert sample.expected_error == pytest.approx((1 - chosen[inside]).mean(), rel=1e-5)
    assert sample.labels == tuple(int(mask[place]) for place in sample.places)


def test_places_follow_from_the_seed_and_not_from_the_slabs(unseen: UnseenVoxels) -> None:
    sample = unseen.sample(50, seed=11)
    assert unseen.sample(50, seed=11, slab_voxels=1) == sample
    assert unseen.sample(50, seed=12).places != sample.places
    inside = unseen.within(WHOLE)
    assert len(set(sample.places)) == 50
    assert all(inside[place] for place in sample.places)


def test_every_voxel_is_as_likely_as_any_other(unseen: UnseenVoxels) -> None:
    """Chi-square over cells of the volume, and over the order in which places are shown."""
    cells = np.zeros((5, 7, 13), int)
    expected = np.zeros((5, 7, 13))
    inside = unseen.within(WHOLE)
    for cell in np.ndindex(cells.shape):
        box = tuple(slice(c * s, (c + 1) * s) for c, s in zip(cell, (1, 10, 10), strict=True))
        expected[cell] = inside[box].sum()
    firsts = []
    for seed in range(100):
        places = unseen.sample(200, seed=seed).places
        firsts += [z for z, _, _ in places[:5]]
        np.add.at(cells, tuple(np.array(places).T // [[1], [10], [10]]), 1)
    expected *= cells.sum() / expected.sum()
    assert stats.chisquare(cells.ravel(), expected.ravel()).pvalue > 1e-3
    assert set(firsts) == set(range(5))


def test_few_none_and_stopped(unseen: UnseenVoxels, review: Review) -> None:
    nothing = replace(unseen.source, valid=np.zeros(SHAPE, bool))
    empty = replace(unseen, source=nothing).sample(5, seed=0)
    assert (empty.places, empty.population, empty.expected_error) == ((), 0, 0.0)
    few = np.zeros(SHAPE, bool)
    few[0, 0, :4] = True
    sample = replace(unseen, source=replace(unseen.source, valid=few)).sample(50, seed=0)
    assert sample.population == 4
    assert set(sample.places) == set(map(tuple, np.argwhere(few).tolist()))
    assert unseen.sample(5, seed=0, should_stop=lambda: True).places == ()
    with pytest.raises(SettingsError, match="at least one place"):
        unseen.sample(0, seed=0)


def test_a_result_larger_than_the_memory_gives_the_same_places(
    unseen: UnseenVoxels, monkeypatch
) -> None:
    monkeypatch.setattr(maps_memory, "available_memory", lambda: 1000)
    source = RegionSource.read(unseen.result, "mutual_information")
    assert not source.is_held
    assert replace(unseen, source=source).sample(20, seed=3) == unseen.sample(20, seed=3)
