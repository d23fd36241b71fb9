"""Procedural microstructure of a porous electrode: particles, binder, pores, cracked particles.

Lengths are in voxels and axes run Z, Y, X throughout. Everything is drawn from a
`numpy.random.Generator`, so one seed gives one structure.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from particles import (
    Particles,
    SizeDistribution,
    Window,
    pack_particles,
    signed_distance,
    smooth_noise,
    window_around,
)
from scipy import ndimage

__all__ = [
    "BINDER",
    "PARTICLE",
    "PORE",
    "Structure",
    "StructureParameters",
    "make_structure",
]

PORE, PARTICLE, BINDER = 0, 1, 2

FloatArray = NDArray[np.float32]
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class StructureParameters:
    """What one structure is made of.

    Parameters
    ----------
    particle_fraction, binder_fraction : float
        Volume fractions; cracks then take a little of the particles.
    sizes : SizeDistribution
        Radii of the particles.
    roughness_voxels : float
        Standard deviation of the surface displacement.
    bridge_length_voxels : float
        Smoothing length of the binder bridges: two surfaces at a distance below
        ``2 ln(2) bridge_length_voxels`` are joined.
    bridge_level_spread_voxels : float
        Standard deviation of the level at which the smooth union is cut; it leaves some contacts
        without binder.
    smallest_bridge_voxels : int
        Pieces of binder below this volume are left out.
    cracked_share : float
        Share of the particles that carry a crack.
    crack_width_voxels : tuple of float
        Range of the opening of a crack in its middle.
    """

    particle_fraction: float = 0.50
    binder_fraction: float = 0.105
    sizes: SizeDistribution = field(default_factory=SizeDistribution)
    roughness_voxels: float = 1.1
    bridge_length_voxels: float = 7.0
    bridge_level_spread_voxels: float = 2.6
    smallest_bridge_voxels: int = 150
    cracked_share: float = 0.22
    crack_width_voxels: tuple[float, float] = (1.8, 3.2)


@dataclass(frozen=True)
class Structure:
    """A voxel structure and the particles it was made from.

    Parameters
    ----------
    labels : (Z, Y, X) uint8
        0 pore, 1 particle, 2 binder.
    owner : (Z, Y, X) int16
        Number of the nearest particle, -1 far from all.
    particles : Particles
        The particles.
    """

    labels: NDArray[np.uint8]
    owner: NDArray[np.int16]
    particles: Particles


def _crack(
    rng: np.random.Generator, structure: Structure, number: int, parameters: StructureParameters
) -> tuple[Window, NDArray[np.bool_]] | None:
    """Wavy, wedge-shaped crack through one particle: its window and the opened voxels."""
    centre = structure.particles.centres_voxels[number]
    radius = float(structure.particles.radii_voxels[number])
    window = window_around(centre, 1.3 * radius, structure.labels.shape)
    if window is None:
        return None
    normal, across = np.linalg.qr(rng.standard_normal((3, 2)))[0].T
    z, y, x = (
        (np.arange(part.start, part.stop) - middle) / radius
        for part, middle in zip(window, centre, strict=True)
    )
    grid = (z[:, None, None], y[None, :, None], x[None, None, :])
    height = sum(n * g for n, g in zip(normal, grid, strict=True))
    along = sum(a * g for a, g in zip(across, grid, strict=True))
    phase = rng.uniform(0, 2 * np.pi, 2)
    wave = 0.10 * np.sin(4.0 * along + phase[0]) + 0.04 * np.sin(11.0 * along + phase[1])
    opening = rng.uniform(*parameters.crack_width_voxels) / 2 / radius
    # The crack starts at one side of the particle and closes before the other.
    taper = np.clip((along + rng.uniform(-0.1, 0.7)) / 0.6, 0, 1)
    opened = np.abs(height + wave - rng.uniform(-0.35, 0.35)) < opening * taper
    return window, opened & (structure.owner[window] == number)


def _fraction_below(values: NDArray[np.floating], fraction: float) -> NDArray[np.bool_]:
    """Voxels below the level that `fraction` of all voxels lie below."""
    # Every 7th voxel tells the level; 7 shares no factor with the usual sizes.
    level = float(np.quantile(values.ravel()[::7], fraction))
    below: NDArray[np.bool_] = values < level
    return below


def make_structure(
    rng: np.random.Generator, shape: Shape, parameters: StructureParameters
) -> Structure:
    """Draw one structure of `shape` (Z, Y, X) from `rng`."""
    # Overlaps and clipping at the box take about a tenth of the summed volume.
    summed = 1.1 * parameters.particle_fraction
    particles = pack_particles(rng, shape, parameters.sizes, summed)
    length = parameters.bridge_length_voxels
    distance, union, owner = signed_distance(particles, shape, 14.0, length)
    rough = parameters.roughness_voxels * (
        0.8 * smooth_noise(rng, shape, 4.5) + 0.6 * smooth_noise(rng, shape, 2.0)
    )
    solid = _fraction_below(distance + rough, parameters.particle_fraction)
    uneven = parameters.bridge_level_spread_voxels * smooth_noise(rng, shape, 9.0)
    score = np.where(solid, np.float32(np.inf), union + 0.5 * rough - uneven)
    bridge = _fraction_below(score, parameters.binder_fraction)
    # A majority vote removes the slivers that a thresholded field leaves along the surfaces.
    chunky = ndimage.gaussian_filter(bridge.astype(np.float32), 2.0, truncate=3.0)
    bridge = (chunky > 0.42) & ~solid
    pieces, _ = ndimage.label(bridge)
    large = np.bincount(pieces.ravel()) >= parameters.smallest_bridge_voxels
    bridge &= large[pieces]
    labels = np.where(solid, PARTICLE, np.where(bridge, BINDER, PORE)).astype(np.uint8)
    structure = Structure(labels, owner, particles)
    cracked = rng.random(particles.radii_voxels.size) < parameters.cracked_share
    for number in np.flatnonzero(cracked & (particles.radii_voxels > 9)):
        crack = _crack(rng, structure, int(number), parameters)
        if crack is not None:
            window, opened = crack
            labels[window][opened & (labels[window] == PARTICLE)] = PORE
    return structure
