"""Things that an ordinary scan does not hold: inclusions, delamination, metal, strong rings.

Positions are fractions of the reconstructed block, so that a scan of any size carries all of
them; attenuation is per micrometre, lengths are in voxels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from microstructure import BINDER, PARTICLE, PORE, Structure
from numpy.typing import NDArray
from particles import signed_distance, smooth_noise
from scipy import ndimage
from tomography import Geometry

__all__ = ["CHANNELS", "DefectParameters", "Flawed", "add_defects"]

CHANNELS = ("inclusion", "delamination", "metal", "metal_zone", "rings", "delamination_fringes")

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class DefectParameters:
    """Size and strength of the defects.

    Parameters
    ----------
    inclusion_radius_voxels : tuple of float
        Range of the radius of a foreign inclusion.
    inclusion_per_um, inclusion_spread : float
        Its attenuation, between binder and particle, and the relative spread of its texture.
    gap_voxels, lining_voxels : float
        Opening of the delamination and thickness of the binder skin on both its faces.
    fringe_sigma_voxels, fringe_per_um : float
        Width and height of the phase-contrast fringes.
    fringe_share : float
        The fringe mask holds what the fringes raise by more than this share of their height.
    metal_grains : int
        Number of metal grains.
    metal_radius_voxels : tuple of float
        Range of their radius.
    metal_per_um : float
        Their attenuation: tungsten just above its L edges (12.1 keV).
    zone_share : float
        The metal zone holds the voxels that the metal changes by more than this share of the
        contrast between pore and particle.
    ring_gain_error : float
        Relative standard deviation of the gain in the columns of the ring band.
    ring_columns : int
        Number of adjacent columns in the band.
    """

    inclusion_radius_voxels: tuple[float, float] = (13.0, 17.0)
    inclusion_per_um: float = 0.0097
    inclusion_spread: float = 0.09
    gap_voxels: float = 4.0
    lining_voxels: float = 3.5
    fringe_sigma_voxels: float = 1.2
    fringe_per_um: float = 0.006
    fringe_share: float = 0.3
    metal_grains: int = 9
    metal_radius_voxels: tuple[float, float] = (2.5, 6.0)
    metal_per_um: float = 0.40
    zone_share: float = 0.15
    ring_gain_error: float = 0.12
    ring_columns: int = 6


@dataclass(frozen=True)
class Flawed:
    """An object with defects.

    Parameters
    ----------
    labels : (Z, N, N) uint8
        Truth of the whole object.
    attenuation, attenuation_without_metal : (Z, N, N) float32
        Per micrometre.
    gain : (detector, Z) float32
        Relative detector gain.
    masks : dict of (Z, Y, X) bool
        Masks of the reconstructed block by channel name, all but ``metal_zone``.
    """

    labels: NDArray[np.uint8]
    attenuation: FloatArray
    attenuation_without_metal: FloatArray
    gain: FloatArray
    masks: dict[str, BoolArray]


@dataclass(frozen=True)
class _Layout:
    """Where the defects lie: fractions of the block, mirrored at random along each axis."""

    flip: tuple[bool, bool, bool]
    geometry: Geometry

    def place(self, fractions: tuple[float, float, float]) -> FloatArray:
        """Position in the object's grid, voxels."""
        z, y, x = (
            1 - part if flipped else part
            for part, flipped in zip(fractions, self.flip, strict=True)
        )
        geometry = self.geometry
        return np.array(
            [
                z * geometry.depth,
                y * geometry.width + geometry.margin,
                x * geometry.width + geometry.margin,
            ],
            dtype=np.float32,
        )

    def slices(self, low: float, high: float) -> slice:
        """Z range of a band."""
        ends = sorted(self.place((part, 0.5, 0.5))[0] for part in (low, high))
        return slice(round(float(ends[0])), max(round(float(ends[1])), round(float(ends[0])) + 2))


