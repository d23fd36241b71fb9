from __future__ import annotations

import numpy as np
import pytest
from particles import (
    Particles,
    SizeDistribution,
    pack_particles,
    signed_distance,
    smooth_noise,
    window_around,
)

SPHERES = np.broadcast_to(np.eye(3, dtype=np.float32), (2, 3, 3))


def two_spheres(gap: float) -> Particles:
    centres = np.array([[20, 20, 14], [20, 20, 30 + gap]], dtype=np.float32)
    return Particles(centres, np.array([8, 8], dtype=np.float32), SPHERES)


def test_distance_of_a_sphere_is_exact() -> None:
    distance, _, owner = signed_distance(two_spheres(3.0), (40, 40, 48), 10.0)
    z, y, x = np.indices((40, 40, 48), dtype=float)
    each = [np.sqrt((z - 20) ** 2 + (y - 20) ** 2 + (x - c) ** 2) - 8 for c in (14, 33)]
    expected = np.minimum(np.minimum(*each), 10)
    np.testing.assert_allclose(distance, expected, atol=1e-4)
    np.testing.assert_array_equal(owner[expected < 9.99] == 1, (each[1] < each[0])[expected < 9.99])
    assert owner[0, 0, 0] == -1


def test_union_follows_its_formula_and_bridges_only_close_spheres() -> None:
    length, reach = 5.0, 25.0
    near, union, _ = signed_distance(two_spheres(3.0), (40, 40, 48), reach, length)
    far = np.exp(-reach / length)
    halfway = 1.5
    expected = -length * np.log(2 * np.exp(-halfway / length) - far)
    assert near[20, 20, 23] == pytest.approx(1, abs=1e-4)
    between = (union[20, 20, 23] + union[20, 20, 24]) / 2
    assert between == pytest.approx(expected, abs=0.1)
    assert np.all(union <= near + 1e-3)
    _, apart, _ = signed_distance(two_spheres(12.0), (40, 40, 60), reach, length)
    assert between < 0 < apart[20, 20, 28]


def test_an_ellipsoid_keeps_its_volume() -> None:
    matrix = np.diag(np.array([4.0, 1.0, 0.25], dtype=np.float32))[None]
    centre = np.array([[24.3, 23.6, 24.2]], dtype=np.float32)
    one = Particles(centre, np.array([10.0], dtype=np.float32), matrix)
    distance, _, _ = signed_distance(one, (48, 48, 48), 12.0)
    assert (distance < 0).sum() == pytest.approx(4 / 3 * np.pi * 1000, rel=0.02)


def test_packing_is_dense_and_overlaps_little(rng: np.random.Generator) -> None:
    sizes = SizeDistribution()
    packed = pack_particles(rng, (60, 90, 90), sizes, 0.55)
    centres, radii = packed.centres_voxels.astype(float), packed.radii_voxels.astype(float)
    summed = (4 / 3 * np.pi * radii**3).sum() / (84 * 114 * 114)
    assert 0.45 < summed <= 0.55
    low, high = sizes.radius_range_voxels
    assert low <= radii.min() <= radii.max() <= high
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    overlap = radii[:, None] + radii[None] - apart
    np.fill_diagonal(overlap, 0)
    assert overlap.max() < 0.3 * sizes.median_radius_voxels
    assert np.mean(np.sum(overlap > -1, axis=1) > 1) > 0.8


def test_radii_are_lognormal(rng: np.random.Generator) -> None:
    sizes = SizeDistribution(median_radius_voxels=5.0, radius_range_voxels=(1.0, 50.0))
    radii = pack_particles(rng, (70, 70, 70), sizes, 0.3).radii_voxels
    logarithm = np.log(radii)
    assert np.exp(logarithm.mean()) == pytest.approx(5.0, rel=0.1)
    assert logarithm.std() == pytest.approx(sizes.log_radius_sigma, rel=0.15)


def test_smooth_noise_has_unit_spread_and_the_stated_length(rng: np.random.Generator) -> None:
    for length in (1.2, 4.0, 9.0):
        field = smooth_noise(rng, (64, 96, 96), length)
        assert field.shape == (64, 96, 96)
        assert field.dtype == np.float32
        assert field.std() == pytest.approx(1.0, abs=0.25)
        lag = round(length * 2)
        # White noise under a Gaussian of sigma s: correlation exp(-lag^2 / 4 s^2).
        correlation = np.corrcoef(field[:, :, lag:].ravel(), field[:, :, :-lag].ravel())[0, 1]
        assert correlation == pytest.approx(np.exp(-(lag**2) / (4 * length**2)), abs=0.15)


def test_a_window_outside_the_volume_is_none() -> None:
    centre = np.array([5.0, 5.0, -9.0], dtype=np.float32)
    assert window_around(centre, 3.0, (10, 10, 10)) is None
    assert window_around(centre, 12.0, (10, 10, 10)) == (slice(0, 10), slice(0, 10), slice(0, 4))
