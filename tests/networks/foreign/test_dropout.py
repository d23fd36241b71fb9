from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.networks.foreign.dropout import (
    DrawKey,
    SampledDropout,
    full_pass,
    replace_dropout,
)
from napari_bayesseg.numerics.voxel_hash import keep_mask, voxel_key

KEY = DrawKey(2, 5)


def ones(channels: int = 8, *shape: int) -> torch.Tensor:
    return torch.ones(1, channels, *(shape or (6, 7, 8)))


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_voxels_are_dropped_by_the_hash_and_the_rest_is_scaled(rate: float) -> None:
    layer = SampledDropout("a.b", rate, channels=False)
    out = layer.sample(ones(), (3, 4, 5), KEY)[0].numpy()
    keep = keep_mask(voxel_key(2, 5, "a.b"), rate, (3, 4, 5), (8, 6, 7, 8))
    np.testing.assert_allclose(out, keep / (1 - rate), rtol=1e-6)


def test_channels_are_dropped_for_the_whole_volume() -> None:
    layer = SampledDropout("a.b", 0.5, channels=True)
    one = layer.sample(ones(64), (0, 0, 0), KEY)
    other = layer.sample(ones(64, 1, 2, 3), (100, 20, 3), KEY)
    per_channel = one.flatten(2)
    assert torch.equal(per_channel.amin(2), per_channel.amax(2))
    assert torch.equal(one[0, :, 0, 0, 0], other[0, :, 0, 0, 0])
    assert set(one.unique().tolist()) == {0.0, 2.0}
    changed = layer.sample(ones(64), (0, 0, 0), DrawKey(2, 6))
    assert not torch.equal(one, changed)


@pytest.mark.parametrize("channels", [False, True])
def test_alpha_dropout_keeps_mean_and_variance(channels: bool) -> None:
    """Of standard normal input: the property that defines it."""
    layer = SampledDropout("a", 0.3, channels=channels, alpha=True)
    shape = (1, 20000, 2, 2, 2) if channels else (1, 16, 32, 32, 32)
    data = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    out = layer.sample(data, (0, 0, 0), KEY)
    assert abs(out.mean().item()) < 0.02
    assert abs(out.var().item() - 1) < 0.03


def test_everything_can_be_dropped() -> None:
    for alpha in (False, True):
        layer = SampledDropout("a", 1.0, channels=False, alpha=alpha)
        assert not layer.sample(ones(), (0, 0, 0), KEY).any()


class Holder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Dropout(0.1)
        self.again = self.shared
        self.inner = nn.Sequential(nn.Dropout3d(0.2), nn.ReLU(), nn.AlphaDropout(0.3))
        self.more = nn.ModuleList([nn.Dropout2d(0.4), nn.FeatureAlphaDropout(0.5), nn.Dropout(0.0)])


def test_every_dropout_is_replaced() -> None:
    network = Holder()
    layers = replace_dropout(network)
    found = {(layer.name, layer.rate, layer.channels, layer.alpha) for layer in layers}
    assert found == {
        ("shared", 0.1, False, False),
        ("inner.0", 0.2, True, False),
        ("inner.2", 0.3, False, True),
        ("more.0", 0.4, True, False),
        ("more.1", 0.5, True, True),
    }
    assert network.shared is network.again
    assert isinstance(network.inner[1], nn.ReLU)
    kinds = [type(module).__name__ for module in network.modules()]
    assert not any("Dropout" in kind and kind != "SampledDropout" for kind in kinds)


def test_outside_of_a_pass_nothing_is_dropped() -> None:
    data = ones()
    assert SampledDropout("a", 0.5, channels=False)(data) is data


def test_a_pass_knows_where_each_level_begins_and_counts_uses() -> None:
    layer = SampledDropout("a", 0.5, channels=False)
    tile = Roi((8, 16, 24), (24, 32, 40))
    with full_pass(KEY, tile):
        fine, coarse = layer(ones(4, 16, 16, 16)), layer(ones(4, 4, 8, 16))
    assert torch.equal(fine, layer.sample(ones(4, 16, 16, 16), (8, 16, 24), KEY, "a"))
    assert torch.equal(coarse, layer.sample(ones(4, 4, 8, 16), (2, 8, 24), KEY, "a#2"))