def add_defects(
    rng: np.random.Generator,
    structure: Structure,
    attenuation: FloatArray,
    gain: FloatArray,
    geometry: Geometry,
    parameters: DefectParameters,
) -> Flawed:
    """Return the object with all defects; the arguments stay as they are."""
    mirrored = rng.integers(0, 2, 3).astype(bool)
    layout = _Layout((bool(mirrored[0]), bool(mirrored[1]), bool(mirrored[2])), geometry)
    labels, attenuation = structure.labels.copy(), attenuation.copy()
    inclusion = _add_inclusions(rng, labels, attenuation, layout, parameters)
    gap, fringes = _add_delamination(rng, structure, labels, attenuation, layout, parameters)
    without_metal = attenuation.copy()
    metal = _add_metal(rng, labels, attenuation, layout, parameters)
    gain, rings = _add_rings(rng, gain, layout, parameters)
    whole = {
        "inclusion": inclusion & ~gap & ~metal,
        "delamination": (gap | fringes) & ~metal,
        "metal": metal,
        "delamination_fringes": fringes & ~gap & ~metal,
    }
    masks = {name: geometry.crop(mask).astype(bool) for name, mask in whole.items()}
    masks["rings"] = rings
    return Flawed(labels, attenuation, without_metal, gain, masks)


def _radius_from(centre: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    z, y, x = (np.arange(size, dtype=np.float32) - c for size, c in zip(shape, centre, strict=True))
    distance: FloatArray = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x[None, :] ** 2)
    return distance


def _add_inclusions(
    rng: np.random.Generator,
    labels: NDArray[np.uint8],
    attenuation: FloatArray,
    layout: _Layout,
    parameters: DefectParameters,
) -> BoolArray:
    """Two irregular foreign bodies with a grainy texture of their own; truth: particle."""
    shape = labels.shape
    lumps = 2.0 * smooth_noise(rng, shape, 5.0)
    texture = smooth_noise(rng, shape, 1.2) + 0.6 * smooth_noise(rng, shape, 3.0)
    inside = np.zeros(shape, dtype=bool)
    # A small block cannot hold the full size beside the other defects.
    largest = layout.geometry.width / 10
    for fractions in ((0.72, 0.30, 0.28), (0.66, 0.72, 0.40)):
        z, y, x = (part + rng.uniform(-0.04, 0.04) for part in fractions)
        radius = min(rng.uniform(*parameters.inclusion_radius_voxels), largest)
        inside |= _radius_from(layout.place((z, y, x)), shape) + lumps < radius
    tone = parameters.inclusion_per_um * (1 + parameters.inclusion_spread * texture)
    attenuation[inside] = tone[inside]
    labels[inside] = PARTICLE
    return inside


def _add_delamination(
    rng: np.random.Generator,
    structure: Structure,
    labels: NDArray[np.uint8],
    attenuation: FloatArray,
    layout: _Layout,
    parameters: DefectParameters,
) -> tuple[BoolArray, BoolArray]:
    """A gap between the particles of two halves, its faces edged by phase contrast.

    The particles are parted by a tilted plane and the gap runs where both halves are equally
    far, so it follows their surfaces. In-line phase contrast adds the Laplacian of the refractive
    decrement to a reconstruction (Cloetens et al., J. Phys. D 29 (1996) 133); here only the
    gap, whose flat faces act over a long path, has it.

    Returns
    -------
    gap, fringes : (Z, N, N) bool
        The opened voxels, and those that the fringes brighten.
    """
    shape = labels.shape
    height = _gap_coordinate(rng, structure, layout)
    along = _taper(layout, shape)
    core = (np.abs(height) < 0.5 * parameters.gap_voxels * along) & (along > 0.15)
    lining = np.abs(height) < 0.5 * parameters.gap_voxels * along + parameters.lining_voxels
    lining &= (labels == PORE) & (along > 0.15)
    labels[lining] = BINDER
    skin = attenuation[structure.labels == BINDER]
    attenuation[lining] = float(skin.mean())
    labels[core] = PORE
    attenuation[core] = 0.0
    curvature = ndimage.gaussian_laplace(
        core.astype(np.float32), parameters.fringe_sigma_voxels, truncate=3.5
    )
    fringe = parameters.fringe_per_um * curvature / np.percentile(curvature[curvature > 0.02], 90)
    attenuation += fringe
    return core, (fringe > parameters.fringe_share * parameters.fringe_per_um) & ~core


