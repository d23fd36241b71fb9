from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import ndimage

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.label_editing import (
    SMOOTHING_REACH,
    contour_labels,
    contour_of,
    smooth_labels,
    voxels_near,
)

SPACING = (2.0, 0.5, 0.5)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


def test_near_is_a_physical_distance(rng: np.random.Generator) -> None:
    inside = rng.random((5, 9, 10)) > 0.98
    near = voxels_near(inside, 1.0, SPACING)
    places = np.argwhere(inside) * SPACING
    for voxel in np.ndindex(inside.shape):
        away = np.linalg.norm(places - np.array(voxel) * SPACING, axis=1).min()
        assert near[voxel] == (away <= 1.0 + 1e-6)
    assert not voxels_near(np.zeros((2, 3, 4), bool), 1.0, SPACING).any()


def test_near_by_the_spacing_alone_reaches_the_next_voxel() -> None:
    inside = np.zeros((5, 5, 5), bool)
    inside[2, 2, 2] = True
    assert np.count_nonzero(voxels_near(inside, 0.1, (0.1, 0.1, 0.1))) == 7
    assert np.count_nonzero(voxels_near(inside, 0.5, SPACING)) == 5  # none in other slices


def brute_force(labels: np.ndarray, may_change: np.ndarray, sigma: float) -> np.ndarray:
    """Add up the weights voxel by voxel."""
    smoothed = labels.copy()
    reach = [int(SMOOTHING_REACH * sigma / step + 0.5) for step in SPACING]
    steps = list(itertools.product(*(range(-r, r + 1) for r in reach)))
    weights = np.array(
        [np.exp(-sum((d * s) ** 2 for d, s in zip(step, SPACING, strict=True)) / (2 * sigma**2))
         for step in steps]
    )  # fmt: skip
    last = np.array(labels.shape) - 1
    for voxel in np.argwhere(may_change):
        around = labels[tuple(np.clip(voxel + steps, 0, last).T)]
        votes = np.bincount(around, weights, 3) / weights.sum()
        if votes.max() > votes[labels[tuple(voxel)]] + 1e-5:
            smoothed[tuple(voxel)] = votes.argmax()
    return smoothed


@pytest.mark.parametrize("shape", [(4, 9, 11), (1, 12, 13)])
def test_smoothing_is_the_weighted_vote(rng: np.random.Generator, shape: tuple) -> None:
    labels = rng.integers(0, 3, shape).astype(np.uint8)
    may_change = rng.random(shape) > 0.3
    smoothed = smooth_labels(labels, may_change, 0.6, SPACING)
    assert smoothed.dtype == labels.dtype
    assert_array_equal(smoothed, brute_force(labels, may_change, 0.6))
    assert_array_equal(smoothed[~may_change], labels[~may_change])
    assert (smoothed != labels).any()


def test_planes_stay_and_specks_go() -> None:
    labels = np.zeros((6, 16, 16), np.uint8)
    labels[:, :, 8:] = 2
    everywhere = np.ones(labels.shape, bool)
    assert_array_equal(smooth_labels(labels, everywhere, 0.5, SPACING), labels)
    specks = labels.copy()
    specks[3, 4, 4], specks[2, 9, 12], specks[1, 4, 9] = 2, 1, 0
    assert_array_equal(smooth_labels(specks, everywhere, 0.5, SPACING), labels)


def test_smoothing_two_labels_is_monotone(rng: np.random.Generator) -> None:
    for _ in range(20):
        smaller = ndimage.gaussian_filter(rng.normal(size=(5, 14, 14)), 0.8) > 0.05
        larger = smaller | (rng.random(smaller.shape) > 0.9)
        may_change = rng.random(smaller.shape) > 0.2
        low, high = (
            smooth_labels(part.astype(np.uint8), may_change, 0.5, SPACING)
            for part in (smaller, larger)
        )
        assert (low <= high).all()


def test_smoothing_comes_to_rest_and_shortens_boundaries(rng: np.random.Generator) -> None:
    labels = rng.integers(0, 3, (6, 20, 20)).astype(np.uint8)
    everywhere = np.ones(labels.shape, bool)

    def energy(labels: np.ndarray) -> float:
        sets = [(labels == label).astype(float) for label in range(3)]
        widths = [0.5 / step for step in SPACING]
        spread = [ndimage.gaussian_filter(s, widths, mode="nearest") for s in sets]
        return sum(float(((1 - s) * w).sum()) for s, w in zip(sets, spread, strict=True))

    energies = [energy(labels)]
    for _ in range(100):
        smoothed = smooth_labels(labels, everywhere, 0.5, SPACING)
        if np.array_equal(smoothed, labels):
            break
        labels = smoothed
        energies.append(energy(labels))
    else:
        pytest.fail("it never came to rest")
    assert all(after < before for before, after in itertools.pairwise(energies))


