"""Which operation a layer of torch is."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.networks.foreign.operations import Operation, Pointwise, index3
from napari_bayesseg.networks.foreign.sliding import Convolution, Pooling
from napari_bayesseg.networks.foreign.upsampling import TransposedConvolution, Upsampling

__all__ = ["ACTIVATIONS", "has_live_statistics", "operation_of_module", "triple", "upsampling"]

ACTIVATIONS = (
    nn.CELU,
    nn.ELU,
    nn.GELU,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Hardtanh,
    nn.Identity,
    nn.LeakyReLU,
    nn.LogSigmoid,
    nn.Mish,
    nn.PReLU,
    nn.ReLU,
    nn.SELU,
    nn.Sigmoid,
    nn.SiLU,
    nn.Softplus,
    nn.Softsign,
    nn.Tanh,
)


def triple(value: Any) -> Index3:
    """Return one number or three as three."""
    return index3([int(v) for v in value]) if isinstance(value, list | tuple) else (int(value),) * 3


def has_live_statistics(module: nn.Module) -> bool:
    """Whether a normalisation looks at the box it is given, also in evaluation mode."""
    if isinstance(module, _BatchNorm | _InstanceNorm):
        return module.running_mean is None
    return isinstance(module, nn.GroupNorm | nn.LayerNorm)


def operation_of_module(module: nn.Module) -> tuple[Operation, bool] | None:
    """Return the operation of a layer and whether it has live statistics; None if unknown."""
    kind = type(module)  # exactly: a subclass may do something else
    if kind in (nn.BatchNorm3d, nn.SyncBatchNorm, nn.InstanceNorm3d, nn.GroupNorm):
        return Pointwise(module), has_live_statistics(module)
    if kind in ACTIVATIONS or (kind is nn.Softmax and module.dim == 1):
        return Pointwise(_kept_apart(module)), False
    operation: Operation | None = None
    if isinstance(module, nn.Conv3d) and kind is nn.Conv3d:
        operation = Convolution.of(module) if module.padding_mode == "zeros" else None
    elif isinstance(module, nn.ConvTranspose3d) and kind is nn.ConvTranspose3d:
        operation = TransposedConvolution(module)
    elif isinstance(module, nn.MaxPool3d) and kind is nn.MaxPool3d:
        operation = _max_pool(module)
    elif isinstance(module, nn.AvgPool3d) and kind is nn.AvgPool3d:
        operation = _mean_pool(module)
    elif isinstance(module, nn.Upsample) and module.size is None:
        operation = upsampling(module.scale_factor, module.mode, module.align_corners)
    return None if operation is None else (operation, False)


def _kept_apart(module: nn.Module) -> nn.Module:
    """Return an activation that leaves its input as it is: others may still read it."""
    if not getattr(module, "inplace", False):
        return module
    module = copy.copy(module)
    module.inplace = False  # type: ignore[assignment]
    return module


def _max_pool(layer: nn.MaxPool3d) -> Pooling | None:
    if layer.ceil_mode or layer.return_indices:
        return None
    kernel, stride = triple(layer.kernel_size), triple(layer.stride)
    padding, dilation = triple(layer.padding), triple(layer.dilation)
    function = partial(functional.max_pool3d, kernel_size=kernel, stride=stride, dilation=dilation)
    return Pooling(kernel, stride, dilation, padding, padding, function, -torch.inf)


def _mean_pool(layer: nn.AvgPool3d) -> Pooling | None:
    kernel, stride, padding = map(triple, (layer.kernel_size, layer.stride, layer.padding))
    if layer.ceil_mode or (any(padding) and not layer.count_include_pad):
        return None
    divisor = layer.divisor_override
    function = partial(
        functional.avg_pool3d, kernel_size=kernel, stride=stride, divisor_override=divisor
    )
    return Pooling(kernel, stride, (1, 1, 1), padding, padding, function, 0.0)


def upsampling(factor: Any, mode: str, align_corners: bool | None) -> Upsampling | None:
    """Return an upsampling by whole factors; None for any other."""
    if factor is None or mode not in ("nearest", "trilinear") or align_corners:
        return None
    whole = triple(factor)
    given = factor if isinstance(factor, list | tuple) else [factor] * 3
    if any(a != b or b < 1 for a, b in zip(given, whole, strict=True)):
        return None
    return Upsampling(whole, mode == "trilinear")
