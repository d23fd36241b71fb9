from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.networks.cost import vnet_cost
from napari_bayesseg.networks.vnet3d import vnet_windows
from napari_bayesseg.networks.window import Patch
from tests.models import small_network


@pytest.mark.parametrize("core", [Roi((0, 0, 0), (16, 16, 16)), Roi((8, 4, 8), (20, 16, 12))])
def test_operations_are_those_that_the_library_counts(core: Roi) -> None:
    network = small_network("mc-dropout")
    windows = vnet_windows(network.spec, core, (32, 24, 32))
    cost = vnet_cost(network.spec, windows)
    # Gradients on: the counter knows the ordinary convolution, not the direct library call.
    patch = Patch(torch.randn(1, 1, *windows.read.shape), windows.read)
    with FlopCounterMode(display=False) as encoder:
        features = network.encode(patch, windows)
    with FlopCounterMode(display=False) as decoder:
        network.decode(features, windows, torch.Generator())
    assert cost.fixed_operations == encoder.get_total_flops() / 2
    assert cost.draw_operations == decoder.get_total_flops() / 2
