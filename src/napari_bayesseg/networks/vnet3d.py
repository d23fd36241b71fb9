"""The V-Net of the Bayesian CNN and its dropout twin.

Encoder, per level: (convolution, ReLU, group normalisation) twice, then maximum pooling.
Decoder, per level: nearest upsampling, convolution of the pooling's size, ReLU, normalisation,
concatenation [skip, up], normalisation, (convolution, ReLU, normalisation) twice. The encoder is
deterministic and runs once a block; the decoder is random and runs once a draw.

References
----------
LaBonte, Martinez and Roberts, "We know where we don't know: 3D Bayesian CNNs for credible
geometric uncertainty", arXiv 1910.10793. Differences of ours are in docs/decisions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.networks.dropout import ChannelDropout
from napari_bayesseg.networks.normalisation import GroupNorm
from napari_bayesseg.networks.spec import VNetSpec
from napari_bayesseg.networks.stochastic import Noise, StochasticLayer
from napari_bayesseg.networks.variational import VariationalConvolution
from napari_bayesseg.networks.window import (
    Patch,
    Window,
    convolve,
    max_pool,
    needed_by_convolution,
    upsample,
)

__all__ = ["VNet", "VNetWindows", "vnet_windows"]

_POINT: Index3 = (1, 1, 1)


@dataclass(frozen=True)
class VNetWindows:
    """Which voxels each level must compute for one output box, finest level first.

    Attributes
    ----------
    output : Window
        The box itself.
    decoder : tuple of Window
        Output of each decoder stage.
    skip : tuple of Window
        What each decoder stage takes from the encoder of its level.
    encoder : tuple of Window
        Output of each encoder stage; the last one is the bottleneck.
    read : Window
        What must be read from the scan.
    """

    output: Window
    decoder: tuple[Window, ...]
    skip: tuple[Window, ...]
    encoder: tuple[Window, ...]
    read: Window


def vnet_windows(spec: VNetSpec, core: Roi, extent: Index3) -> VNetWindows:
    """Walk from the output box back to the scan and note what every level needs.

    Parameters
    ----------
    spec : VNetSpec
    core : Roi
        Output voxels wanted, inside the padded volume.
    extent : (Z, Y, X)
        Shape of the padded volume: a multiple of ``spec.stride``.
    """
    output = Window(core, extent)
    need = needed_by_convolution(output, spec.kernel_size)
    decoder, skips = [], []
    for _ in spec.channels[:-1]:
        decoder.append(need)
        for _ in range(2):
            need = needed_by_convolution(need, spec.kernel_size)
        skips.append(need)
        need = needed_by_convolution(need, spec.pooling).coarser(spec.pooling)
    encoder = [need]
    for skip in reversed(skips):
        need = _needed_by_encoder_stage(need, spec).finer(spec.pooling).union(skip)
        encoder.append(need)
    read = _needed_by_encoder_stage(need, spec)
    return VNetWindows(output, tuple(decoder), tuple(skips), tuple(reversed(encoder)), read)


def _needed_by_encoder_stage(need: Window, spec: VNetSpec) -> Window:
    return needed_by_convolution(needed_by_convolution(need, spec.kernel_size), spec.kernel_size)


class Convolution(nn.Module):
    """3D convolution with point weights; has the interface of the variational one."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Index3) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, *kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        if not self.weight.is_meta:  # torch loads its compiler, seconds, to do nothing there
            nn.init.kaiming_normal_(self.weight, nonlinearity="relu")

    def forward(self, patch: Patch, need: Window, noise: Noise | None = None) -> Patch:
        """Convolve; the noise is not used."""
        return convolve(patch, self.weight, self.bias, need)


def _decoder_convolution(
    spec: VNetSpec, in_channels: int, out_channels: int, kernel_size: Index3
) -> Convolution | VariationalConvolution:
    if spec.decoder != "variational":
        return Convolution(in_channels, out_channels, kernel_size)
    return VariationalConvolution(
        in_channels,
        out_channels,
        kernel_size,
        prior_scale=spec.prior_scale,
        rho_init=spec.rho_init,
    )


class ConvolutionUnit(nn.Module):
    """Convolution, ReLU, group normalisation."""

    def __init__(self, convolution: nn.Module, channels: int, groups: int) -> None:
        super().__init__()
        self.convolution = convolution
        self.norm = GroupNorm(channels, groups)

    def forward(self, patch: Patch, need: Window, noise: Noise | None = None) -> Patch:
        """Compute the voxels of `need`."""
        out: Patch = self.convolution(patch, need, noise)
        return Patch(self.norm(torch.relu_(out.data)), need)


class EncoderStage(nn.Module):
    """Two convolution units at one level."""

    def __init__(self, spec: VNetSpec, in_channels: int, channels: int) -> None:
        super().__init__()
        self.kernel_size = spec.kernel_size
        self.first = ConvolutionUnit(
            Convolution(in_channels, channels, spec.kernel_size), channels, spec.groups
        )
        self.second = ConvolutionUnit(
            Convolution(channels, channels, spec.kernel_size), channels, spec.groups
        )

    def forward(self, patch: Patch, need: Window) -> Patch:
        """Compute the voxels of `need`."""
        middle = needed_by_convolution(need, self.kernel_size)
        out: Patch = self.second(self.first(patch, middle), need)
        return out


