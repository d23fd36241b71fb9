"""Regions against brute force, and the shell that must not be one region."""

import numpy as np
import pytest
from scipy import ndimage

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.numerics import regions as numeric_regions

CUBIC = (1.0, 1.0, 1.0)
EVERYWHERE = np.ones((3, 3, 3))


def find_regions(*maps, **options):
    """With the map of regions as an image."""
    regions, region_map = numeric_regions.find_regions(*maps, **options)
    return regions, np.asarray(region_map)


def noisy_maps(seed=0, shape=(24, 30, 36), smoothness=1.2):
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=shape), smoothness)
    measure = (field / field.std()).astype(np.float32)
    error = rng.random(shape).astype(np.float32)
    labels = rng.integers(0, 3, shape).astype(np.uint8)
    return measure, error, labels


def shell_with_bump():
    """A shell of even uncertainty, 0.4, with a place on it that rises to 0.69."""
    places = np.stack(np.meshgrid(*[np.arange(64) - 31.5] * 3, indexing="ij"))
    radius = np.linalg.norm(places, axis=0)
    shell = 0.4 * np.exp(-(((radius - 22) / 1.5) ** 2))
    away = np.linalg.norm(places - np.array([0, 0, 22])[:, None, None, None], axis=0)
    bump = 0.29 * np.exp(-((away / 3) ** 2))
    measure = (shell + bump).astype(np.float32)
    return measure, measure / 2, (radius < 22).astype(np.uint8), away


def test_a_bump_on_a_shell_is_its_own_region_and_the_shell_is_none():
    measure, error, labels, away = shell_with_bump()
    inside = measure > 0.1
    assert ndimage.label(inside, EVERYWHERE)[1] == 1
    regions, image = find_regions(measure, 0.1, error, labels, 1.0, CUBIC, max_extent=20.0)
    hot = max(regions, key=lambda region: region.maximum)
    assert away[hot.position] < 2
    core = away < 3
    assert np.mean(image[core & inside] == hot.id) > 0.95
    assert away[image == hot.id].max() < 12
    assert hot.classes in {(0, 1), (1, 0)}
    assert len(regions) > 8
    assert max(region.voxel_count for region in regions) < 0.1 * inside.sum()
    assert all(max(region.box.shape) <= 20 for region in regions)


def test_a_plateau_without_any_hot_spot_is_cut_too():
    measure = np.ones((40, 50, 60), dtype=np.float32)
    labels = np.zeros(measure.shape, dtype=np.uint8)
    regions, image = find_regions(measure, 0.5, measure, labels, 1.0, CUBIC)
    assert image.min() == 1
    assert 1 < len(regions) < 60
    assert all(max(region.box.shape) <= 32 for region in regions)
    assert sum(region.expected_error_volume for region in regions) == measure.size


@pytest.mark.parametrize("max_extent", [5.0, 12.0, None, 1e9])
@pytest.mark.parametrize("threshold", [-1.0, 0.5, 2.0])
def test_no_expected_error_is_lost(max_extent, threshold):
    measure, error, labels = noisy_maps()
    regions, image = find_regions(
        measure, threshold, error, labels, 0.25, CUBIC, max_extent=max_extent
    )
    above = measure > threshold
    np.testing.assert_array_equal(image > 0, above)
    total = sum(region.expected_error_volume for region in regions)
    assert total == pytest.approx(0.25 * error[above].sum(dtype=np.float64), rel=1e-12)
    assert sum(region.voxel_count for region in regions) == above.sum()
    for region in regions:
        assert ndimage.label(image[region.box.slices] == region.id, EVERYWHERE)[1] == 1


def test_uncut_components_are_those_of_scipy():
    measure, error, labels = noisy_maps(1)
    regions, image = find_regions(measure, 1.2, error, labels, 1.0, CUBIC, max_extent=1e9)
    expected, count = ndimage.label(measure > 1.2, EVERYWHERE)
    assert len(regions) == count
    pairs = np.unique(np.stack([expected.ravel(), image.ravel()]), axis=1)
    assert pairs.shape[1] == count + 1


