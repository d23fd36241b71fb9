from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.networks.foreign.cost import graph_cost, voxel_cost
from napari_bayesseg.networks.foreign.dropout import replace_dropout
from napari_bayesseg.networks.foreign.trace import trace
from napari_bayesseg.networks.foreign.windows import shrinking_windows
from tests.foreign_models import foreign_network

EXTENT: Index3 = (12, 12, 12)


def chain() -> nn.Module:
    network = nn.Sequential(
        nn.Conv3d(1, 4, 3, padding=1), nn.Dropout(0.5), nn.Conv3d(4, 2, 3, padding=1)
    )
    replace_dropout(network.eval())
    return network


def test_a_chain_on_paper() -> None:
    """Core 4^3: the draw's convolution needs 6^3 features, the encoder's 8^3 voxels."""
    graph = trace(chain(), 1)
    windows = shrinking_windows(graph, Roi((4, 4, 4), (8, 8, 8)), EXTENT)
    cost = graph_cost(graph, windows, item_bytes=4)
    assert windows.read.shape == (8, 8, 8)
    assert cost.feature_bytes == 4 * 4 * 6**3
    assert cost.fixed_operations == 27 * 4 * 6**3
    assert cost.draw_operations == 27 * 4 * 2 * 4**3
    # Scan and features, dropped features and logits; and the copies of each in 16 channels.
    assert cost.fixed_bytes == 4 * (8**3 + 4 * 6**3 + 16 * (8**3 + 6**3))
    assert cost.draw_bytes == 4 * (4 * 6**3 + 2 * 4**3 + 16 * (6**3 + 4**3))
    assert cost.peak_bytes(3) == cost.feature_bytes + 3 * cost.draw_bytes


def test_a_border_block_costs_less() -> None:
    graph = trace(chain(), 1)
    middle = graph_cost(graph, shrinking_windows(graph, Roi((4,) * 3, (8,) * 3), EXTENT), 4)
    corner = graph_cost(graph, shrinking_windows(graph, Roi((0,) * 3, (4,) * 3), EXTENT), 4)
    assert corner.peak_bytes(1) < middle.peak_bytes(1)
    assert corner.fixed_operations < middle.fixed_operations


@pytest.mark.parametrize("name", ["monai.UNet", "monai.SegResNet"])
def test_a_measured_pass_has_the_operations_of_the_graph(name: str) -> None:
    network = foreign_network(name)
    replace_dropout(network)
    graph, size = trace(network, 1), (16, 16, 16)
    windows = shrinking_windows(graph, Roi.whole(size), size)
    known = graph_cost(graph, windows, 4)
    measured = voxel_cost(network, 1, size)
    total = known.fixed_operations + known.draw_operations
    assert measured.of(16**3, 4).draw_operations == pytest.approx(total, rel=0.2)
    assert measured.numbers >= max(graph.channels[-1], 4)


def test_measuring_leaves_no_hooks() -> None:
    network = chain()
    voxel_cost(network, 1, (4, 4, 4))
    assert not any(module._forward_hooks for module in network.modules())
    assert torch.is_grad_enabled()
