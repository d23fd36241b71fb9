from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.networks.foreign.dropout import DrawKey, replace_dropout
from napari_bayesseg.networks.foreign.execute import run_deterministic, run_random
from napari_bayesseg.networks.foreign.graph import Graph
from napari_bayesseg.networks.foreign.trace import NotTraceable, trace
from napari_bayesseg.networks.foreign.windows import shrinking_windows
from napari_bayesseg.networks.window import Patch
from tests.foreign_models import foreign_network


class Calls(nn.Module):
    """Every kind of call that is known, in one network."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv3d(1, 4, 3, padding=1)
        self.dropout = nn.Dropout(0.5)
        self.pool = nn.AvgPool3d(2)
        self.last = nn.Conv3d(16, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.leaky_relu(self.first(x), 0.2)
        repeated = x.repeat([1, 4, 1, 1, 1])
        z = 2.0 * self.dropout(y) - repeated / 3 + torch.tanh(y).add(y, alpha=0.5)
        z += y.relu()
        up = functional.interpolate(z, scale_factor=2, mode="trilinear", align_corners=False)
        down = functional.interpolate(y, scale_factor=2.0)
        wide = functional.silu(torch.cat([up, down, up], dim=1))
        calm = functional.dropout(wide, 0.3, self.training)
        return self.last(torch.cat((self.pool(calm), self.dropout(z)), 1))


def traced(network: nn.Module) -> Graph:
    replace_dropout(network.eval())
    return trace(network, 1)


def test_every_known_call_is_computed_as_the_network_does() -> None:
    network = Calls().double().eval()
    graph = traced(network)
    x = torch.randn(1, 1, 6, 7, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    core = Roi((2, 0, 3), (5, 4, 8))
    with torch.inference_mode():
        windows = shrinking_windows(graph, core, (6, 7, 8))
        scan = Patch(x[(..., *windows.read.roi.slices)], windows.read)
        features = run_deterministic(graph, windows, scan)
        silent = DrawKey(0, 0)
        for node in graph.nodes:  # no rate, no noise: what is left is the network in evaluation
            if hasattr(node.operation, "layer") and hasattr(node.operation.layer, "rate"):
                node.operation.layer.rate = 0.0
        out = run_random(graph, windows, features, silent)
        assert (out - network(x)[(..., *core.slices)]).abs().max() <= 1e-12
    assert graph.stride == (1, 1, 1)
    assert graph.channels[-1] == 2


def test_uses_of_one_layer_have_names_of_their_own() -> None:
    graph = traced(Calls())
    names = [getattr(node.operation, "name", None) for node in graph.nodes]
    assert [name for name in names if name] == ["dropout", "dropout#2"]


def test_what_depends_on_noise_is_random_and_nothing_else() -> None:
    graph = traced(Calls())
    random = {node.name for node, r in zip(graph.nodes, graph.random[1:], strict=True) if r}
    assert "first" not in random
    assert {"dropout", "last", "pool"} <= random
    network = traced(foreign_network("monai.VNet"))
    flags = zip(network.nodes, network.random[1:], strict=True)
    deterministic = [node.name for node, is_random in flags if not is_random]
    # Its dropout begins in the third level.
    assert deterministic[-1].startswith(("down_tr64", "down_tr128"))
    assert sum(name.startswith("down_tr64.ops") for name in deterministic) > 0


class WithBranch(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.mean() > 0 else -x


class WithView(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.view(1, 1, -1).reshape(x.shape)


class Overwriting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.activation = nn.Conv3d(1, 1, 1), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        return self.activation(y) + y


class TwoOutputs(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (WithBranch(), "can't be followed"),
        (WithView(), "not known|other than arrays"),
        (Overwriting(), "overwrites"),
        (TwoOutputs(), "more than one array"),
        (nn.Sequential(nn.AdaptiveAvgPool3d(1)), "AdaptiveAvgPool3d is not known"),
        (nn.Identity(), "followed|input"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_reason_is_named(network: nn.Module, reason: str) -> None:
    with pytest.raises(NotTraceable, match=reason):
        trace(network, 1)


def test_live_statistics_are_named() -> None:
    graph = traced(foreign_network("monai.UNet", norm="instance"))
    assert len(graph.live) > 1
    assert all(name.endswith(".N") for name in graph.live)
