"""Which operation a call of a function or of a tensor's method is."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx
from torch.nn import functional

from napari_bayesseg.networks.foreign.modules import upsampling
from napari_bayesseg.networks.foreign.operations import Operation, Pointwise

__all__ = ["operation_of_call"]

_POINTWISE: dict[Any, Callable[..., Tensor]] = {
    operator.add: torch.add,
    operator.iadd: torch.add,
    operator.sub: torch.sub,
    operator.mul: torch.mul,
    operator.imul: torch.mul,
    operator.truediv: torch.div,
    operator.neg: torch.neg,
    torch.add: torch.add,
    torch.sub: torch.sub,
    torch.mul: torch.mul,
    torch.div: torch.div,
    torch.relu: torch.relu,
    torch.sigmoid: torch.sigmoid,
    torch.tanh: torch.tanh,
    functional.relu: functional.relu,
    functional.leaky_relu: functional.leaky_relu,
    functional.elu: functional.elu,
    functional.gelu: functional.gelu,
    functional.silu: functional.silu,
    functional.softplus: functional.softplus,
    "add": torch.add,
    "add_": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "mul_": torch.mul,
    "div": torch.div,
    "relu": torch.relu,
    "relu_": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "contiguous": torch.clone,
}


def operation_of_call(node: fx.Node) -> Operation | None:
    """Return the operation of a traced call; None if its neighbourhood is not known."""
    target = node.target
    if target is torch.cat:
        return _concatenation(node)
    if target == "repeat":
        return _repetition(node)
    if target is functional.interpolate:
        return _interpolation(node)
    if target in (functional.dropout, functional.dropout3d) and _is_off(node):
        return Pointwise(_same)
    function = _POINTWISE.get(target)
    return None if function is None else Pointwise(_bound(function, node))


def _same(data: Tensor) -> Tensor:
    return data


def _bound(function: Callable[..., Tensor], node: fx.Node) -> Callable[..., Tensor]:
    """Fix everything but the tensors, which may come as often and in the order they were given."""
    options = {name: value for name, value in node.kwargs.items() if name != "inplace"}
    sources = node.all_input_nodes

    def call(*tensors: Tensor) -> Tensor:
        values = dict(zip(sources, tensors, strict=True))
        given = fx.map_arg((node.args, options), values.__getitem__)
        return function(*given[0], **given[1])

    return call


def _concatenation(node: fx.Node) -> Operation | None:
    parts, axis = node.args[0], node.kwargs.get("dim", [*node.args, 0][1])
    if axis not in (1, -4) or not isinstance(parts, list | tuple):
        return None
    sources = node.all_input_nodes
    order = [sources.index(part) for part in parts if isinstance(part, fx.Node)]
    return Pointwise(partial(_join, order), lambda inputs: sum(inputs[i] for i in order))


def _join(order: list[int], *tensors: Tensor) -> Tensor:
    return torch.cat([tensors[i] for i in order], dim=1)


def _repetition(node: fx.Node) -> Operation | None:
    times = node.args[1] if len(node.args) == 2 else node.args[1:]
    if not isinstance(times, list | tuple) or len(times) != 5:
        return None
    examples, channels, *space = times
    if not isinstance(channels, int) or [examples, *space] != [1] * 4:
        return None
    repeated = [1, channels, 1, 1, 1]
    return Pointwise(lambda data: data.repeat(repeated), lambda inputs: channels * inputs[0])


def _interpolation(node: fx.Node) -> Operation | None:
    names = ("input", "size", "scale_factor", "mode", "align_corners")
    given = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
    if given.get("size") is not None:
        return None
    mode, corners = given.get("mode", "nearest"), given.get("align_corners")
    return upsampling(given.get("scale_factor"), str(mode), bool(corners))


def _is_off(node: fx.Node) -> bool:
    training = node.kwargs.get("training", [*node.args, True, True][2])
    return training is False
