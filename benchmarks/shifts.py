"""What another scanner, another protocol or a restless patient does to a scan.

Pure functions of the raw grey values and of a seed, so that every method sees the same volumes. The
three strengths of each go from what a person hardly notices to what a radiologist would reject.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = [
    "IN_DOMAIN",
    "SHIFTS",
    "bias_field",
    "blur",
    "gamma",
    "ghost",
    "noise",
    "shifted",
]

Voxels = NDArray[np.float32]

IN_DOMAIN = ("none", 0.0)
"""The scan as it was taken."""

_GHOST_PERIOD = 4  # lines of k-space between two that the motion disturbs
_CENTRE_LINES = 1  # kept at each side of the zero frequency: the image stays where it is


def gamma(voxels: Voxels, exponent: float, seed: int = 0) -> Voxels:
    """Raise the grey values to a power, between their least and their largest.

    Parameters
    ----------
    voxels : (Z, Y, X) float32
        Raw grey values.
    exponent : float
        Above 1 darkens the middle; 1 changes nothing.
    seed : int
        Not used: there is nothing random here.
    """
    low, high = float(voxels.min()), float(voxels.max())
    if high == low:
        return voxels.copy()
    share = (voxels.astype(np.float64) - low) / (high - low)
    return _single(low + (high - low) * share**exponent)


def noise(voxels: Voxels, deviation: float, seed: int = 0) -> Voxels:
    """Add white Gaussian noise.

    Parameters
    ----------
    deviation : float
        Its standard deviation, in standard deviations of the scan.
    """
    field = np.random.default_rng([seed, 1]).standard_normal(voxels.shape)
    return _single(voxels + deviation * float(voxels.std(dtype=np.float64)) * field)


def bias_field(voxels: Voxels, strength: float, seed: int = 0) -> Voxels:
    """Multiply by a smooth field, as an uneven receiver coil does.

    Parameters
    ----------
    strength : float
        The field goes from ``exp(-strength)`` to ``exp(strength)`` at most: the exponential of a
        random polynomial of the second degree in the coordinates whose largest value is that.
    """
    generator = np.random.default_rng([seed, 2])
    grid = np.meshgrid(*(np.linspace(-1.0, 1.0, n) for n in voxels.shape), indexing="ij")
    field = np.zeros(voxels.shape)
    for first in range(3):
        field += generator.uniform(-1.0, 1.0) * grid[first]
        for second in range(first, 3):
            field += generator.uniform(-1.0, 1.0) * grid[first] * grid[second]
    field -= field.mean()
    largest = float(np.abs(field).max())
    return _single(voxels * np.exp(strength * field / max(largest, 1e-12)))


def blur(voxels: Voxels, sigma: float, seed: int = 0) -> Voxels:
    """Smooth with a Gaussian of `sigma` voxels, as a thicker slice or a slower sequence does."""
    return _single(ndimage.gaussian_filter(voxels.astype(np.float64), sigma, mode="nearest"))


def ghost(voxels: Voxels, strength: float, seed: int = 0) -> Voxels:
    """Add the ghosts of periodic motion: faint copies along the phase-encoding axis (y).

    Every fourth line of k-space loses a share of its signal; the lines in the middle are kept, so
    that the mean stays. The copies lie a quarter of the field of view apart.

    Parameters
    ----------
    strength : float
        Share that those lines lose; 0 changes nothing.
    seed : int
        Picks with which line the period begins.
    """
    lines = np.fft.fft(voxels.astype(np.float64), axis=1)
    frequencies = np.rint(np.fft.fftfreq(voxels.shape[1]) * voxels.shape[1]).astype(int)
    phase = int(np.random.default_rng([seed, 3]).integers(_GHOST_PERIOD))
    # Lines of opposite frequency are disturbed alike: the image stays real.
    disturbed = (np.abs(frequencies) + phase) % _GHOST_PERIOD == 0
    disturbed &= np.abs(frequencies) > _CENTRE_LINES
    kept = np.where(disturbed, 1.0 - strength, 1.0)
    return _single(np.fft.ifft(lines * kept[None, :, None], axis=1).real)


SHIFTS: Mapping[str, tuple[Callable[[Voxels, float, int], Voxels], tuple[float, float, float]]] = {
    "gamma": (gamma, (1.5, 2.0, 2.5)),
    "noise": (noise, (0.25, 0.5, 1.0)),
    "bias field": (bias_field, (0.4, 0.8, 1.2)),
    "blur": (blur, (1.0, 1.5, 2.0)),
    "motion ghost": (ghost, (0.5, 1.0, 1.5)),
}
"""Each shift, and its three strengths from weak to strong."""


def shifted(voxels: NDArray[np.generic], kind: str, strength: float, seed: int) -> Voxels:
    """Return the scan under one shift; ``IN_DOMAIN`` gives it as it is.

    Parameters
    ----------
    voxels : (Z, Y, X)
        Raw grey values of any type.
    kind : str
        A key of ``SHIFTS``, or ``"none"``.
    strength : float
    seed : int
        Of the case: another case gets other noise.
    """
    values = voxels.astype(np.float32)
    return values if kind == IN_DOMAIN[0] else SHIFTS[kind][0](values, strength, seed)


def _single(values: NDArray[np.float64]) -> Voxels:
    return values.astype(np.float32)
