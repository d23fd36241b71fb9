"""Memory and operations of a foreign network on one block, before it is run."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.networks.cost import NetworkCost
from napari_bayesseg.networks.foreign.execute import schedule
from napari_bayesseg.networks.foreign.graph import Graph
from napari_bayesseg.networks.foreign.windows import GraphWindows

__all__ = ["VoxelCost", "graph_cost", "voxel_cost"]

# A convolution also holds a copy of its input and output in the library's own layout, in which
# channels come in groups of 16.
_COPIES = 2
_GROUP = 16


def graph_cost(graph: Graph, windows: GraphWindows, item_bytes: int) -> NetworkCost:
    """Follow the schedule of a block and add up what is alive at each step."""
    kept = sum(graph.channels[i] * window.roi.size for i, window in windows.kept.items())
    fixed_numbers, fixed_operations = _part(graph, windows, random=False)
    draw_numbers, draw_operations = _part(graph, windows, random=True)
    return NetworkCost(
        int(item_bytes * fixed_numbers),
        int(item_bytes * kept),
        int(item_bytes * draw_numbers),
        fixed_operations,
        draw_operations,
    )


def _part(graph: Graph, windows: GraphWindows, *, random: bool) -> tuple[float, float]:
    """Return the largest count of living numbers and the operations of one part."""
    held = () if random else windows.kept
    scan = 0 if random else graph.channels[0] * windows.read.roi.size
    alive: dict[int, int] = {0: scan}
    peak, operations = scan, 0.0
    for position, need, done in schedule(graph, windows, random=random, keep=held):
        node = graph.nodes[position - 1]
        channels = tuple(graph.channels[i] for i in node.inputs)
        size = graph.channels[position] * need.roi.size
        work = node.operation.multiply_adds(channels, need.roi.size)
        copies = _copied(graph, windows, position) if work else 0
        peak = max(peak, sum(alive.values()) + size + copies)
        operations += work
        alive[position] = size
        for i in done:
            alive.pop(i, None)
    return peak, operations


def _copied(graph: Graph, windows: GraphWindows, position: int) -> int:
    """Return the numbers in the copies that a convolution makes."""
    total = 0
    for i in (position, *graph.nodes[position - 1].inputs):
        window = windows.values[i]
        if window is not None:
            total += -(-graph.channels[i] // _GROUP) * _GROUP * window.roi.size
    return total


@dataclass(frozen=True)
class VoxelCost:
    """What a pass of a network that can't be followed needs, for each voxel of its tile."""

    numbers: float
    operations: float

    def of(self, voxels: int, item_bytes: int) -> NetworkCost:
        """Return the cost of a tile; nothing is shared between draws but the tile."""
        tile = item_bytes * voxels
        return NetworkCost(
            tile, tile, int(_COPIES * self.numbers * tile), 0.0, self.operations * voxels
        )


@torch.no_grad()
def voxel_cost(network: nn.Module, in_channels: int, size: Index3) -> VoxelCost:
    """Measure a pass over a small cube: numbers alive at a time, and multiply-adds."""
    alive, peak, operations = 0, 0, 0.0

    def freed(count: int) -> None:
        nonlocal alive
        alive -= count

    def made(module: nn.Module, inputs: Any, out: Any) -> None:
        nonlocal alive, peak, operations
        if isinstance(out, Tensor):
            alive += out.numel()
            peak = max(peak, alive)
            weakref.finalize(out, freed, out.numel())
        if isinstance(module, nn.Conv3d):
            operations += out.numel() * module.weight[0].numel()
        elif isinstance(module, nn.ConvTranspose3d):
            operations += inputs[0].numel() * module.weight[0].numel()

    leaves = [module for module in network.modules() if not list(module.children())]
    hooks = [module.register_forward_hook(made) for module in leaves]
    parameter = next(network.parameters())
    cube = torch.zeros(1, in_channels, *size, device=parameter.device, dtype=parameter.dtype)
    try:
        network(cube)
    finally:
        for hook in hooks:
            hook.remove()
    return VoxelCost(peak / cube[0, 0].numel(), operations / cube[0, 0].numel())
