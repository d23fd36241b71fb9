"""Tiles of the four networks against a pass over the whole padded scan."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.inference.plan import BlockPlan
from napari_bayesseg.networks.foreign.dropout import DrawKey, full_pass, replace_dropout
from napari_bayesseg.networks.foreign.execute import run_deterministic, run_random
from napari_bayesseg.networks.foreign.graph import Graph
from napari_bayesseg.networks.foreign.trace import trace
from napari_bayesseg.networks.foreign.windows import shrinking_windows
from napari_bayesseg.networks.window import Patch
from tests.foreign_models import foreign_network, padded_scan

KEY = DrawKey(3, 1)
# Blocks of odd size, one voxel larger than a multiple of the stride, and the whole.
CASES: dict[str, tuple[str, dict[str, object], Index3, list[Index3]]] = {
    "UNet": ("monai.UNet", {}, (29, 34, 41), [(16, 16, 16), (5, 7, 9), (13, 17, 41), (29, 34, 41)]),
    "UNet, other strides": (
        "monai.UNet",
        {"strides": [2, 3], "kernel_size": 5, "num_res_units": 0, "up_kernel_size": 3},
        (20, 25, 40),
        [(12, 12, 12), (7, 13, 9)],
    ),
    "VNet": ("monai.VNet", {}, (9, 14, 70), [(16, 16, 33), (9, 7, 16)]),
    "VNet, voxels": ("monai.VNet", {"dropout_dim": 1}, (9, 14, 70), [(16, 16, 33)]),
    "DynUNet": ("monai.DynUNet", {}, (7, 30, 41), [(4, 16, 16), (3, 5, 7), (3, 9, 41)]),
    "SegResNet": ("monai.SegResNet", {}, (19, 22, 37), [(16, 16, 16), (5, 9, 17)]),
    "SegResNet, deconv": (
        "monai.SegResNet",
        {"upsample_mode": "deconv"},
        (19, 22, 37),
        [(8, 12, 16), (5, 9, 17)],
    ),
}


def tile(graph: Graph, scan: Tensor, core: Roi) -> Tensor:
    z, y, x = scan.shape[2:]
    windows = shrinking_windows(graph, core, (z, y, x))
    patch = Patch(scan[(..., *windows.read.roi.slices)].clone(), windows.read)
    return run_random(graph, windows, run_deterministic(graph, windows, patch), KEY)


def whole(network: nn.Module, scan: Tensor) -> Tensor:
    """The reference: the network itself, called once on the whole padded scan."""
    z, y, x = scan.shape[2:]
    with full_pass(KEY, Roi.whole((z, y, x))):
        out: Tensor = network(scan.clone())
    return out


@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_in_double_precision_tiling_is_exact(case: str) -> None:
    name, changes, shape, blocks = CASES[case]
    network = foreign_network(name, **changes).double()
    replace_dropout(network)
    graph = trace(network, 1)
    scan = torch.from_numpy(padded_scan(shape, graph.stride))[None, None].double()
    reference = whole(network, scan)
    assert (reference - network(scan.clone())).abs().max() > 1e-3  # the noise does something
    assert reference.std() > 0.1
    for block in blocks:
        cores = [piece.core for piece in BlockPlan(shape, Roi.whole(shape), block).blocks()]
        every = max(len(cores) // (12 if name == "monai.VNet" else 60), 1)
        chosen = [*cores[::every], cores[-1]]  # in order, so that all borders are among them
        for core in chosen:
            difference = tile(graph, scan, core) - reference[(..., *core.slices)]
            assert difference.abs().max() <= 1e-12, (block, core)


@pytest.mark.parametrize("name", ["monai.UNet", "monai.SegResNet", "monai.VNet"])
@torch.inference_mode()
def test_features_hold_what_the_draws_need_and_no_more(name: str) -> None:
    network = foreign_network(name)
    replace_dropout(network)
    graph = trace(network, 1)
    shape: Index3 = (64, 64, 64)
    core = Roi((24, 24, 24), (40, 40, 40))
    windows = shrinking_windows(graph, core, shape)
    scan = Patch(torch.zeros(1, 1, *windows.read.shape), windows.read)
    features = run_deterministic(graph, windows, scan)
    assert features.keys() == windows.kept.keys()
    for position, patch in features.items():
        assert not graph.random[position]
        readers = [
            node
            for place, node in enumerate(graph.nodes, 1)
            if position in node.inputs and graph.random[place]
        ]
        assert readers
        storage = patch.data.untyped_storage().nbytes()
        assert storage == patch.data.numel() * patch.data.element_size()
        assert patch.data.shape[1] == graph.channels[position]


@torch.inference_mode()
def test_a_draw_runs_no_deterministic_step() -> None:
    """The scan and everything before the first dropout can be destroyed once they are kept."""
    network = foreign_network("monai.VNet")
    replace_dropout(network)
    graph = trace(network, 1)
    shape: Index3 = (16, 16, 32)
    windows = shrinking_windows(graph, Roi.whole(shape), shape)
    scan = Patch(torch.randn(1, 1, *shape), windows.read)
    features = run_deterministic(graph, windows, scan)
    before = run_random(graph, windows, features, KEY)
    for path in ("in_tr", "down_tr32", "down_tr64"):
        for parameter in network.get_submodule(path).parameters():
            parameter.fill_(float("nan"))
    assert torch.equal(run_random(graph, windows, features, KEY), before)
