"""How a foreign network is run on a block: step by step on shrinking boxes, or in full passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from napari_bayesseg.core.errors import CheckpointError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.networks.cost import NetworkCost
from napari_bayesseg.networks.foreign.cost import graph_cost, voxel_cost
from napari_bayesseg.networks.foreign.dropout import DrawKey, full_pass, replace_dropout
from napari_bayesseg.networks.foreign.execute import Values, run_deterministic, run_random
from napari_bayesseg.networks.foreign.graph import Graph
from napari_bayesseg.networks.foreign.modules import has_live_statistics
from napari_bayesseg.networks.foreign.operations import cut_to, index3
from napari_bayesseg.networks.foreign.probe import Probe
from napari_bayesseg.networks.foreign.trace import NotTraceable, trace
from napari_bayesseg.networks.foreign.windows import (
    GraphWindows,
    full_windows,
    shrinking_windows,
)
from napari_bayesseg.networks.window import Patch

__all__ = ["Engine", "GraphEngine", "WholeEngine", "make_engine"]


class Engine(Protocol):
    """Runs a network for one output box of a padded scan.

    Attributes
    ----------
    stride : (z, y, x)
        The padded scan's shape is a multiple of it.
    reach : ((z, y, x), (z, y, x))
        Voxels below and above an output voxel that a full pass looks at.
    full_passes : str
        Why the network runs in full passes, or nothing if it does not.
    """

    stride: Index3
    reach: tuple[Index3, Index3]
    full_passes: str

    def read_roi(self, core: Roi, extent: Index3) -> Roi:
        """Return the box of the padded scan that a block reads."""
        ...

    def prepare(self, core: Roi, extent: Index3, scan: Tensor) -> Any:
        """Run what all draws share; `scan` is ``(1, C, *read_roi)``."""
        ...

    def logits(self, features: Any, key: DrawKey) -> Tensor:
        """Run one draw: logits ``(1, num_classes, *core)``."""
        ...

    def cost(self, core: Roi, extent: Index3, item_bytes: int) -> NetworkCost:
        """Return memory and operations of a block."""
        ...


def tile_around(core: Roi, reach: tuple[Index3, Index3], stride: Index3, extent: Index3) -> Roi:
    """Grow a box by the receptive field, to multiples of the stride, cut at the padded scan."""
    low = [(a - r) // s * s for a, r, s in zip(core.start, reach[0], stride, strict=True)]
    high = [-(-(b + r) // s) * s for b, r, s in zip(core.stop, reach[1], stride, strict=True)]
    return cut_to(Roi(index3(low), index3(high)), extent)


class GraphEngine:
    """A network whose steps are known; the deterministic ones run once a block.

    With live statistics every step sees its whole tile; else just what the core needs of it.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.stride = graph.stride
        self._live = bool(graph.live)
        self.reach = graph.receptive_field()
        self.full_passes = ""
        if self._live:
            self.full_passes = _normalising(graph.live)

    def windows(self, core: Roi, extent: Index3) -> GraphWindows:
        """Return which boxes are computed for an output box."""
        if not self._live:
            return shrinking_windows(self.graph, core, extent)
        tile = tile_around(core, self.reach, self.stride, extent)
        return full_windows(self.graph, core, tile)

    def read_roi(self, core: Roi, extent: Index3) -> Roi:
        """Return the box of the padded scan that a block reads."""
        return self.windows(core, extent).read_roi

    def prepare(self, core: Roi, extent: Index3, scan: Tensor) -> tuple[GraphWindows, Values]:
        """Run the deterministic part."""
        windows = self.windows(core, extent)
        return windows, run_deterministic(self.graph, windows, Patch(scan, windows.read))

    def logits(self, features: tuple[GraphWindows, Values], key: DrawKey) -> Tensor:
        """Run the random part."""
        return run_random(self.graph, *features, key)

    def cost(self, core: Roi, extent: Index3, item_bytes: int) -> NetworkCost:
        """Return memory and operations of a block."""
        return graph_cost(self.graph, self.windows(core, extent), item_bytes)


@dataclass(frozen=True)
class _Tile:
    roi: Roi
    core: Roi
    scan: Tensor


class WholeEngine:
    """A network that can't be followed: each draw is a pass over core and receptive field."""

    def __init__(self, network: nn.Module, in_channels: int, reason: str) -> None:
        self._network = network
        probe = Probe(network, in_channels)
        self.stride = probe.stride
        self.reach = probe.receptive_field()
        self._cost = voxel_cost(network, in_channels, (2 * max(self.stride),) * 3)
        self.full_passes = reason

    def read_roi(self, core: Roi, extent: Index3) -> Roi:
        """Return the tile of a block."""
        return tile_around(core, self.reach, self.stride, extent)

    def prepare(self, core: Roi, extent: Index3, scan: Tensor) -> _Tile:
        """Run nothing: what is deterministic is not known."""
        return _Tile(self.read_roi(core, extent), core, scan)

    def logits(self, features: _Tile, key: DrawKey) -> Tensor:
        """Run the whole network."""
        with full_pass(key, features.roi):
            # A copy: the network's first step may overwrite what it is given.
            out: Tensor = self._network(features.scan.clone())
        box = features.core.relative_to(features.roi.start)
        return out[(slice(None), slice(None), *box.slices)]

    def cost(self, core: Roi, extent: Index3, item_bytes: int) -> NetworkCost:
        """Return memory and operations of a block."""
        return self._cost.of(self.read_roi(core, extent).size, item_bytes)


def make_engine(network: nn.Module, in_channels: int, *, is_member: bool = False) -> Engine:
    """Put our dropout into a network and choose how it is run.

    Parameters
    ----------
    network : nn.Module
    in_channels : int
        Channels of the scan.
    is_member : bool
        Of several networks that together make a posterior: then nothing in it need be random.

    Raises
    ------
    CheckpointError
        If nothing in it is random though it is no member, or its output has another shape than
        its input.
    """
    layers = replace_dropout(network.eval())
    if not layers and not is_member:
        raise _alike()
    try:
        graph = trace(network, in_channels)
    except NotTraceable as reason:
        named = network.named_modules()
        live = [name for name, module in named if has_live_statistics(module)]
        why = f"{reason}; {_normalising(live)}" if live else str(reason)
        return WholeEngine(network, in_channels, why)
    if not graph.random[-1] and not is_member:
        raise _alike()
    z, y, x = (8 * s for s in graph.stride)
    if graph.extents((z, y, x))[-1] != (z, y, x):
        raise CheckpointError(
            f"the network makes {graph.extents((z, y, x))[-1]} voxels of {(z, y, x)}; it must "
            "give back the scan's shape"
        )
    return GraphEngine(graph)


def _normalising(names: Sequence[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]}{more} normalise by statistics of what they are shown"


def _alike() -> CheckpointError:
    return CheckpointError(
        "this network has no dropout at a rate above 0: all draws would be alike and a zero map "
        "would look like certainty"
    )