def test_every_number_of_a_region_by_brute_force():
    measure, error, labels = noisy_maps(2)
    spacing = (2.0, 1.0, 0.5)
    regions, image = find_regions(measure, 0.8, error, labels, 1.0, spacing, max_extent=6.0)
    assert [region.id for region in regions] == list(range(1, len(regions) + 1))
    volumes = [region.expected_error_volume for region in regions]
    assert volumes == sorted(volumes, reverse=True)
    for region in regions:
        inside = image == region.id
        places = np.argwhere(inside)
        values = measure[inside].astype(np.float64)
        shares = np.bincount(labels[inside], minlength=3)
        assert region.box == Roi(tuple(places.min(axis=0)), tuple(places.max(axis=0) + 1))
        assert region.voxel_count == region.volume == inside.sum()
        assert region.expected_error_volume == pytest.approx(error[inside].sum(dtype=np.float64))
        assert region.mean == pytest.approx(values.mean())
        assert region.p95 == pytest.approx(np.percentile(values, 95))
        assert region.maximum == measure[region.position] == values.max()
        assert image[region.position] == region.id
        assert sorted(region.classes) == np.flatnonzero(shares).tolist()
        assert np.all(np.diff(shares[list(region.classes)]) <= 0)
        on_border = (places == 0) | (places == np.array(image.shape) - 1)
        assert region.touches_border == on_border.any()


def test_small_regions_are_dropped_on_request():
    measure, error, labels = noisy_maps(3)
    every, _ = find_regions(measure, 1.0, error, labels, 2.0, CUBIC)
    large, image = find_regions(measure, 1.0, error, labels, 2.0, CUBIC, min_volume=20.0)
    assert [r.volume for r in large] == [r.volume for r in every if r.volume >= 20.0]
    assert 0 < len(large) < len(every)
    assert image.max() == len(large)
    assert np.count_nonzero(image) == sum(region.voxel_count for region in large)


def test_nan_and_unpredicted_voxels_belong_to_no_region():
    measure, error, labels = noisy_maps(4)
    valid = np.ones(measure.shape, dtype=bool)
    valid[:10] = False
    measure[12] = np.nan
    _, image = find_regions(measure, 0.5, error, labels, 1.0, CUBIC, valid=valid)
    assert not image[:10].any()
    assert not image[12].any()
    assert image[10:].any()


def test_h_decides_whether_two_peaks_are_two_regions():
    x = np.arange(60)
    profile = np.maximum(np.exp(-(((x - 15) / 6.0) ** 2)), 0.9 * np.exp(-(((x - 35) / 6.0) ** 2)))
    measure = np.broadcast_to(profile + 0.2, (3, 3, 60)).astype(np.float32)
    labels = np.zeros(measure.shape, dtype=np.uint8)
    options = {"max_extent": 50.0}
    two, image = find_regions(measure, 0.1, measure, labels, 1.0, CUBIC, **options)
    assert sorted(region.position[2] for region in two) == [15, 35]
    # The pass between them is at 25.6; cuts run along cells of an eighth of the extent.
    assert len(np.unique(image[:, :, :24])) == len(np.unique(image[:, :, 26:])) == 1
    _, other = find_regions(measure, 0.1, measure, labels, 1.0, CUBIC, h=5.0, **options)
    assert len(np.unique(other[:, :, 26:])) == 2


def test_a_flat_image_touches_no_border_by_being_flat():
    measure = np.zeros((1, 20, 20), dtype=np.float32)
    measure[0, 5:8, 5:8] = 1.0
    measure[0, 15:, 3] = 1.0
    labels = np.zeros(measure.shape, dtype=np.uint16)
    regions, _ = find_regions(measure, 0.5, measure, labels, 1.0, CUBIC)
    assert [region.touches_border for region in regions] == [False, True]


def test_nothing_above_the_threshold():
    measure, error, labels = noisy_maps(5)
    regions, image = find_regions(measure, 1e9, error, labels, 1.0, CUBIC)
    assert regions == ()
    assert image.dtype == np.int32
    assert not image.any()


def test_the_same_input_gives_the_same_regions_and_is_left_alone():
    measure, error, labels = noisy_maps(6)
    before = measure.copy()
    first = find_regions(measure, 0.0, error, labels, 1.0, CUBIC, max_extent=10.0)
    again = find_regions(
        measure.astype(np.float64), 0.0, error, labels.astype(np.int64), 1.0, CUBIC, max_extent=10.0
    )
    assert first[0] == again[0]
    np.testing.assert_array_equal(first[1], again[1])
    np.testing.assert_array_equal(measure, before)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"expected_error": np.zeros((2, 3, 5))}, "one shape"),
        ({"spacing": (0.0, 1.0, 1.0)}, "spacing must be positive"),
        ({"max_extent": 0.0}, "max_extent must be positive"),
        ({"h": -1.0}, "h must be positive"),
    ],
)
def test_refusals(changes, message):
    maps = {"measure": np.ones((2, 3, 4)), "expected_error": np.ones((2, 3, 4))}
    others = {"labels": np.zeros((2, 3, 4), int), "voxel_volume": 1.0, "spacing": CUBIC}
    with pytest.raises(SettingsError, match=message):
        find_regions(**(maps | others | {"threshold": 0.5} | changes))
