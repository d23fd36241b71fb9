import itertools
import math

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.patch_metrics import (
    PatchCounts,
    PatchErrors,
    count_patches,
    counts_at,
)

TRUTH = np.array([[1, 2, 5, 7], [6, 4, 3, 3], [10, 9, 5, 0], [8, 6, 4, 4]])
PREDICTION = np.array([[1, 2, 4, 7], [5, 6, 3, 3], [10, 9, 4, 0], [8, 7, 3, 4]])
UNCERTAINTY = np.array(
    [[0.1, 0.3, 0.6, 0.3], [0.7, 0.6, 0.2, 0.1], [0.2, 0.4, 0.5, 0.3], [0.1, 0.7, 0.6, 0.2]]
)


@pytest.mark.parametrize(
    ("form", "expected"), [("tiles", (2 / 3, 1 / 2, 3 / 4)), ("sliding", (1.0, 1.0, 0.5))]
)
@pytest.mark.parametrize("is_volume", [False, True])
def test_the_golden_case(form, expected, is_volume):
    """Of Mukhoti and Gal's and of LaBonte's own program; one patch mean is exactly 0.4."""
    maps = [PREDICTION, TRUTH, UNCERTAINTY]
    patch = (2, 2)
    if is_volume:
        maps, patch = [values[np.newaxis] for values in maps], (1, 2, 2)
    counts = count_patches(*maps, patch_shape=patch, uncertainty_threshold=0.4, form=form)
    found = counts.accurate_given_certain, counts.uncertain_given_inaccurate, counts.pavpu
    assert found == expected


def loops(prediction, truth, uncertainty, patch, threshold, form):
    """Count as the definition reads."""
    step = patch if form == "tiles" else (1,) * len(patch)
    ranges = [
        range(0, size - length + 1, by)
        for size, length, by in zip(truth.shape, patch, step, strict=True)
    ]
    anchors = list(itertools.product(*ranges))
    if form == "sliding":
        anchors = anchors[:-1]
    tally = {}
    for anchor in anchors:
        box = tuple(slice(a, a + n) for a, n in zip(anchor, patch, strict=True))
        accuracy = np.mean(prediction[box] == truth[box])
        doubt = np.mean(uncertainty[box])
        strict = form == "tiles"
        accurate = accuracy > 0.5 if strict else accuracy >= 0.5
        uncertain = doubt > threshold if strict else doubt >= threshold
        tally[accurate, uncertain] = tally.get((accurate, uncertain), 0) + 1
    kinds = itertools.product((True, False), (False, True))
    return PatchCounts(*(tally.get(kind, 0) for kind in kinds))


@pytest.mark.parametrize("form", ["tiles", "sliding"])
@pytest.mark.parametrize(
    ("shape", "patch"), [((7, 9), (2, 3)), ((5, 6, 7), (2, 2, 3)), ((1, 8, 8), (1, 4, 4))]
)
def test_any_shape_is_counted_as_defined(form, shape, patch, rng):
    truth = rng.integers(0, 2, shape)
    prediction = np.where(rng.random(shape) < 0.5, truth, 1 - truth)
    uncertainty = rng.random(shape)
    found = count_patches(
        prediction, truth, uncertainty, patch_shape=patch, uncertainty_threshold=0.5, form=form
    )
    assert found == loops(prediction, truth, uncertainty, patch, 0.5, form)


def test_what_nothing_can_be_divided_by_is_nan():
    everything = count_patches(
        TRUTH, TRUTH, UNCERTAINTY, patch_shape=(2, 2), uncertainty_threshold=0.0
    )
    assert math.isnan(everything.accurate_given_certain)
    assert math.isnan(everything.uncertain_given_inaccurate)
    assert everything.pavpu == 0
    assert math.isnan(PatchCounts(0, 0, 0, 0).pavpu)


def gathered(uncertainty, wrong, judged, patch=(2, 2, 3)):
    patches = PatchErrors(patch)
    patches.update(uncertainty, wrong, judged)
    return patches


@pytest.fixture
def maps(rng):
    shape = (8, 7, 10)
    uncertainty = (rng.random(shape) ** 3).astype(np.float32)
    return uncertainty, rng.random(shape) < 0.2 + 0.5 * uncertainty, np.ones(shape, bool)


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.2, 0.3, 1.0])
def test_gathered_patches_are_counted_as_those_in_memory(threshold, maps):
    uncertainty, wrong, judged = maps
    expected = count_patches(
        wrong.astype(int), np.zeros(wrong.shape, int), uncertainty,
        patch_shape=(2, 2, 3), uncertainty_threshold=threshold,
    )  # fmt: skip
    assert counts_at(gathered(uncertainty, wrong, judged).compute(), threshold) == expected


def test_slabs_in_any_order_give_the_whole(maps):
    whole = gathered(*maps)
    total = PatchErrors((2, 2, 3))
    for rows in (slice(6, 8), slice(0, 4), slice(4, 6)):
        total.merge(gathered(*(values[rows] for values in maps)))
    for name in ("values", "right", "wrong"):
        np.testing.assert_array_equal(
            getattr(total.compute(), name), getattr(whole.compute(), name)
        )
    assert total.mean == pytest.approx(whole.mean, rel=1e-6)


def test_only_judged_voxels_count(maps, rng):
    uncertainty, wrong, judged = maps
    judged[:2] = False
    judged[2:4] = rng.random((2, 7, 10)) < 0.5
    uncertainty[4, 0, 0] = np.nan
    spoilt = np.where(judged, uncertainty, 1e9), wrong | ~judged, judged
    found = gathered(*spoilt).compute()
    again = gathered(np.where(judged, uncertainty, np.nan), wrong & judged, judged).compute()
    np.testing.assert_array_equal(found.values, again.values)
    np.testing.assert_array_equal(found.wrong, again.wrong)
    box = np.s_[4:6, 0:2, 0:3]
    mean = np.nanmean(uncertainty[box].astype(float))
    assert np.min(np.abs(found.values - mean)) <= mean / 4096
    assert found.num_voxels == 3 * 3 * 3  # no patch in the first two planes


def test_refusals():
    with pytest.raises(SettingsError, match="one shape"):
        count_patches(TRUTH, TRUTH[:2], UNCERTAINTY, patch_shape=(2, 2), uncertainty_threshold=0)
    for patch in [(2,), (5, 2), (0, 2)]:
        with pytest.raises(SettingsError, match=r"fits into \(4, 4\)"):
            count_patches(TRUTH, TRUTH, UNCERTAINTY, patch_shape=patch, uncertainty_threshold=0)
