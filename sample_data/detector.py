"""From line integrals to what a detector reports: spectrum, blur, counting noise, gain.

Line integrals are arrays (angle, detector, Z) float32 without unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["Detector", "Spectrum", "detector_gain", "measure", "transmission"]

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Spectrum:
    """Photon energies of a narrow polychromatic beam.

    Parameters
    ----------
    mean_energy_kev, energy_sigma_kev : float
        Gaussian spectrum.
    num_energies : int
        Energies at which it is sampled, within two sigma.
    """

    mean_energy_kev: float = 12.5
    energy_sigma_kev: float = 0.9
    num_energies: int = 7

    def lines(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return weights (sum 1) and attenuation scales (weighted mean 1).

        Photoelectric absorption falls with the third power of the energy, in every material
        alike: one line integral serves all energies.
        """
        steps = np.linspace(-2.0, 2.0, self.num_energies)
        weights = np.exp(-0.5 * steps**2)
        weights /= weights.sum()
        energies_kev = self.mean_energy_kev + self.energy_sigma_kev * steps
        scales = (energies_kev / self.mean_energy_kev) ** -3.0
        scales /= np.sum(weights * scales)
        return weights.astype(np.float64), scales.astype(np.float64)


@dataclass(frozen=True)
class Detector:
    """Detector and beam.

    Parameters
    ----------
    photons : float
        Expected counts per pixel and projection without a sample.
    blur_voxels : float
        Sigma of the Gaussian point spread on the detector.
    gain_error : float
        Relative standard deviation of what flat-field correction leaves: rings.
    dark_counts : float
        Smallest number of counts a pixel reports, which bounds the logarithm.
    """

    photons: float = 4_500.0
    blur_voxels: float = 0.7
    gain_error: float = 0.002
    dark_counts: float = 1.0


def transmission(line_integrals: FloatArray, spectrum: Spectrum) -> FloatArray:
    """Return the transmitted share of a polychromatic beam, ``sum_e w_e exp(-s_e L)``.

    The share falls more slowly than ``exp(-L)``: beam hardening.
    """
    weights, scales = spectrum.lines()
    total = np.zeros_like(line_integrals)
    for weight, scale in zip(weights, scales, strict=True):
        total += np.float32(weight) * np.exp(np.float32(-scale) * line_integrals)
    return total


def detector_gain(
    rng: np.random.Generator, diameter: int, depth: int, detector: Detector
) -> FloatArray:
    """Return the relative gain (detector, Z).

    Errors are correlated over a few rows, as flaws of a scintillator are.
    """
    error = rng.standard_normal((diameter, depth), dtype=np.float32)
    error = ndimage.gaussian_filter1d(error, 2.0, axis=1)
    gain: FloatArray = 1 + np.float32(detector.gain_error) * error / error.std()
    return gain


def measure(
    line_integrals: FloatArray,
    gain: FloatArray,
    spectrum: Spectrum,
    detector: Detector,
    rng: np.random.Generator,
) -> FloatArray:
    """Return line integrals (angle, detector, Z) as measured: blur, counting noise, gain errors.

    Counts are ``(sqrt(rate + 3/8) + n/2)^2 - 5/8`` with a standard normal n (Anscombe 1948): of
    Poisson mean, and of Poisson variance within 5 % above 12 counts. Unlike a Poisson generator
    it uses one deviate per count whatever the rate, so that two simulations of one seed differ
    only where their objects do.
    """
    intensity = transmission(line_integrals, spectrum)
    sigma = (0.0, detector.blur_voxels, detector.blur_voxels)
    intensity = ndimage.gaussian_filter(intensity, sigma, mode="nearest", truncate=4.0)
    root = np.sqrt(np.float32(detector.photons) * intensity + np.float32(0.375))
    root += np.float32(0.5) * rng.standard_normal(intensity.shape, dtype=np.float32)
    counts = np.rint(np.square(np.maximum(root, 0)) - np.float32(0.625))
    counts = np.maximum(counts, np.float32(detector.dark_counts)) * gain[None]
    measured: FloatArray = np.log(np.float32(detector.photons)) - np.log(counts)
    return measured
