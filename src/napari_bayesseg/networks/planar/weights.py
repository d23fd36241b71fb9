"""The weights of a V-Net, packed for the compiled convolutions: those of all draws, and of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
from torch import Tensor

from napari_bayesseg.networks.dropout import ChannelDropout
from napari_bayesseg.networks.normalisation import GroupNorm
from napari_bayesseg.networks.planar.layers import PackedPhases, pack_phases
from napari_bayesseg.networks.planar.tensors import (
    PackedWeights,
    Singles,
    pack_epilogue,
    pack_weights,
)
from napari_bayesseg.networks.variational import VariationalConvolution
from napari_bayesseg.networks.vnet3d import (
    Convolution,
    ConvolutionUnit,
    DecoderStage,
    EncoderStage,
    VNet,
)

__all__ = ["DrawWeights", "PackedUnit", "PlanarWeights", "StageEpilogues", "StageWeights"]

Realisations: TypeAlias = Mapping[str, Tensor]
AnyConvolution: TypeAlias = Convolution | VariationalConvolution


@dataclass(frozen=True)
class PackedUnit:
    """A convolution whose weights are the same in all draws, with its epilogue."""

    weights: PackedWeights
    epilogue: Singles


@dataclass(frozen=True)
class StageEpilogues:
    """What a decoder stage does to its sums, the same in all draws.

    Attributes
    ----------
    skip : (C, 2)
        Scale and shift of the skip connection in the normalisation after the concatenation.
    up, first, second
        Bias, scale and shift; that of `up` holds both normalisations after it.
    """

    skip: Singles
    up: Singles
    first: Singles
    second: Singles


@dataclass(frozen=True)
class StageWeights:
    """A decoder stage of one draw; the merging convolution's weights in two parts."""

    up: PackedPhases
    first_skip: PackedWeights
    first_up: PackedWeights
    second: PackedWeights


@dataclass(frozen=True)
class DrawWeights:
    """The decoder of one draw, finest stage first."""

    stages: tuple[StageWeights, ...]
    head: PackedWeights
    classifier: PackedWeights

    @property
    def num_bytes(self) -> int:
        """Memory of the packed kernels."""
        packed = [self.head, self.classifier]
        for stage in self.stages:
            packed += [stage.first_skip, stage.first_up, stage.second]
        return sum(entry.words.nbytes for entry in packed) + sum(
            stage.up.words.nbytes for stage in self.stages
        )


def _array(tensor: Tensor) -> Singles:
    found: Singles = tensor.detach().float().cpu().contiguous().numpy()
    return found


def _affine(norm: GroupNorm) -> tuple[Singles, Singles]:
    scale, shift = norm.scale_and_shift()
    return _array(scale).reshape(-1), _array(shift).reshape(-1)


def _decoder(network: VNet) -> list[DecoderStage]:
    return cast("list[DecoderStage]", list(network.decoder))


def _layer(unit: ConvolutionUnit) -> AnyConvolution:
    return cast("AnyConvolution", unit.convolution)


def _unit_epilogue(unit: ConvolutionUnit) -> Singles:
    return pack_epilogue(_array(_layer(unit).bias), *_affine(unit.norm))


def _stage_epilogues(stage: DecoderStage) -> StageEpilogues:
    scale, shift = _affine(stage.concat_norm)
    up_scale, up_shift = _affine(stage.up.norm)
    half = scale.size - up_scale.size
    joined = (up_scale * scale[half:], up_shift * scale[half:] + shift[half:])
    return StageEpilogues(
        np.stack([scale[:half], shift[:half]], axis=1),
        pack_epilogue(_array(_layer(stage.up).bias), *joined),
        _unit_epilogue(stage.first),
        _unit_epilogue(stage.second),
    )


def _plain_epilogue(layer: AnyConvolution) -> Singles:
    bias = _array(layer.bias)
    return pack_epilogue(bias, np.ones_like(bias), np.zeros_like(bias))


class PlanarWeights:
    """Packs the weights of a network with population statistics.

    Parameters
    ----------
    network : VNet
    paired : bool
        Whether the decoder's weights are pairs of bfloat16 numbers.

    Attributes
    ----------
    encoder : list of (PackedUnit, PackedUnit)
    epilogues : list of StageEpilogues
        Of the decoder's stages, finest first.
    head, classifier : epilogues
    fixed : DrawWeights or None
        The weights without any dropout, where they are the same in all draws.
    """

    def __init__(self, network: VNet, *, paired: bool) -> None:
        self._network = network
        self._paired = paired
        self.encoder = [
            (self._packed_unit(stage.first), self._packed_unit(stage.second))
            for stage in cast("list[EncoderStage]", list(network.encoder))
        ]
        self.epilogues = [_stage_epilogues(stage) for stage in _decoder(network)]
        self.head = _plain_epilogue(network.head)
        self.classifier = _plain_epilogue(network.classifier)
        self.fixed: DrawWeights | None = None
        if not isinstance(network.head, VariationalConvolution):
            self.fixed = self.draw({})

    @staticmethod
    def _packed_unit(unit: ConvolutionUnit) -> PackedUnit:
        weights = _array(cast("Convolution", unit.convolution).weight)
        flat = weights.reshape(*weights.shape[:2], -1)
        return PackedUnit(pack_weights(flat, paired=False), _unit_epilogue(unit))

    def draw(self, realisations: Realisations) -> DrawWeights:
        """Pack the kernels of a draw; its channel dropout becomes part of the next kernel."""
        network, stages = self._network, _decoder(self._network)
        below = [*(stage.dropout for stage in stages[1:]), network.bottleneck_dropout]
        packed = tuple(
            self._pack_stage(level, stage, realisations, dropout)
            for level, (stage, dropout) in enumerate(zip(stages, below, strict=True))
        )
        head = self._kernel(network.head, realisations, stages[0].dropout)
        classifier = self._kernel(network.classifier, realisations)
        return DrawWeights(packed, self._pack(head), self._pack(classifier))

    def _kernel(
        self,
        layer: AnyConvolution,
        realisations: Realisations,
        dropout: ChannelDropout | None = None,
    ) -> Singles:
        if isinstance(layer, VariationalConvolution):
            kernel = _array(realisations[layer.name])
        else:
            kernel = _array(layer.weight)
        if dropout is not None and dropout.name in realisations:
            kernel = kernel * _array(realisations[dropout.name])
        return kernel

    def _pack(self, kernel: Singles) -> PackedWeights:
        return pack_weights(kernel.reshape(*kernel.shape[:2], -1), paired=self._paired)

    def _pack_stage(
        self,
        level: int,
        stage: DecoderStage,
        realisations: Realisations,
        dropout: ChannelDropout | None,
    ) -> StageWeights:
        kernel = self._kernel(_layer(stage.up), realisations, dropout)
        up = pack_phases(kernel, stage.pooling, paired=self._paired)
        if self.fixed is not None:
            same = self.fixed.stages[level]
            return StageWeights(up, same.first_skip, same.first_up, same.second)
        first = self._kernel(_layer(stage.first), realisations)
        half = first.shape[1] - kernel.shape[0]
        second = self._kernel(_layer(stage.second), realisations)
        return StageWeights(
            up, self._pack(first[:, :half]), self._pack(first[:, half:]), self._pack(second)
        )
