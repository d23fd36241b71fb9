"""Random changes of a patch's grey values, as other scanners and moving patients would make them.

Grey values are in standard deviations from the scan's mean, so zero is no darkness: where a change
is about intensity (contrast, bias field), it counts from the scan's own dark end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from napari_bayesseg.training.method_settings import AugmentationSettings

__all__ = [
    "GreyValues",
    "augment_grey_values",
    "biased",
    "blurred",
    "change_contrast",
    "ghosted",
]

_MOST_VOXELS = 2**20  # looked at for the grey values of a scan
_LEVELS = np.linspace(0.005, 0.995, 199)

Patch = NDArray[np.float32]


@dataclass(frozen=True)
class GreyValues:
    """Grey values of a scan: quantiles from its dark to its bright end.

    Attributes
    ----------
    quantiles : (199,) float64
        At equal steps from 0.5 to 99.5 %.
    """

    quantiles: NDArray[np.float64]

    @classmethod
    def of(cls, image: NDArray[np.float32]) -> GreyValues:
        """Measure a scan, or a regular part of a large one."""
        flat = image.reshape(-1)
        step = -(-flat.size // _MOST_VOXELS)
        step += 1 - step % 2  # odd: axes are mostly of even length, and a column is no sample
        return cls(np.quantile(flat[::step].astype(np.float64), _LEVELS))

    @property
    def dark(self) -> float:
        """The grey value that counts as no signal."""
        return float(self.quantiles[0])


def augment_grey_values(
    patch: Patch,
    settings: AugmentationSettings,
    grey: GreyValues | None,
    spacing: tuple[float, float, float],
    generator: np.random.Generator,
) -> Patch:
    """Apply ghosts, bias field, contrast, blur, noise, gain and shift at random.

    Parameters
    ----------
    patch : (Z, Y, X) float32
        In standard deviations.
    settings : AugmentationSettings
        Each change but gain and shift happens with `probability`, with a strength drawn uniformly
        up to the one given. A strength of zero changes no bit.
    grey : GreyValues or None
        Of the scan; None will do where neither gamma nor bias field are on.
    spacing : (z, y, x)
        Blur is a Gaussian of one width in the world: `blur` counts voxels of the finest axis.
    generator : numpy.random.Generator
    """

    def happens(strength: float) -> bool:
        return strength > 0 and bool(generator.random() < settings.probability)

    def up_to(strength: float) -> float:
        return strength * float(generator.random())

    if happens(settings.ghost):
        axis = int(generator.integers(1, 3))
        length = patch.shape[axis]
        distance = int(generator.integers(max(1, length // 8), length // 2 + 1))
        patch = ghosted(patch, axis, distance, up_to(settings.ghost))
    if grey is not None and happens(settings.bias_field):
        strength = up_to(settings.bias_field)
        patch = biased(patch, grey.dark, strength, int(generator.integers(2**32)))
    if grey is not None and happens(settings.gamma):
        exponent = math.exp(settings.gamma * generator.uniform(-1.0, 1.0))
        patch = change_contrast(patch, grey, exponent)
    if happens(settings.blur):
        patch = blurred(patch, up_to(settings.blur), spacing)
    if happens(settings.noise):
        noise = generator.standard_normal(patch.shape, dtype=np.float32)
        patch = patch + np.float32(up_to(settings.noise)) * noise
    if settings.gain > 0:
        patch = patch * np.float32(1.0 + settings.gain * generator.uniform(-1.0, 1.0))
    if settings.shift > 0:
        patch = patch + np.float32(settings.shift * generator.uniform(-1.0, 1.0))
    return patch


def change_contrast(patch: Patch, grey: GreyValues, exponent: float) -> Patch:
    """Raise the share of the scan's grey range to a power, then restore the scan's statistics.

    With ``u = (patch - dark) / (bright - dark)`` over the scan's 0.5 and 99.5 % quantiles the
    result is ``a + b u^exponent``. Beyond the range the curve goes on straight: with slope 1 below,
    with its tangent above. As prediction normalises a whole scan to its mean and standard
    deviation, a changed contrast must not change these: a and b restore those of the quantiles.
    """
    low, high = float(grey.quantiles[0]), float(grey.quantiles[-1])
    if high <= low:
        return patch

    def curve(values: NDArray[np.float64]) -> NDArray[np.float64]:
        share = (values - low) / (high - low)
        inside = np.clip(share, 0.0, 1.0) ** exponent
        return inside + np.minimum(share, 0.0) + exponent * np.maximum(share - 1.0, 0.0)

    reference = curve(grey.quantiles)
    slope = grey.quantiles.std() / reference.std()
    offset = grey.quantiles.mean() - slope * reference.mean()
    changed = offset + slope * curve(patch.astype(np.float64))
    return np.asarray(changed, dtype=np.float32)


def blurred(patch: Patch, sigma: float, spacing: tuple[float, float, float]) -> Patch:
    """Blur by a Gaussian as wide along each axis in the world: `sigma` voxels of the finest one.

    Beyond the patch its border goes on.
    """
    sigmas = sigma * min(spacing) / np.asarray(spacing)
    return np.asarray(ndimage.gaussian_filter(patch, sigmas, mode="nearest"))


def ghosted(patch: Patch, axis: int, distance: int, strength: float) -> Patch:
    """Add the ghosts that periodic motion leaves along the phase-encoding axis.

    The lines k of the patch's Fourier transform along the axis, N voxels long, are modulated by
    ``1 - strength + strength cos(2 pi k distance / N)``. In image space that is the patch, weakened
    by `strength`, and two copies of half that strength, `distance` voxels to either side; what
    leaves at one end comes in at the other. The mean stays.

    References
    ----------
    Wood and Henkelman, "MR image artifacts from periodic motion", Med. Phys. 12 (1985) 143.
    """
    copies = np.roll(patch, distance, axis) + np.roll(patch, -distance, axis)
    return np.asarray((1.0 - strength) * patch + strength / 2 * copies, dtype=np.float32)


def biased(patch: Patch, dark: float, strength: float, seed: int) -> Patch:
    """Multiply intensities by the exponential of random Legendre polynomials up to degree 3."""
    from monai.transforms.intensity.array import RandBiasField  # takes seconds to import

    field = RandBiasField(degree=3, coeff_range=(-strength, strength), prob=1.0)
    field.set_random_state(seed=seed)
    above = torch.from_numpy(patch - np.float32(dark))[None]
    return np.asarray(field(above)[0].numpy(), dtype=np.float32) + np.float32(dark)
