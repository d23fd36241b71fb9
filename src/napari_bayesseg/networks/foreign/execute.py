"""A graph run on patches: the deterministic part once a block, the random part once a draw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from napari_bayesseg.networks.foreign.dropout import DrawKey
from napari_bayesseg.networks.foreign.graph import Graph
from napari_bayesseg.networks.foreign.operations import index3
from napari_bayesseg.networks.foreign.windows import GraphWindows
from napari_bayesseg.networks.window import Patch, Window

__all__ = ["Values", "run_deterministic", "run_random", "schedule"]

Values = Mapping[int, Patch]
"""Patches by position in the graph's values."""


def schedule(
    graph: Graph, windows: GraphWindows, *, random: bool, keep: Iterable[int] = ()
) -> Iterator[tuple[int, Window, tuple[int, ...]]]:
    """Yield each step of one part: position, window, and the values that are not read after it."""
    steps = [
        (position, window)
        for position, window in enumerate(windows.values[1:], 1)
        if window is not None and graph.random[position] == random
    ]
    last: dict[int, int] = {}
    for position, _ in steps:
        for i in graph.nodes[position - 1].inputs:
            last[i] = position
    held = set(keep)
    for position, window in steps:
        inputs = dict.fromkeys(graph.nodes[position - 1].inputs)
        yield position, window, tuple(i for i in inputs if last[i] == position and i not in held)


def run_deterministic(graph: Graph, windows: GraphWindows, scan: Patch) -> Values:
    """Run what no draw changes; returns what the draws read, each cut to that."""
    values, kept = {0: scan}, windows.kept
    for position, need, done in schedule(graph, windows, random=False, keep=kept):
        node = graph.nodes[position - 1]
        inputs = tuple(values[i] for i in node.inputs)
        values[position] = Patch(node.operation.apply(inputs, need, None), need)
        for i in done:
            del values[i]
    return {i: _cut(values[i], window) for i, window in kept.items()}


def _cut(patch: Patch, window: Window) -> Patch:
    if patch.window == window:
        return patch
    # A copy, so that the draws don't hold the whole patch in memory.
    data = patch.cropped(window).data.clone(memory_format=torch.channels_last_3d)
    return Patch(data, window)


def run_random(graph: Graph, windows: GraphWindows, values: Values, key: DrawKey) -> Tensor:
    """Run one draw: logits ``(1, num_classes, *core)``."""
    alive = dict(values)
    result = len(graph.nodes)
    for position, need, done in schedule(graph, windows, random=True, keep=(result,)):
        node = graph.nodes[position - 1]
        inputs = tuple(alive[i] for i in node.inputs)
        here = _at_level(key, graph, windows, position)
        alive[position] = Patch(node.operation.apply(inputs, need, here), need)
        for i in done:
            del alive[i]
    return alive[result].cropped(windows.core).data


def _at_level(key: DrawKey, graph: Graph, windows: GraphWindows, position: int) -> DrawKey:
    if not any(windows.origin):
        return key
    rows = zip(windows.origin, graph.scales[position], strict=True)
    return replace(key, origin=index3([int(a / scale) for a, scale in rows]))
