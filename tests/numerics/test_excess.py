"""An ordinary boundary must vanish and a foreign body stand out."""

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.boundary_distance import distance_to_boundary
from napari_bayesseg.numerics.excess import boundary_uncertainty, excess, usual_curve

CUBIC = (1.0, 1.0, 1.0)


def ball(shape=(48, 48, 48), radius=15.0, spacing=CUBIC):
    grid = np.stack(np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in shape), indexing="ij"))
    grid *= np.asarray(spacing)[:, None, None, None]
    return np.linalg.norm(grid, axis=0), (np.linalg.norm(grid, axis=0) < radius).astype(np.uint8)


@pytest.mark.parametrize("spacing", [CUBIC, (2.0, 1.0, 0.5)])
def test_an_ordinary_shell_vanishes(spacing):
    _, labels = ball((32, 48, 80), 12.0, spacing)
    distances = distance_to_boundary(labels, spacing)
    measure = (0.69 * np.exp(-(distances - min(spacing)) / 1.5)).astype(np.float32)
    found = excess(measure, labels, spacing)
    assert np.abs(found).max() < 0.05 * measure.max()
    assert np.abs(found).mean() < 0.002


def test_a_foreign_body_stands_out_of_the_shell():
    radius, labels = ball()
    distances = distance_to_boundary(labels, CUBIC)
    measure = (0.69 * np.exp(-(distances - 1) / 1.5)).astype(np.float32)
    foreign = np.zeros(labels.shape, dtype=bool)
    foreign[24:28, 24:28, 30:34] = True
    measure[foreign] = np.maximum(measure[foreign], 0.2)
    assert 6 < radius[foreign].min() < radius[foreign].max() < 14
    found = excess(measure, labels, CUBIC)
    assert found[foreign].mean() > 10 * np.abs(found[~foreign]).max() > 0
    # The plain measure would rank the shell above it.
    assert measure[~foreign].max() > measure[foreign].max()


def test_the_excess_averages_to_zero_over_each_distance():
    rng = np.random.default_rng(0)
    _, labels = ball()
    measure = rng.random(labels.shape).astype(np.float32)
    found = excess(measure, labels, CUBIC)
    assert abs(found.mean(dtype=np.float64)) < 1e-3
    curve = usual_curve(found, distance_to_boundary(labels, CUBIC), 0.5)
    assert np.abs(curve.means).max() < 0.03


def test_the_curve_is_that_of_plain_averages():
    _, labels = ball()
    distances = distance_to_boundary(labels, CUBIC)
    measure = np.random.default_rng(1).random(labels.shape).astype(np.float32)
    curve = usual_curve(measure, distances, 0.5)
    assert curve.counts.sum() == labels.size
    assert np.all(curve.counts >= 0.002 * labels.size)
    assert np.all(np.diff(curve.distances) > 0)
    nearest = distances < 1.5
    assert curve.counts[0] == nearest.sum()
    assert curve.means[0] == pytest.approx(measure[nearest].mean(dtype=np.float64), rel=1e-6)
    total = (curve.means * curve.counts).sum()
    assert total == pytest.approx(measure.sum(dtype=np.float64), rel=1e-6)
    assert curve.at(np.array([-1.0, 1e9])).tolist() == [curve.means[0], curve.means[-1]]


def test_distances_handed_over_save_time_and_change_nothing():
    _, labels = ball((20, 20, 20), 6.0)
    measure = np.random.default_rng(2).random(labels.shape)
    distances = distance_to_boundary(labels, CUBIC)
    again = excess(measure, labels, CUBIC, distances=distances)
    np.testing.assert_array_equal(again, excess(measure, labels, CUBIC))


def test_unpredicted_and_nan_voxels_stay_nan_and_count_for_nothing():
    _, labels = ball((24, 24, 24), 8.0)
    measure = np.random.default_rng(3).random(labels.shape).astype(np.float32)
    whole = excess(measure[:12], labels[:12], CUBIC)
    valid = np.zeros(labels.shape, dtype=bool)
    valid[:12] = True
    found = excess(measure, labels, CUBIC, valid=valid)
    assert np.isnan(found[12:]).all()
    np.testing.assert_allclose(found[:12], whole, atol=1e-6)
    measure[0, 0, 0] = np.nan
    assert np.isnan(excess(measure, labels, CUBIC)).sum() == 1
    nothing = excess(measure, labels, CUBIC, valid=np.zeros_like(valid))
    assert np.isnan(nothing).all()


def test_one_class_only_leaves_the_measure_without_its_mean():
    measure = np.random.default_rng(4).random((8, 9, 10))
    found = excess(measure, np.zeros(measure.shape, dtype=np.uint8), CUBIC)
    np.testing.assert_allclose(found, measure - measure.mean(), atol=1e-6)


@pytest.mark.parametrize("spacing", [CUBIC, (2.0, 1.0, 0.5)])
def test_a_flat_boundary_that_is_off_by_a_known_shift(spacing):
    # Half of the voxels beside the boundary are wrong: 0.4 of a layer in all.
    labels = np.zeros((10, 10, 20), dtype=np.uint8)
    labels[:, :, 10:] = 1
    error = np.zeros(labels.shape, dtype=np.float32)
    error[:, :, 9:11] = 0.2
    error[0, 0, 0] = np.nan
    error[5, 5, 0] = 1.0  # beyond the shell
    found = boundary_uncertainty(error, labels, spacing)
    assert found.num_faces == 100
    assert found.voxels == pytest.approx(0.4)
    assert found.length == pytest.approx(0.4 * spacing[2])
    assert found.area == pytest.approx(100 * spacing[0] * spacing[1])


def test_no_boundary_no_number():
    flat = np.zeros((4, 4, 4), dtype=np.uint8)
    found = boundary_uncertainty(np.ones(flat.shape), flat, CUBIC)
    assert found.num_faces == 0
    assert np.isnan(found.voxels)
    assert np.isnan(found.length)


def test_refusals():
    labels = np.zeros((4, 4, 4), dtype=np.uint8)
    with pytest.raises(SettingsError, match="one shape"):
        excess(np.zeros((4, 4, 5)), labels, CUBIC)
    with pytest.raises(SettingsError, match="bin_width"):
        excess(np.zeros((4, 4, 4)), labels, CUBIC, bin_width=0.0)
    with pytest.raises(SettingsError, match="one shape"):
        boundary_uncertainty(np.zeros((4, 4, 5)), labels, CUBIC)
