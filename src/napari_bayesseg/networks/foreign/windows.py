"""Which box of every value one output box needs, and when a value can be forgotten."""

from __future__ import annotations

import math
from dataclasses import dataclass

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.networks.foreign.graph import Graph
from napari_bayesseg.networks.foreign.operations import cut_to, index3
from napari_bayesseg.networks.window import Window

__all__ = ["GraphWindows", "full_windows", "shrinking_windows"]


@dataclass(frozen=True)
class GraphWindows:
    """What is computed of each value of a graph for one output box.

    Attributes
    ----------
    core : Window
        The output wanted.
    values : tuple of Window or None
        What is computed of each value; None where nothing is.
    kept : dict
        By position, the deterministic values that the random part reads, and which part of them.
    origin : (z, y, x)
        Voxel of the scan from which the windows count.
    """

    core: Window
    values: tuple[Window | None, ...]
    kept: dict[int, Window]
    origin: Index3 = (0, 0, 0)

    @property
    def read(self) -> Window:
        """What is computed from: the scan's part, counted from `origin`."""
        scan = self.values[0]
        return scan if scan is not None else self.core

    @property
    def read_roi(self) -> Roi:
        """The same as a box of the padded scan."""
        return self.read.roi.relative_to(index3([-a for a in self.origin]))


def _joined(one: Window | None, other: Window) -> Window:
    return other if one is None else one.union(other)


def shrinking_windows(graph: Graph, core: Roi, extent: Index3) -> GraphWindows:
    """Walk from the output box back to the scan and note what every step needs.

    Parameters
    ----------
    graph : Graph
        Without live statistics.
    core : Roi
        Output voxels wanted, inside the padded scan.
    extent : (Z, Y, X)
        Shape of the padded scan: a multiple of the graph's stride.
    """
    extents = graph.extents(extent)
    values: list[Window | None] = [None] * len(extents)
    values[-1] = Window(core, extents[-1])
    kept: dict[int, Window] = {}
    for position in range(len(graph.nodes), 0, -1):
        need, node = values[position], graph.nodes[position - 1]
        if need is None:
            continue
        for i in node.inputs:
            source = Window(cut_to(node.operation.reach(need.roi), extents[i]), extents[i])
            values[i] = _joined(values[i], source)
            if graph.random[position] and not graph.random[i]:
                kept[i] = _joined(kept.get(i), source)
    if not graph.random[-1]:  # then the draw is what the deterministic part gives
        kept[len(graph.nodes)] = Window(core, extents[-1])
    return GraphWindows(Window(core, extents[-1]), tuple(values), kept)


def full_windows(graph: Graph, core: Roi, tile: Roi) -> GraphWindows:
    """Compute every step on a whole tile of the scan, as live statistics need it.

    Both are boxes of the padded scan; the tile starts and ends at multiples of the stride. The
    windows count from its first voxel.
    """
    extents = graph.extents(tile.shape)
    for node, shape in zip(graph.nodes, extents[1:], strict=True):
        if node.live and math.prod(shape) == 1:
            raise SettingsError(
                f"the scan is too small for this network: {node.name} would normalise one voxel"
            )
    reached = shrinking_windows(graph, core.relative_to(tile.start), tile.shape)
    values = tuple(
        None if window is None else Window.whole(shape)
        for window, shape in zip(reached.values, extents, strict=True)
    )
    kept = {i: Window.whole(extents[i]) for i in reached.kept}
    return GraphWindows(reached.core, values, kept, tile.start)
