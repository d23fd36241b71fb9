"""A network as a list of operations, and what is known from it without running it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from napari_bayesseg.core.errors import CheckpointError, SettingsError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.networks.foreign.operations import Operation, Sampling, Scale, index3

__all__ = ["Graph", "Node"]


@dataclass(frozen=True)
class Node:
    """One operation.

    Attributes
    ----------
    name : str
    operation : Operation
    inputs : tuple of int
        Positions in the graph's values: 0 is the scan, i + 1 the output of node i.
    live : bool
        Whether it normalises by statistics of what it sees, so that the box matters.
    """

    name: str
    operation: Operation
    inputs: tuple[int, ...]
    live: bool = False


@dataclass(frozen=True)
class Graph:
    """Operations in the order of execution; the last one makes the logits.

    Attributes
    ----------
    nodes : tuple of Node
    in_channels : int
        Of the scan.
    """

    nodes: tuple[Node, ...]
    in_channels: int

    @cached_property
    def random(self) -> tuple[bool, ...]:
        """For each value whether it depends on a random node."""
        found = [False]
        for node in self.nodes:
            found.append(
                any(found[i] for i in node.inputs)
                or (isinstance(node.operation, Sampling) and node.operation.layer.rate > 0.0)
            )
        return tuple(found)

    @cached_property
    def channels(self) -> tuple[int, ...]:
        """Channels of each value."""
        found = [self.in_channels]
        for node in self.nodes:
            found.append(node.operation.channels(tuple(found[i] for i in node.inputs)))
        return tuple(found)

    @cached_property
    def scales(self) -> tuple[Scale, ...]:
        """Voxels of the scan that a voxel of each value covers."""
        found: list[Scale] = [(Fraction(1), Fraction(1), Fraction(1))]
        for node in self.nodes:
            inputs = [found[i] for i in node.inputs]
            if any(scale != inputs[0] for scale in inputs):
                raise CheckpointError(f"{node.name} of the network joins two levels of resolution")
            found.append(node.operation.scale(inputs[0]))
        return tuple(found)

    @cached_property
    def stride(self) -> Index3:
        """Voxels of the scan by which all levels move by whole voxels."""
        z, y, x = (math.lcm(*(scale[axis].numerator for scale in self.scales)) for axis in range(3))
        return z, y, x

    @property
    def live(self) -> tuple[str, ...]:
        """Names of the nodes with live statistics."""
        return tuple(node.name for node in self.nodes if node.live)

    def extents(self, extent: Index3) -> tuple[Index3, ...]:
        """Return the shape of each value for a padded scan.

        Raises
        ------
        SettingsError
            If the scan is too small for the network.
        """
        found = [extent]
        for node in self.nodes:
            inputs = [found[i] for i in node.inputs]
            shape = node.operation.extent(inputs[0])
            if min(shape) < 1 or any(other != inputs[0] for other in inputs):
                raise SettingsError(
                    f"a padded scan of {extent} voxels does not fit the network: {node.name} gets "
                    f"{' and '.join(map(str, inputs))}; the scan is too small, or the network "
                    "takes other shapes than multiples of its stride"
                )
            found.append(shape)
        return tuple(found)

    def reach(self, box: Roi) -> Roi:
        """Return the box of the scan from which an output box is computed, as if without end."""
        needs: list[Roi | None] = [None] * len(self.nodes) + [box]
        for position in reversed(range(len(self.nodes))):
            need, node = needs[position + 1], self.nodes[position]
            if need is not None:
                source = node.operation.reach(need)
                for i in node.inputs:
                    needs[i] = _union(needs[i], source)
        return needs[0] or Roi(box.start, box.start)

    def receptive_field(self) -> tuple[Index3, Index3]:
        """Return how many voxels below and above an output voxel reach it, at most, per axis."""
        low, high = [0, 0, 0], [0, 0, 0]
        for phase in range(max(self.stride)):
            at = index3([phase] * 3)
            reached = self.reach(Roi(at, index3([phase + 1] * 3)))
            for axis in range(3):
                low[axis] = max(low[axis], phase - reached.start[axis])
                high[axis] = max(high[axis], reached.stop[axis] - 1 - phase)
        return index3(low), index3(high)


def _union(one: Roi | None, other: Roi) -> Roi:
    if one is None:
        return other
    return Roi(
        index3([min(a, b) for a, b in zip(one.start, other.start, strict=True)]),
        index3([max(a, b) for a, b in zip(one.stop, other.stop, strict=True)]),
    )
