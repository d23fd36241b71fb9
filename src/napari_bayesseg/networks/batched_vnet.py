"""The random part of a V-Net for several posterior draws at a time, as a graphics card wants it.

The same function as :meth:`VNet.decode`, draw by draw, on the same windows; only the order of
some sums differs. What does not depend on the draw is done once a block: the normalised skip
connections and, where the kernels are shared too (the dropout twin), their part of the
convolution after each concatenation. That convolution is linear, so the parts of the skip
connection and of the upsampled features are convolved by themselves and added: nothing is copied
for each draw.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from napari_bayesseg.core.errors import CheckpointError
from napari_bayesseg.networks.batched_convolution import (
    GROUPED_VOXELS,
    convolve_draws,
    rectify_and_scale,
)
from napari_bayesseg.networks.dropout import ChannelDropout
from napari_bayesseg.networks.normalisation import GroupNorm
from napari_bayesseg.networks.variational import VariationalConvolution
from napari_bayesseg.networks.vnet3d import (
    Convolution,
    ConvolutionUnit,
    DecoderStage,
    VNet,
    VNetWindows,
)
from napari_bayesseg.networks.window import Patch, Window, needed_by_convolution, upsample

__all__ = ["BatchedVNet", "DecoderSize", "SharedFeatures", "decoder_size"]


@dataclass(frozen=True)
class SharedFeatures:
    """What all draws of a block share.

    Attributes
    ----------
    bottleneck : Patch
        ``(1, C, z, y, x)``.
    skips : tuple of Patch
        Per decoder stage, finest first: the normalised skip connection, or what it adds to the
        convolution after the concatenation where that does not depend on the draw.
    windows : VNetWindows
    """

    bottleneck: Patch
    skips: tuple[Patch, ...]
    windows: VNetWindows


@dataclass(frozen=True)
class DecoderSize:
    """How large the tensors of one draw are, in items.

    Attributes
    ----------
    alive : int
        Most that is held at a time, copies that the convolutions make for themselves included.
    largest : int
        Of a single tensor.
    """

    alive: int
    largest: int


def decoder_size(network: VNet, windows: VNetWindows) -> DecoderSize:
    """Return what one draw of a block takes in the decoder."""
    spec = network.spec
    alive, largest = [], []
    for level, (need, skip) in enumerate(zip(windows.decoder, windows.skip, strict=True)):
        channels, below = spec.channels[level], spec.channels[level + 1]
        middle = needed_by_convolution(need, spec.kernel_size)
        wide = needed_by_convolution(skip, spec.pooling)
        # Upsampling covers whole voxels of the coarser level before it is cropped.
        coarse = wide.coarser(spec.pooling)
        held, finer = below * coarse.roi.size, below * coarse.finer(spec.pooling).roi.size
        # A padded or contiguous copy of what the convolution reads.
        copy = below * math.prod(n + k - 1 for n, k in zip(skip.shape, spec.pooling, strict=True))
        fine, merged = channels * skip.roi.size, channels * middle.roi.size
        alive += [held + finer + copy + fine, held + 2 * fine + 2 * merged, held + 3 * merged]
        largest += [finer, copy, fine]
    core = windows.output.roi.size
    alive.append(
        2 * (2 * spec.channels[0] + 2 * max(spec.num_outputs, spec.num_probabilities)) * core
    )
    return DecoderSize(max(alive), max(largest))


_ALL = slice(None)


def _channelwise(values: Tensor) -> Tensor:
    return values.detach().reshape(1, -1, 1, 1, 1)


def _constants(norm: GroupNorm) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        return norm.scale_and_shift()


class _Layer:
    """A convolution whose kernels are fixed, or drawn."""

    def __init__(self, layer: nn.Module, dtype: torch.dtype, grouped_voxels: int) -> None:
        if isinstance(layer, VariationalConvolution):
            self.name, self._fixed = layer.name, None
        elif isinstance(layer, Convolution):
            self.name, self._fixed = "", layer.weight.detach()[None].to(dtype)
        else:
            raise TypeError(f"expected a convolution of the V-Net; got {type(layer).__name__}")
        self.bias = _channelwise(layer.bias)
        self._grouped_voxels = grouped_voxels

    def kernels(self, noise: Mapping[str, Tensor]) -> Tensor:
        """Return ``(B, O, I, kz, ky, kx)``, or ``(1, ...)`` for all draws."""
        return noise[self.name] if self._fixed is None else self._fixed

    def __call__(
        self, patch: Patch, need: Window, noise: Mapping[str, Tensor], inputs: slice = _ALL
    ) -> Patch:
        """Convolve without the bias, with the part of the kernels that takes these inputs."""
        kernels = self.kernels(noise)[:, :, inputs]
        return convolve_draws(patch, kernels, need, self._grouped_voxels)


class _Unit(_Layer):
    """Convolution, ReLU and group normalisation, the latter as scale and shift of each channel."""

    def __init__(self, unit: ConvolutionUnit, dtype: torch.dtype, grouped_voxels: int) -> None:
        super().__init__(unit.convolution, dtype, grouped_voxels)
        self.scale, self.shift = _constants(unit.norm)

    def finish(self, out: Patch, mask: Tensor | None = None) -> Patch:
        """Overwrite what the convolution gave with what the unit gives; masked channels are 0."""
        scale, shift = self.scale, self.shift
        if mask is not None:
            scale, shift = scale * mask, shift * mask
        return Patch(rectify_and_scale(out.data, self.bias, scale, shift), out.window)


class _Stage:
    """A decoder stage."""

    def __init__(self, stage: DecoderStage, dtype: torch.dtype, grouped_voxels: int) -> None:
        self.pooling, self.kernel_size = stage.pooling, stage.kernel_size
        self.up, self.first, self.second = (
            _Unit(unit, dtype, grouped_voxels) for unit in (stage.up, stage.first, stage.second)
        )
        self.mask = "" if stage.dropout is None else stage.dropout.name
        scale, shift = _constants(stage.concat_norm)
        self.skip_channels = scale.shape[1] - self.up.bias.shape[1]
        self.skip_scale, self.skip_shift = (v[:, : self.skip_channels] for v in (scale, shift))
        # The normalisations before and after the concatenation are one scale and shift.
        late_scale, late_shift = (v[:, self.skip_channels :] for v in (scale, shift))
        self.up.shift = self.up.shift * late_scale + late_shift
        self.up.scale = self.up.scale * late_scale

    def share(self, skip: Patch, need: Window, dtype: torch.dtype) -> Patch:
        """Compute what the skip connection gives to all draws; `need` is the stage's output."""
        normalised = torch.addcmul(self.skip_shift, skip.data, self.skip_scale).to(dtype)
        patch = Patch(normalised, skip.window)
        return patch if self.first.name else self._convolve_skip(patch, need, {})

    def _convolve_skip(self, skip: Patch, need: Window, noise: Mapping[str, Tensor]) -> Patch:
        middle = needed_by_convolution(need, self.kernel_size)
        return self.first(skip, middle, noise, slice(None, self.skip_channels))

    def __call__(
        self, below: Patch, shared: Patch, skip: Window, need: Window, noise: Mapping[str, Tensor]
    ) -> Patch:
        """Compute the voxels of `need` for all draws."""
        finer = upsample(below, self.pooling, needed_by_convolution(skip, self.pooling))
        up = self.up.finish(self.up(finer, skip, noise))
        del finer
        from_skip = self._convolve_skip(shared, need, noise) if self.first.name else shared
        merged = self.first(up, from_skip.window, noise, slice(self.skip_channels, None))
        del up
        merged.data.add_(from_skip.data)
        del from_skip
        out = self.second(self.first.finish(merged), need, noise)
        return self.second.finish(out, noise[self.mask] if self.mask else None)