class DecoderStage(nn.Module):
    """Upsampling, concatenation with the skip connection, two convolution units."""

    def __init__(self, spec: VNetSpec, level: int) -> None:
        super().__init__()
        channels, below = spec.channels[level], spec.channels[level + 1]
        skip_channels = channels
        self.pooling, self.kernel_size = spec.pooling, spec.kernel_size

        def unit(inputs: int, kernel: Index3) -> ConvolutionUnit:
            layer = _decoder_convolution(spec, inputs, channels, kernel)
            return ConvolutionUnit(layer, channels, spec.groups)

        self.up = unit(below, spec.pooling)
        self.concat_norm = GroupNorm(skip_channels + channels, spec.groups)
        self.first = unit(skip_channels + channels, spec.kernel_size)
        self.second = unit(channels, spec.kernel_size)
        self.dropout = (
            ChannelDropout(channels, spec.dropout_rate) if spec.decoder == "dropout" else None
        )

    def forward(self, below: Patch, skip: Patch, need: Window, noise: Noise) -> Patch:
        """Compute the voxels of `need` from the coarser patch and the skip connection."""
        finer = upsample(below, self.pooling, needed_by_convolution(skip.window, self.pooling))
        up: Patch = self.up(finer, skip.window, noise)
        joined = Patch(self.concat_norm(torch.cat([skip.data, up.data], 1)), skip.window)
        middle = needed_by_convolution(need, self.kernel_size)
        out: Patch = self.second(self.first(joined, middle, noise), need, noise)
        return out if self.dropout is None else self.dropout(out, noise)


class VNet(nn.Module):
    """V-Net with a deterministic encoder and a random decoder, described by a :class:`VNetSpec`."""

    def __init__(self, spec: VNetSpec) -> None:
        super().__init__()
        self.spec = spec
        inputs = (spec.in_channels, *spec.channels[:-1])
        self.encoder = nn.ModuleList(
            EncoderStage(spec, i, o) for i, o in zip(inputs, spec.channels, strict=True)
        )
        self.decoder = nn.ModuleList(
            DecoderStage(spec, level) for level in range(len(spec.channels) - 1)
        )
        self.bottleneck_dropout = (
            ChannelDropout(spec.channels[-1], spec.dropout_rate)
            if spec.decoder == "dropout"
            else None
        )
        finest = spec.channels[0]
        width = 1 if spec.head == "reference" else finest
        self.head = _decoder_convolution(spec, finest, width, spec.kernel_size)
        self.classifier = _decoder_convolution(spec, width, spec.num_outputs, _POINT)
        for name, module in self.named_modules():
            if isinstance(module, StochasticLayer):
                module.name = name

    def encode(self, patch: Patch, windows: VNetWindows) -> tuple[Patch, ...]:
        """Run the deterministic part: one patch a level, finest first, bottleneck last.

        `patch` holds ``windows.read`` of the normalised scan, ``(N, C, Z, Y, X)``.
        """
        features = []
        for level, stage in enumerate(self.encoder):
            patch = stage(patch, windows.encoder[level])
            if level == len(self.encoder) - 1:
                features.append(patch)
                break
            features.append(patch.cropped(windows.skip[level]))
            below = windows.encoder[level + 1]
            source = _needed_by_encoder_stage(below, self.spec)
            patch = max_pool(patch, self.spec.pooling, source)
        return tuple(features)

    def decode(self, features: tuple[Patch, ...], windows: VNetWindows, noise: Noise) -> Tensor:
        """Run the random part: outputs ``(N, num_outputs, *core)``, logits first."""
        patch = features[-1]
        if self.bottleneck_dropout is not None:
            patch = self.bottleneck_dropout(patch, noise)
        for level in reversed(range(len(self.decoder))):
            patch = self.decoder[level](patch, features[level], windows.decoder[level], noise)
        out: Patch = self.head(patch, windows.output, noise)
        rectified = Patch(torch.relu_(out.data), windows.output)
        logits: Patch = self.classifier(rectified, windows.output, noise)
        return logits.data

    def forward(self, x: Tensor, noise: Noise) -> Tensor:
        """Return the outputs of a patch ``(N, C, Z, Y, X)`` whose shape fits the stride."""
        extent: Index3 = (x.shape[2], x.shape[3], x.shape[4])
        windows = vnet_windows(self.spec, Roi.whole(extent), extent)
        return self.decode(self.encode(Patch(x, windows.read), windows), windows, noise)

    def kl_divergence(self) -> Tensor:
        """Sum of the KL of all variational layers, in nats; 0 if there is none."""
        parts = [m.kl_divergence() for m in self.modules() if isinstance(m, VariationalConvolution)]
        return torch.stack(parts).sum() if parts else torch.zeros(())
