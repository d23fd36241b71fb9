"""Convolution with a mean-field Gaussian posterior over its kernel."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.networks.stochastic import Noise, standard_normal
from napari_bayesseg.networks.window import Patch, Window, convolve

__all__ = ["VariationalConvolution", "flipout_signs", "gaussian_kl_divergence"]


def gaussian_kl_divergence(mean: Tensor, scale: Tensor, prior_scale: float) -> Tensor:
    """Sum over weights of KL( N(mean, scale^2) || N(0, prior_scale^2) ), in nats.

    References
    ----------
    Kingma and Welling, "Auto-encoding variational Bayes", 2014, appendix B (for unit prior).
    """
    ratio = scale / prior_scale
    return (0.5 * (ratio.square() + (mean / prior_scale).square() - 1.0) - ratio.log()).sum()


def flipout_signs(examples: int, channels: int, generator: torch.Generator, like: Tensor) -> Tensor:
    """Return random signs ``(N, C, 1, 1, 1)``: one per example and channel, the same everywhere.

    Signs per voxel would make the perturbation spatially white, which no weight sample is.
    """
    bits = torch.randint(0, 2, (examples, channels, 1, 1, 1), generator=generator)
    return (2 * bits - 1).to(device=like.device, dtype=like.dtype)


class VariationalConvolution(nn.Module):
    """3D convolution, kernel weights ~ N(mean, softplus(rho)^2), bias a point estimate.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : (kz, ky, kx)
        Zero padding keeps the shape; even lengths pad on the high side.
    prior_scale : float
        Standard deviation of the zero-mean Gaussian prior of each weight.
    rho_init : float
        Mean of the initial rho; -3 is a standard deviation of 0.0486.

    References
    ----------
    Wen et al., "Flipout: efficient pseudo-independent weight perturbations on mini-batches",
    ICLR 2018, eq. 4; Blundell et al., "Weight uncertainty in neural networks", ICML 2015.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Index3,
        *,
        prior_scale: float = 1.0,
        rho_init: float = -3.0,
    ) -> None:
        super().__init__()
        self.name = ""
        self.kernel_size = kernel_size
        self.prior_scale = prior_scale
        shape = (out_channels, in_channels, *kernel_size)
        self.mean = nn.Parameter(torch.empty(shape))
        self.rho = nn.Parameter(torch.empty(shape))
        if not self.mean.is_meta:  # torch loads its compiler, seconds, to do nothing there
            nn.init.normal_(self.mean, 0.0, 0.1)
            nn.init.normal_(self.rho, rho_init, 0.1)
        self.bias = nn.Parameter(torch.zeros(out_channels))

    @property
    def scale(self) -> Tensor:
        """Posterior standard deviation of each weight."""
        return functional.softplus(self.rho)

    def kl_divergence(self) -> Tensor:
        """KL from the prior to the posterior, summed over the kernel, in nats."""
        return gaussian_kl_divergence(self.mean, self.scale, self.prior_scale)

    def realise(self, generator: np.random.Generator) -> Tensor:
        """Return one kernel drawn from the posterior."""
        with torch.no_grad():
            return self.mean + self.scale * standard_normal(generator, self.mean)

    def forward(self, patch: Patch, need: Window, noise: Noise) -> Patch:
        """Convolve with one posterior draw, or with Flipout noise per example in training."""
        if not isinstance(noise, torch.Generator):
            return convolve(patch, noise[self.name], self.bias, need)
        examples, in_channels = patch.data.shape[:2]
        # One standard normal draw is shared by the batch; the signs decorrelate the examples.
        eps = torch.randn(self.mean.shape, generator=noise).to(self.mean)
        signs_in = flipout_signs(examples, in_channels, noise, patch.data)
        signs_out = flipout_signs(examples, self.bias.shape[0], noise, patch.data)
        flipped = Patch(patch.data * signs_in, patch.window)
        expected = convolve(patch, self.mean, self.bias, need)
        deviation = convolve(flipped, self.scale * eps, None, need)
        return Patch(torch.addcmul(expected.data, deviation.data, signs_out), need)