class BatchedVNet:
    """A V-Net that decodes several draws at a time.

    Parameters
    ----------
    network : VNet
        In evaluation mode, on the device to compute on, its normalisations with population
        statistics. Its weights are taken over as they are now.
    dtype : torch.dtype, optional
        Of the activations and kernels, by default the network's own. bfloat16 keeps the
        constants of the normalisations in the network's.
    grouped_voxels : int
        See :func:`~napari_bayesseg.networks.batched_convolution.convolve_draws`.

    Raises
    ------
    CheckpointError
        If a normalisation takes its statistics from the block: then draws can't be computed so.
    """

    def __init__(
        self,
        network: VNet,
        dtype: torch.dtype | None = None,
        grouped_voxels: int = GROUPED_VOXELS,
    ) -> None:
        norms = [module for module in network.modules() if isinstance(module, GroupNorm)]
        if any(norm.statistics != "population" for norm in norms):
            raise CheckpointError(
                "draws can be computed side by side with population statistics only; this network "
                "takes its group statistics from each block"
            )
        weight = next(network.parameters())
        self.network = network
        self.device = weight.device
        self.dtype = dtype or weight.dtype
        self._stages = []
        for stage in network.decoder:
            assert isinstance(stage, DecoderStage)
            self._stages.append(_Stage(stage, self.dtype, grouped_voxels))
        self._head, self._classifier = (
            _Layer(layer, self.dtype, grouped_voxels)
            for layer in (network.head, network.classifier)
        )
        masks = [m.name for m in network.modules() if isinstance(m, ChannelDropout)]
        self._masks = frozenset(masks)
        bottleneck = network.bottleneck_dropout
        self._bottleneck_mask = "" if bottleneck is None else bottleneck.name

    def stack(self, realisations: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Join the realisations of B draws: kernels ``(B, O, I, ...)``, masks ``(B, C, ...)``."""
        return {
            name: (torch.cat if name in self._masks else torch.stack)(
                [draw[name].to(self.device, self.dtype) for draw in realisations]
            )
            for name in realisations[0]
        }

    @torch.inference_mode()
    def share(self, patch: Patch, windows: VNetWindows) -> SharedFeatures:
        """Run everything that does not depend on the draw, once a block.

        `patch` holds ``windows.read`` of the normalised scan, ``(1, C, z, y, x)``, on the device.
        The encoder computes in the network's own type, as on the processor.
        """
        *skips, bottleneck = self.network.encode(patch, windows)
        shared = [
            stage.share(skip, need, self.dtype)
            for stage, skip, need in zip(self._stages, skips, windows.decoder, strict=True)
        ]
        bottleneck = Patch(bottleneck.data.to(self.dtype), bottleneck.window)
        return SharedFeatures(bottleneck, tuple(shared), windows)

    @torch.inference_mode()
    def decode(self, shared: SharedFeatures, noise: Mapping[str, Tensor]) -> Tensor:
        """Return outputs ``(B, num_outputs, *core)`` of the draws joined by :meth:`stack`."""
        windows, patch = shared.windows, shared.bottleneck
        if self._bottleneck_mask:
            patch = Patch(patch.data * noise[self._bottleneck_mask], patch.window)
        for level in reversed(range(len(self._stages))):
            skip, need = windows.skip[level], windows.decoder[level]
            patch = self._stages[level](patch, shared.skips[level], skip, need, noise)
        out = self._head(patch, windows.output, noise)
        out.data.add_(self._head.bias).relu_()
        logits = self._classifier(out, windows.output, noise)
        return logits.data.add_(self._classifier.bias)
