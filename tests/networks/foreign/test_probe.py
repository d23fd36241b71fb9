"""Stride and receptive field: found from the graph, by trying, and on paper."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from napari_bayesseg.core.errors import CheckpointError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.networks.foreign.dropout import replace_dropout
from napari_bayesseg.networks.foreign.probe import Probe
from napari_bayesseg.networks.foreign.trace import trace
from tests.foreign_models import foreign_network

NETWORKS: list[tuple[str, dict[str, Any], Index3]] = [
    ("monai.UNet", {}, (4, 4, 4)),
    ("monai.UNet", {"strides": [2, 3], "kernel_size": 5}, (6, 6, 6)),
    ("monai.UNet", {"norm": "instance"}, (4, 4, 4)),
    ("monai.DynUNet", {}, (2, 4, 4)),
    ("monai.SegResNet", {}, (4, 4, 4)),
    ("monai.SegResNet", {"norm": ["group", {"num_groups": 4}]}, (4, 4, 4)),
    ("monai.SegResNet", {"upsample_mode": "deconv"}, (4, 4, 4)),
]


@pytest.mark.parametrize(("name", "changes", "stride"), NETWORKS, ids=str)
def test_trying_finds_what_the_graph_says(
    name: str, changes: dict[str, Any], stride: Index3
) -> None:
    network = foreign_network(name, **changes)
    replace_dropout(network)
    graph, probe = trace(network, 1), Probe(network, 1)
    assert probe.stride == graph.stride == stride
    assert probe.receptive_field() == graph.receptive_field()


def test_the_strides_of_the_full_networks() -> None:
    def stride_of(network: nn.Module) -> Index3:
        replace_dropout(network)
        return trace(network, 1).stride

    assert stride_of(foreign_network("monai.VNet")) == (16, 16, 16)
    unet = foreign_network("monai.UNet", channels=[4, 4, 4, 4, 4], strides=[2, 2, 2, 2])
    assert stride_of(unet) == (16, 16, 16)
    four_levels = {"blocks_down": [1, 2, 2, 4], "blocks_up": [1, 1, 1]}
    assert stride_of(foreign_network("monai.SegResNet", **four_levels)) == (8, 8, 8)


def on_paper(kernels: list[int]) -> int:
    return sum((kernel - 1) // 2 for kernel in kernels)


def test_the_receptive_field_of_plain_convolutions() -> None:
    layers = [nn.Conv3d(1, 2, 3, padding=1), nn.ReLU(), nn.Conv3d(2, 1, 5, padding=2)]
    network = nn.Sequential(*layers)
    radius = on_paper([3, 5])
    assert Probe(network, 1).stride == (1, 1, 1)
    assert Probe(network, 1).receptive_field() == ((radius,) * 3, (radius,) * 3)


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")  # torch's own
def test_sides_and_axes_differ() -> None:
    """An even kernel looks further up than down; along y nothing but the voxel itself counts."""
    network = nn.Sequential(nn.Conv3d(1, 1, (4, 1, 3), padding="same"))
    expected = ((1, 0, 1), (2, 0, 1))
    assert Probe(network, 1).receptive_field() == expected
    assert trace(network, 1).receptive_field() == expected


class Folded(nn.Module):
    """Space to channels and back by reshaping, which no graph of ours follows: stride (1, 1, 4)."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = nn.Conv3d(4, 4, (1, 1, 3), padding=(0, 0, 1))

    def forward(self, x: Tensor) -> Tensor:
        n, _, z, y, width = x.shape
        folded = x.reshape(n, z, y, width // 4, 4).permute(0, 4, 1, 2, 3)
        out: Tensor = self.inside(folded).permute(0, 2, 3, 4, 1).reshape(n, 1, z, y, width)
        return out


def test_a_stride_that_only_trying_finds() -> None:
    probe = Probe(Folded(), 1)
    assert probe.stride == (1, 1, 4)
    # The first voxel of a cell reaches the next cell's last, 7 above; the last one 7 below.
    assert probe.receptive_field() == ((0, 0, 7), (0, 0, 7))


def test_maxima_and_dropout_hide_nothing() -> None:
    layers = [nn.MaxPool3d(2), nn.Dropout(0.9), nn.Conv3d(1, 1, 3, padding=1), nn.Tanh()]
    network = nn.Sequential(*layers, nn.Upsample(scale_factor=2))
    expected = ((3,) * 3, (3,) * 3)
    replace_dropout(network)
    assert Probe(network, 1).stride == (2, 2, 2)
    assert Probe(network, 1).receptive_field() == expected == trace(network, 1).receptive_field()


def test_the_gaps_of_a_dilated_maximum_count() -> None:
    network = nn.Sequential(nn.MaxPool3d(3, stride=1, padding=1, dilation=1), nn.Tanh())
    assert Probe(network, 1).receptive_field() == ((1,) * 3, (1,) * 3)
    wide = nn.Sequential(nn.ConstantPad3d(1, 0.0), nn.MaxPool3d(3, 1, padding=1, dilation=2))
    assert Probe(wide, 1).receptive_field() == ((2,) * 3, (2,) * 3)


class Whole(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x - torch.linspace(0, 1, x.shape[2], dtype=x.dtype)[:, None, None]


class Shrinking(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, 1:]


@pytest.mark.parametrize(
    ("network", "reason"), [(Whole(), "moves with no shift"), (Shrinking(), "takes no cube")]
)
def test_what_can_not_be_tiled_is_refused(network: nn.Module, reason: str) -> None:
    with pytest.raises(CheckpointError, match=reason):
        Probe(network, 1)