def _gap_coordinate(rng: np.random.Generator, structure: Structure, layout: _Layout) -> FloatArray:
    """Signed distance from the surface halfway between two halves of the particles."""
    origin = layout.place((0.6, 0.55 + rng.uniform(-0.05, 0.05), 0.72))
    normal = np.array([rng.uniform(-0.25, 0.25), rng.uniform(-0.45, 0.45), 1.0], dtype=np.float32)
    normal /= np.linalg.norm(normal)
    particles = structure.particles
    beyond = (particles.centres_voxels - origin) @ normal > 0
    shape = structure.labels.shape
    reach = 24.0
    near, _, _ = signed_distance(particles.subset(~beyond), shape, reach)
    far, _, _ = signed_distance(particles.subset(beyond), shape, reach)
    z, y, x = (np.arange(size, dtype=np.float32) - o for size, o in zip(shape, origin, strict=True))
    plane = (normal[0] * z)[:, None, None] + (normal[1] * y)[:, None] + (normal[2] * x)[None, :]
    halfway = 0.5 * (near - far)
    # Where no particle is near, both distances are cut at the reach and say nothing.
    halfway = np.where((near >= reach) & (far >= reach), plane, halfway)
    halfway = ndimage.gaussian_filter(halfway, 1.8, truncate=3.0)
    # Among three particles the difference rises slowly, which would widen the gap to a cavity.
    slope = np.sqrt(sum(np.square(part) for part in np.gradient(halfway)))
    halfway /= np.clip(slope, 0.4, 1.0)
    halfway += 0.5 * smooth_noise(rng, shape, 5.0)
    coordinate: FloatArray = halfway.astype(np.float32)
    return coordinate


def _taper(layout: _Layout, shape: tuple[int, ...]) -> FloatArray:
    """Opening of the gap along Z and Y, 0 to 1: it closes inside the block."""
    z0, y0, _ = layout.place((0.66, 0.5, 0.5))
    z = (np.arange(shape[0], dtype=np.float32) - z0) / (0.36 * layout.geometry.depth)
    y = (np.arange(shape[1], dtype=np.float32) - y0) / (0.47 * layout.geometry.width)
    opening = np.sqrt(np.clip(1 - z[:, None] ** 4 - y[None, :] ** 4, 0, 1))
    return np.broadcast_to(opening[:, :, None], shape).astype(np.float32)


def _add_metal(
    rng: np.random.Generator,
    labels: NDArray[np.uint8],
    attenuation: FloatArray,
    layout: _Layout,
    parameters: DefectParameters,
) -> BoolArray:
    """Small grains of a heavy metal in a few slices; truth: particle."""
    shape = labels.shape
    band = layout.slices(0.10, 0.20)
    lumps = 0.7 * smooth_noise(rng, shape, 2.0)
    inside = np.zeros(shape, dtype=bool)
    low, high = parameters.metal_radius_voxels
    for radius in np.linspace(low, high, parameters.metal_grains):
        centre = layout.place((0.5, *rng.uniform(0.15, 0.85, 2)))
        centre[0] = rng.uniform(band.start, band.stop)
        inside |= _radius_from(centre, shape) + lumps < radius
    attenuation[inside] = parameters.metal_per_um
    labels[inside] = PARTICLE
    return inside


def _add_rings(
    rng: np.random.Generator, gain: FloatArray, layout: _Layout, parameters: DefectParameters
) -> tuple[FloatArray, BoolArray]:
    """Gain errors of a few adjacent columns over a range of slices, and the ring they paint."""
    geometry = layout.geometry
    rows = layout.slices(0.34, 0.52)
    start = geometry.diameter // 2 + round(geometry.width * rng.uniform(0.20, 0.32))
    columns = slice(start, start + parameters.ring_columns)
    signs = np.where(np.arange(parameters.ring_columns) % 4 < 2, 1.0, -1.0)
    error = parameters.ring_gain_error * signs * rng.uniform(0.7, 1.3, parameters.ring_columns)
    gain = gain.copy()
    gain[columns, rows] *= 1.0 + error.astype(np.float32)[:, None]
    axis = np.arange(geometry.width) + geometry.margin - (geometry.diameter - 1) / 2
    radius = np.hypot(axis[:, None], axis[None, :])
    inner = start - (geometry.diameter - 1) / 2
    annulus = (radius > inner - 1) & (radius < inner + parameters.ring_columns)
    mask = np.zeros((geometry.depth, geometry.width, geometry.width), dtype=bool)
    mask[rows] = annulus
    return gain, mask