def test_smoothing_depends_on_what_is_near_alone(rng: np.random.Generator) -> None:
    labels = rng.integers(0, 3, (12, 40, 40)).astype(np.uint8)
    may_change = np.zeros(labels.shape, bool)
    may_change[5:7, 15:24, 16:25] = True
    whole = smooth_labels(labels, may_change, 0.5, SPACING)
    part = (slice(4, 8), slice(11, 28), slice(12, 29))
    assert_array_equal(smooth_labels(labels[part], may_change[part], 0.5, SPACING), whole[part])


@pytest.fixture
def case(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Labels that follow smooth probabilities but for some noise; a region in the middle."""
    fields = ndimage.gaussian_filter(rng.normal(size=(3, 6, 20, 22)), (0, 0.7, 2, 2)) * 12
    probability = np.exp(fields) / np.exp(fields).sum(axis=0)
    labels = probability.argmax(axis=0)
    noise = rng.random(labels.shape) > 0.9
    labels = np.where(noise, rng.integers(0, 3, labels.shape), labels).astype(np.uint8)
    inside = np.zeros(labels.shape, bool)
    inside[2:4, 8:13, 9:12] = True
    may_change = voxels_near(inside, 3.0, (1.0, 1.0, 1.0))
    return labels, inside, may_change, probability


def flooded(start: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Spread voxel by voxel through what is allowed, from what touches the start."""
    reached = np.zeros_like(allowed)
    front = [tuple(voxel) for voxel in np.argwhere(start)]
    while front:
        voxel = front.pop()
        for step in itertools.product((-1, 0, 1), repeat=3):
            other = tuple(np.add(voxel, step))
            is_there = all(0 <= n < size for n, size in zip(other, allowed.shape, strict=True))
            if is_there and allowed[other] and not reached[other]:
                reached[other] = True
                front.append(other)
    return reached


@pytest.mark.parametrize("level", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("label", [0, 1, 2])
def test_a_contour_is_the_flooded_level_set(case: tuple, label: int, level: float) -> None:
    labels, inside, may_change, probability = case
    within = contour_of(labels, inside, may_change, probability, label, level)
    allowed = may_change & (probability[label] >= level)
    assert_array_equal(within, flooded(inside | (labels == label), allowed))
    changed = contour_labels(labels, within, may_change, probability, label)
    assert changed.dtype == labels.dtype
    assert_array_equal((changed == label)[may_change], within[may_change])
    assert_array_equal(changed[~may_change], labels[~may_change])
    leaves = may_change & ~within & (labels == label)
    others = probability.copy()
    others[label] = -1
    assert_array_equal(changed[leaves], others.argmax(axis=0)[leaves])
    kept = may_change & ~within & (labels != label)
    assert_array_equal(changed[kept], labels[kept])
    # Once more changes nothing.
    again = contour_of(changed, inside, may_change, probability, label, level)
    assert_array_equal(again, within)
    assert_array_equal(contour_labels(changed, again, may_change, probability, label), changed)


def test_a_lower_level_never_takes_a_voxel_away(case: tuple) -> None:
    labels, inside, may_change, probability = case
    levels = np.linspace(1.0, 0.05, 20)
    sets = [contour_of(labels, inside, may_change, probability, 1, level) for level in levels]
    sizes = [int(np.count_nonzero(within)) for within in sets]
    assert all((small <= large).all() for small, large in itertools.pairwise(sets))
    assert sizes[0] < sizes[-1]


def test_what_does_not_touch_is_left_out() -> None:
    labels = np.zeros((1, 3, 12), np.uint8)
    inside = np.zeros(labels.shape, bool)
    inside[0, 1, 2] = True
    probability = np.zeros((2, 1, 3, 12))
    probability[1, 0, 1, [1, 2, 3, 8, 9]] = 0.9
    probability[0] = 1 - probability[1]
    may_change = np.ones(labels.shape, bool)
    within = contour_of(labels, inside, may_change, probability, 1, 0.5)
    assert np.flatnonzero(within[0, 1]).tolist() == [1, 2, 3]
    labels[0, 2, 10] = 1  # an object of this class there, already
    within = contour_of(labels, inside, may_change, probability, 1, 0.5)
    assert np.flatnonzero(within[0, 1]).tolist() == [1, 2, 3, 8, 9]


@pytest.mark.parametrize("nothing", [0.0, np.nan])
def test_what_was_not_predicted_keeps_its_label(nothing: float) -> None:
    labels = np.ones((1, 2, 4), np.uint8)
    everywhere = np.ones(labels.shape, bool)
    probability = np.full((2, 1, 2, 4), nothing)
    probability[:, 0, :, :2] = [[[0.8, 0.3]], [[0.2, 0.7]]]
    within = contour_of(labels, everywhere, everywhere, probability, 1, 0.5)
    changed = contour_labels(labels, within, everywhere, probability, 1)
    assert_array_equal(changed[0], [[0, 1, 1, 1]] * 2)


@pytest.mark.parametrize(
    ("label", "level", "message"),
    [(3, 0.5, "from 0 to 2; got 3"), (-1, 0.5, "got -1"), (1, 0.0, "above 0 and up to 1; got 0.0")],
)
def test_no_class_or_level_is_refused(case: tuple, label: int, level: float, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        contour_of(*case, label, level)
