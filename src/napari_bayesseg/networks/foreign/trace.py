"""From a module to a graph of known operations, by symbolic tracing; or the reason why not."""

from __future__ import annotations

from collections import Counter
from typing import Any

from torch import fx, nn

from napari_bayesseg.networks.foreign.dropout import SampledDropout, occurrence
from napari_bayesseg.networks.foreign.functions import operation_of_call
from napari_bayesseg.networks.foreign.graph import Graph, Node
from napari_bayesseg.networks.foreign.modules import operation_of_module
from napari_bayesseg.networks.foreign.operations import Operation, Sampling

__all__ = ["NotTraceable", "trace"]


class NotTraceable(Exception):
    """The network holds something whose neighbourhood is not known; the message says what."""


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, qualified_name: str) -> bool:
        return isinstance(m, SampledDropout) or super().is_leaf_module(m, qualified_name)


def trace(network: nn.Module, in_channels: int) -> Graph:
    """Return the graph of a network in evaluation mode, dropout replaced by ours.

    Raises
    ------
    NotTraceable
        If a part can't be followed, or its neighbourhood is not known.
    """
    try:
        traced = _Tracer().trace(network)
    except Exception as error:  # anything that the network's own code raises on a symbol
        raise NotTraceable(f"its steps can't be followed ({type(error).__name__})") from None
    return _Reader(network, traced).graph(in_channels)


class _Reader:
    """Turns traced nodes into operations, one after the other."""

    def __init__(self, network: nn.Module, traced: fx.Graph) -> None:
        self.modules = dict(network.named_modules())
        self.traced = traced
        self.nodes: list[Node] = []
        self.values: dict[fx.Node, int] = {}
        self.uses: Counter[str] = Counter()

    def graph(self, in_channels: int) -> Graph:
        result: Any = None
        for node in self.traced.nodes:
            if node.op == "output":
                result = node.args[0]
            elif node.op == "placeholder":
                if self.values:
                    raise NotTraceable("it takes more than the scan")
                self.values[node] = 0
            elif node.users:
                self._append(node)
        if not isinstance(result, fx.Node):
            raise NotTraceable("it returns more than one array")
        if self.values.get(result, 0) == 0:
            raise NotTraceable("it returns its input")
        return Graph(tuple(self.nodes[: self.values[result]]), in_channels)

    def _append(self, node: fx.Node) -> None:
        if any(source not in self.values for source in node.all_input_nodes):
            raise NotTraceable(f"{node.name} uses something other than arrays")
        self._refuse_overwritten(node)
        operation, live = self._operation(node)
        inputs = tuple(self.values[source] for source in node.all_input_nodes)
        self.nodes.append(Node(str(node.target), operation, inputs, live))
        self.values[node] = len(self.nodes)

    def _operation(self, node: fx.Node) -> tuple[Operation, bool]:
        if node.op != "call_module":
            operation = operation_of_call(node)
            if operation is None:
                raise NotTraceable(f"the neighbourhood of {_name(node.target)} is not known")
            return operation, False
        module = self.modules[str(node.target)]
        if isinstance(module, SampledDropout):
            self.uses[module.name] += 1
            return Sampling(module, occurrence(module.name, self.uses[module.name])), False
        found = operation_of_module(module)
        if found is None or len(node.args) != 1 or node.kwargs:
            raise NotTraceable(f"the neighbourhood of {type(module).__name__} is not known")
        return found

    def _refuse_overwritten(self, node: fx.Node) -> None:
        """Refuse a step that overwrites what a later one reads: ours never overwrite."""
        module = self.modules.get(str(node.target)) if node.op == "call_module" else None
        inplace = getattr(module, "inplace", False) or node.kwargs.get("inplace", False)
        inplace = inplace or _name(node.target) in {"iadd", "imul", "add_", "mul_", "relu_"}
        order = list(self.traced.nodes)
        if inplace and any(
            order.index(user) > order.index(node) for user in node.all_input_nodes[0].users
        ):
            raise NotTraceable(f"{node.name} overwrites an array that is used later")


def _name(target: Any) -> str:
    return str(getattr(target, "__name__", target))
