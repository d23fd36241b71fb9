"""Rough ellipsoidal particles: packing, distance to their surfaces, random fields.

Lengths are in voxels and axes run Z, Y, X throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

__all__ = [
    "Particles",
    "SizeDistribution",
    "Window",
    "pack_particles",
    "signed_distance",
    "smooth_noise",
    "window_around",
]

FloatArray = NDArray[np.float32]
Shape = tuple[int, int, int]
Window = tuple[slice, slice, slice]


@dataclass(frozen=True)
class SizeDistribution:
    """Lognormal distribution of the particle radius.

    Parameters
    ----------
    median_radius_voxels, log_radius_sigma : float
        Median, and standard deviation of the natural logarithm.
    radius_range_voxels : tuple of float
        Radii are clipped to this range.
    """

    median_radius_voxels: float = 12.5
    log_radius_sigma: float = 0.32
    radius_range_voxels: tuple[float, float] = (6.0, 26.0)


@dataclass(frozen=True)
class Particles:
    """Rough ellipsoids.

    Parameters
    ----------
    centres_voxels : (P, 3) float32
        Centres, Z, Y, X; they may lie outside the box.
    radii_voxels : (P,) float32
        Radius of the sphere of the same volume.
    shapes : (P, 3, 3) float32
        Symmetric matrices M; the surface is ``sqrt(d M d) = 1`` with ``d = (r - c) / radius``.
    """

    centres_voxels: FloatArray
    radii_voxels: FloatArray
    shapes: FloatArray

    def subset(self, chosen: NDArray[np.bool_]) -> Particles:
        """Return the particles where `chosen` (P,) is true."""
        return Particles(
            self.centres_voxels[chosen], self.radii_voxels[chosen], self.shapes[chosen]
        )


def smooth_noise(rng: np.random.Generator, shape: Shape, length_voxels: float) -> FloatArray:
    """Gaussian random field of mean 0 and standard deviation 1.

    Drawn on a coarser grid and interpolated, since a wide filter at full resolution costs more
    than the rest of the structure.

    Returns
    -------
    (Z, Y, X) float32
        The field; `length_voxels` is the sigma of its smoothing kernel.
    """
    step = max(1, int(length_voxels / 1.5))
    coarse_shape = tuple(size // step + 4 for size in shape)
    coarse = rng.standard_normal(coarse_shape, dtype=np.float32)
    coarse = ndimage.gaussian_filter(coarse, length_voxels / step, mode="wrap", truncate=3.0)
    coarse /= coarse.std()
    for axis, size in enumerate(shape):
        coarse = _interpolate_axis(coarse, axis, size, step)
    return coarse


def _interpolate_axis(values: FloatArray, axis: int, size: int, step: int) -> FloatArray:
    if step == 1:
        return np.take(values, np.arange(size), axis=axis)
    position = np.arange(size) / step
    low = position.astype(np.intp)
    weight_shape = [1, 1, 1]
    weight_shape[axis] = size
    weight = (position - low).astype(np.float32).reshape(weight_shape)
    lower, upper = np.take(values, low, axis=axis), np.take(values, low + 1, axis=axis)
    between: FloatArray = lower + weight * (upper - lower)
    return between


def pack_particles(
    rng: np.random.Generator,
    shape: Shape,
    sizes: SizeDistribution,
    fraction: float,
    margin_voxels: float = 12.0,
) -> Particles:
    """Pack lognormal particles into a box by pushing overlapping spheres apart.

    The box is larger than `shape` by `margin_voxels` on every side, so that the packing is as
    dense at the border of the volume as inside. `fraction` is the summed volume of the particles
    over that of the box.
    """
    box = np.asarray(shape, dtype=float) + 2 * margin_voxels
    target = fraction * float(np.prod(box))
    draws = max(64, int(4 * target / (4.19 * sizes.median_radius_voxels**3)))
    radii = sizes.median_radius_voxels * np.exp(sizes.log_radius_sigma * rng.standard_normal(draws))
    radii = np.clip(radii, *sizes.radius_range_voxels)
    volumes = 4 / 3 * np.pi * radii**3
    radii = radii[: max(2, int(np.searchsorted(np.cumsum(volumes), target)))]
    centres = rng.uniform(0, 1, (radii.size, 3)) * box
    for _ in range(150):
        centres = np.clip(centres + _repulsion(centres, radii), 0, box)
    shapes = _random_ellipsoids(rng, radii.size)
    return Particles((centres - margin_voxels).astype(np.float32), radii.astype(np.float32), shapes)


def _repulsion(centres: NDArray[np.float64], radii: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half of each overlap as a displacement of both partners."""
    pairs = cKDTree(centres).query_pairs(2.0 * float(radii.max()), output_type="ndarray")
    first, second = pairs[:, 0], pairs[:, 1]
    apart = centres[first] - centres[second]
    distance = np.linalg.norm(apart, axis=1) + 1e-6
    overlap = np.maximum(radii[first] + radii[second] - distance, 0.0)
    push = (0.5 * overlap / distance)[:, None] * apart
    shift = np.zeros_like(centres)
    np.add.at(shift, first, push)
    np.add.at(shift, second, -push)
    return shift


