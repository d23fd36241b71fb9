"""Parallel-beam tomography of a stack of slices: projection and filtered back-projection.

The rotation axis is Z, so every slice shares the same two sparse matrices, which are applied to
all slices in one product. Index space has voxel units; attenuation is per voxel unless the name
says ``per_um``.

References
----------
A. C. Kak, M. Slaney, Principles of Computerized Tomographic Imaging (1988), chapter 3.3:
filtered back-projection; eq. 61 of that chapter: the ramp filter sampled in space.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import fft, sparse

__all__ = [
    "Geometry",
    "back_projector",
    "disc_mask",
    "filter_sinogram",
    "project",
    "projector",
    "reconstruct",
]

FloatArray = NDArray[np.float32]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class Geometry:
    """Sizes of one scan.

    Parameters
    ----------
    depth, width : int
        Slices and side of the square that is reconstructed, in voxels.
    num_angles : int
        Projections over a full turn; odd, so that no two look along the same lines. A full turn
        closes the rings of a faulty detector column, half a turn would leave half rings.
    """

    depth: int = 96
    width: int = 192
    num_angles: int = 321

    @property
    def diameter(self) -> int:
        """Width of the cylindrical sample and of the detector: the square fits inside."""
        return int(np.ceil(self.width * np.sqrt(2.0))) + 8

    @property
    def margin(self) -> int:
        """Voxels between the border of the object's grid and the reconstructed square."""
        return (self.diameter - self.width) // 2

    @property
    def object_shape(self) -> tuple[int, int, int]:
        """Shape (Z, Y, X) of the grid that holds the whole cylinder."""
        return self.depth, self.diameter, self.diameter

    def crop(self, volume: NDArray[Scalar]) -> NDArray[Scalar]:
        """Return the reconstructed square of an object array (Z, Y, X)."""
        part = slice(self.margin, self.margin + self.width)
        return volume[:, part, part]


@lru_cache(maxsize=4)
def projector(diameter: int, num_angles: int) -> tuple[sparse.csc_array, ...]:
    """Strip-integral projection of a disc, one matrix (detector, pixels of the disc) per angle.

    A square pixel casts a trapezoid on the detector; each weight is the part of it that falls
    into one bin, so every column sums to 1 and mass is conserved exactly. Kept per angle since
    the product then writes into a sinogram row that stays in the processor's cache.
    """
    row, column = _disc_coordinates(diameter)
    matrices = []
    for angle in _angles(num_angles):
        offset = column * np.cos(angle) - row * np.sin(angle) + (diameter - 1) / 2
        nearest = np.floor(offset + 0.5).astype(np.int32)
        bins = nearest[:, None] + np.arange(-1, 2, dtype=np.int32)
        edges = nearest[:, None] + np.arange(-1.5, 2.0) - offset[:, None]
        weights = np.diff(_trapezoid_integral(edges, angle), axis=1)
        starts = np.arange(0, bins.size + 1, 3, dtype=np.int32)
        matrix = sparse.csc_array(
            (weights.ravel().astype(np.float32), bins.ravel(), starts),
            shape=(diameter, row.size),
        )
        matrix.eliminate_zeros()
        matrices.append(matrix)
    return tuple(matrices)


@lru_cache(maxsize=4)
def back_projector(width: int, diameter: int, num_angles: int) -> sparse.csr_array:
    """Linear-interpolation back-projection (pixels of the square, angle x detector)."""
    axis = np.arange(width) + (diameter - width) // 2 - (diameter - 1) / 2
    row, column = (part.ravel() for part in np.meshgrid(axis, axis, indexing="ij"))
    angles = _angles(num_angles)
    offset = column[:, None] * np.cos(angles) - row[:, None] * np.sin(angles)
    offset += (diameter - 1) / 2
    low = np.floor(offset).astype(np.int32)
    upper_weight = (offset - low).astype(np.float32)
    first = low + np.arange(num_angles, dtype=np.int32) * diameter
    indices = np.stack([first, first + 1], axis=2).ravel()
    weights = np.stack([1 - upper_weight, upper_weight], axis=2).ravel()
    starts = np.arange(0, indices.size + 1, 2 * num_angles, dtype=np.int32)
    return sparse.csr_array(
        (weights, indices, starts), shape=(width * width, num_angles * diameter)
    )


