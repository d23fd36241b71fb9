from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scan
from defects import CHANNELS, DefectParameters
from scan import GreyScale, ScanParameters, make_scan
from scipy import ndimage
from tomography import Geometry


@pytest.fixture
def ordinary(small: Geometry) -> ScanParameters:
    return ScanParameters(geometry=small)


def test_one_seed_gives_one_scan(ordinary: ScanParameters) -> None:
    first, again, other = (make_scan(seed, ordinary) for seed in (21, 21, 22))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert np.any(first.image != other.image)
    assert np.any(first.labels != other.labels)


def test_an_ordinary_scan(ordinary: ScanParameters) -> None:
    made = make_scan(21, ordinary)
    assert made.image.shape == made.labels.shape == (16, 64, 64)
    assert made.image.dtype == np.uint16
    assert made.labels.dtype == np.uint8
    assert made.labels.max() == 2
    assert made.unseen is None


def test_classes_differ_in_grey_by_several_times_the_noise(ordinary: ScanParameters) -> None:
    wide = replace(ordinary, geometry=Geometry(depth=32, width=96))
    made = make_scan(21, wide)
    cores = [
        made.image[ndimage.binary_erosion(made.labels == label, iterations=2)].astype(float)
        for label in range(3)
    ]
    pore, particle, binder = (core.mean() for core in cores)
    assert pore + 350 < binder < particle - 350
    for core in cores:
        assert 25 < core.std() < 100


def test_defects_do_not_change_what_lies_far_from_them(ordinary: ScanParameters) -> None:
    plain = make_scan(21, ordinary)
    flawed = make_scan(21, replace(ordinary, defects=DefectParameters()))
    assert flawed.unseen is not None
    assert flawed.unseen.shape == (len(CHANNELS), 16, 64, 64)
    assert set(np.unique(flawed.unseen)) == {0, 1}
    assert flawed.unseen.any(axis=(1, 2, 3)).all()
    far = ~ndimage.binary_dilation(flawed.unseen.any(axis=0), iterations=4)
    difference = np.abs(flawed.image.astype(int) - plain.image)
    assert np.median(difference[far]) < 60 < np.median(difference[flawed.unseen[2] == 1])


def test_metal_zone_surrounds_the_metal(ordinary: ScanParameters) -> None:
    made = make_scan(21, replace(ordinary, defects=DefectParameters()))
    assert made.unseen is not None
    metal, zone = (made.unseen[CHANNELS.index(name)] == 1 for name in ("metal", "metal_zone"))
    assert not np.any(metal & zone)
    ring = ndimage.binary_dilation(metal) & ~metal
    assert zone[ring].mean() > 0.8
    slices = ndimage.binary_dilation(metal.any(axis=(1, 2)), iterations=6)
    assert not zone[~slices].any()


def test_grey_levels_are_clipped_to_their_window() -> None:
    levels = GreyScale().quantise(np.array([-1.0, 0.0, 0.0133, 0.4], dtype=np.float32))
    np.testing.assert_array_equal(levels, [0, 500, 1500, 4095])
    assert levels.dtype == np.uint16


def test_scans_vary_within_bounds(rng: np.random.Generator) -> None:
    drawn = [scan.vary(rng, ScanParameters()) for _ in range(200)]
    particle = [part.structure.particle_fraction for part in drawn]
    photons = [part.detector.photons for part in drawn]
    assert 0.46 < min(particle) < 0.48 < 0.52 < max(particle) < 0.54
    assert max(photons) / min(photons) > 1.4
    assert {part.voxel_size_um for part in drawn} == {0.5}