def _random_ellipsoids(rng: np.random.Generator, count: int) -> FloatArray:
    rotations, _ = np.linalg.qr(rng.standard_normal((count, 3, 3)))
    log_axes = rng.normal(0.0, 0.13, (count, 3))
    log_axes -= log_axes.mean(axis=1, keepdims=True)
    scale = np.exp(-2.0 * log_axes)
    shapes: FloatArray = np.einsum("pij,pj,pkj->pik", rotations, scale, rotations).astype("f4")
    return shapes


def signed_distance(
    particles: Particles, shape: Shape, reach_voxels: float, blend_length_voxels: float = 5.0
) -> tuple[FloatArray, FloatArray, NDArray[np.int16]]:
    """Return the distance to the nearest smooth particle surface and the smooth union of all.

    The distance from an ellipsoid is ``radius (sqrt(d M d) - 1)`` with d in units of the radius:
    exact for a sphere, within the aspect ratio otherwise.

    Returns
    -------
    distance : (Z, Y, X) float32
        Negative inside a particle, `reach_voxels` far from all.
    union : (Z, Y, X) float32
        ``-k ln sum_i exp(-distance_i / k)`` with k = `blend_length_voxels`: lower than `distance`
        between close particles, equal to it elsewhere.
    owner : (Z, Y, X) int16
        Number of the nearest particle, -1 beyond the reach.
    """
    distance = np.full(shape, reach_voxels, dtype=np.float32)
    far = float(np.exp(-reach_voxels / blend_length_voxels))
    weight = np.full(shape, far, dtype=np.float32)
    owner = np.full(shape, -1, dtype=np.int16)
    for number, (centre, radius, matrix) in enumerate(
        zip(particles.centres_voxels, particles.radii_voxels, particles.shapes, strict=True)
    ):
        # No axis of an ellipsoid is longer than about 1.45 radii.
        window = window_around(centre, 1.45 * float(radius) + reach_voxels, shape)
        if window is None:
            continue
        own = np.sqrt(_quadratic_form(window, centre, matrix)) - radius
        # Deep inside, exp would overflow float32 for nothing.
        gain = np.exp(-np.maximum(own, -12 * blend_length_voxels) / blend_length_voxels)
        weight[window] += np.maximum(gain - far, 0)
        nearer = own < distance[window]
        owner[window][nearer] = number
        np.minimum(distance[window], own, out=distance[window])
    union: FloatArray = -np.float32(blend_length_voxels) * np.log(weight)
    return distance, union, owner


def window_around(centre: FloatArray, extent: float, shape: Shape) -> Window | None:
    """Return the part of a volume within `extent` voxels of `centre` along each axis, if any."""
    low = np.maximum(np.floor(centre - extent), 0).astype(int)
    high = np.minimum(np.ceil(centre + extent) + 1, shape).astype(int)
    if np.any(low >= high):
        return None
    return slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])


def _quadratic_form(window: Window, centre: FloatArray, matrix: FloatArray) -> FloatArray:
    """``(r - c) M (r - c)`` on the voxels of a window, built from its planes for speed."""
    z, y, x = (
        np.arange(part.start, part.stop, dtype=np.float32) - middle
        for part, middle in zip(window, centre, strict=True)
    )
    plane = matrix[1, 1] * y[:, None] ** 2 + matrix[2, 2] * x[None, :] ** 2
    plane = plane + 2 * matrix[1, 2] * y[:, None] * x[None, :]
    slope = 2 * (matrix[0, 1] * y[:, None] + matrix[0, 2] * x[None, :])
    form = z[:, None, None] * slope[None] + plane[None]
    form += (matrix[0, 0] * z**2)[:, None, None]
    clipped: FloatArray = np.maximum(form, np.float32(0))
    return clipped