def disc_mask(diameter: int) -> NDArray[np.bool_]:
    """Pixels (Y, X) whose footprint stays on the detector at every angle."""
    axis = np.arange(diameter) - (diameter - 1) / 2
    return axis[:, None] ** 2 + axis[None, :] ** 2 <= (diameter / 2 - 1.5) ** 2


def _disc_coordinates(diameter: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    row, column = np.nonzero(disc_mask(diameter))
    middle = np.float64((diameter - 1) / 2)
    return row - middle, column - middle


def _angles(num_angles: int) -> NDArray[np.float64]:
    return np.arange(num_angles) * 2.0 * np.pi / num_angles


def _trapezoid_integral(position: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """Integral up to `position` of the shadow of a unit pixel, area 1."""
    cosine, sine = abs(np.cos(angle)), abs(np.sin(angle))
    inner, outer = abs(cosine - sine) / 2, (cosine + sine) / 2
    height = 1.0 / max(cosine, sine)
    flat = height * np.clip(position, -inner, inner)
    slope = max(outer - inner, 1e-12)
    rising = np.clip(np.abs(position) - inner, 0, slope)
    ramps = np.sign(position) * height * (rising - rising**2 / (2 * slope))
    integral: NDArray[np.float64] = 0.5 + flat + ramps
    return integral


def project(attenuation: FloatArray, num_angles: int) -> FloatArray:
    """Return the line integrals of a stack of square slices.

    Parameters
    ----------
    attenuation : (Z, N, N) float32
        Attenuation per voxel; only the inscribed disc is seen.

    Returns
    -------
    (angle, detector, Z) float32
        Line integrals, dimensionless.
    """
    diameter = attenuation.shape[1]
    pixels = np.ascontiguousarray(attenuation[:, disc_mask(diameter)].T)
    matrices = projector(diameter, num_angles)
    return np.stack([matrix @ pixels for matrix in matrices])


def filter_sinogram(sinogram: FloatArray) -> FloatArray:
    """Ramp filter with a Hann window along the detector axis of (angle, detector, Z)."""
    size = sinogram.shape[1]
    padded = max(64, int(2 ** np.ceil(np.log2(2 * size))))
    response = _ramp_hann(padded).astype(np.float32)[None, :, None]
    filtered = np.empty_like(sinogram)
    # A few angles at a time: the padded spectrum of all of them would take a gigabyte.
    for start in range(0, sinogram.shape[0], 8):
        part = slice(start, start + 8)
        spectrum = fft.rfft(sinogram[part], padded, axis=1) * response
        filtered[part] = fft.irfft(spectrum, padded, axis=1)[:, :size]
    return filtered


def _ramp_hann(padded: int) -> NDArray[np.float64]:
    """Response at the frequencies of `scipy.fft.rfft`; the ramp is sampled in space."""
    position = fft.fftfreq(padded, 1.0 / padded)
    odd = position % 2 == 1
    kernel = np.zeros(padded)
    kernel[0] = 0.25
    kernel[odd] = -1.0 / (np.pi * position[odd]) ** 2
    ramp = 2.0 * np.real(fft.rfft(kernel))
    response: NDArray[np.float64] = ramp * (0.5 + 0.5 * np.cos(2 * np.pi * fft.rfftfreq(padded)))
    return response


def reconstruct(sinogram: FloatArray, width: int) -> FloatArray:
    """Return the filtered back-projection (Z, Y, X), per voxel, of (angle, detector, Z)."""
    num_angles, diameter, depth = sinogram.shape
    filtered = filter_sinogram(sinogram).reshape(num_angles * diameter, depth)
    volume = back_projector(width, diameter, num_angles) @ filtered
    volume *= np.float32(np.pi / (2 * num_angles))
    return np.ascontiguousarray(volume.T).reshape(depth, width, width)
