from __future__ import annotations

import torch

from napari_bayesseg.networks.normalisation import GroupNorm


def test_live_statistics_are_those_of_the_library() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 8, 3, 4, 5) * 3 + 1
    ours, theirs = GroupNorm(8, 4), torch.nn.GroupNorm(4, 8)
    torch.testing.assert_close(ours(x), theirs(x))


def test_population_statistics_are_the_averages_over_batches() -> None:
    torch.manual_seed(1)
    layer = GroupNorm(8, 4)
    torch.nn.init.normal_(layer.weight)
    torch.nn.init.normal_(layer.bias)
    batches = [torch.randn(2, 8, 3, 4, 5) * (i + 1) + i for i in range(3)]
    layer.statistics = "accumulating"
    for batch in batches:
        layer(batch)
    stacked = torch.cat(batches).unflatten(1, (4, 2)).transpose(0, 1).flatten(1)
    mean, variance = stacked.mean(1), stacked.var(1, unbiased=False)
    layer.statistics = "population"
    x = torch.randn(1, 8, 2, 2, 2)
    expected = (x.unflatten(1, (4, 2)) - mean.view(1, 4, 1, 1, 1, 1)) / (
        variance.view(1, 4, 1, 1, 1, 1) + 1e-5
    ).sqrt()
    expected = expected.flatten(1, 2) * layer.weight.view(1, -1, 1, 1, 1)
    expected = expected + layer.bias.view(1, -1, 1, 1, 1)
    torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-4)


def test_with_population_statistics_a_voxel_does_not_see_its_neighbours() -> None:
    layer = GroupNorm(4, 2)
    layer.statistics = "population"
    x = torch.randn(1, 4, 6, 6, 6)
    torch.testing.assert_close(layer(x)[..., :3], layer(x[..., :3]), rtol=0, atol=0)
