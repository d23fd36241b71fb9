from __future__ import annotations

import pytest
import torch

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.networks.spec import VNetSpec
from napari_bayesseg.networks.stochastic import stochastic_layers
from napari_bayesseg.networks.variational import VariationalConvolution
from napari_bayesseg.networks.vnet3d import VNet, vnet_windows
from tests.models import small_network, small_spec


def count(network: VNet) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_full_nets_have_the_published_number_of_parameters() -> None:
    bayesian = VNet(VNetSpec(num_classes=1, head="reference"))
    kernels = [m.mean.numel() for m in bayesian.modules() if isinstance(m, VariationalConvolution)]
    assert count(bayesian) == 1_924_964
    assert sum(kernels) == 521_905
    assert count(VNet(VNetSpec(num_classes=1, head="reference", decoder="dropout"))) == 1_403_059


@pytest.mark.parametrize("method", ["bcnn", "mc-dropout"])
def test_only_the_decoder_is_random(method: str) -> None:
    network = small_network(method)
    assert stochastic_layers(network)
    assert not stochastic_layers(network.encoder)


def test_windows_hold_exactly_the_receptive_field() -> None:
    """A change of any voxel outside `read` leaves the core alone; at its faces it is felt."""
    network = small_network().double()
    generator = torch.Generator().manual_seed(0)
    extent: Index3 = (56, 48, 52)
    core = Roi((24, 20, 24), (28, 24, 28))
    read = vnet_windows(network.spec, core, extent).read.roi
    x = torch.randn(1, 1, *extent, dtype=torch.float64, generator=generator, requires_grad=True)
    noise = {
        layer.name: torch.rand_like(layer.mean) if hasattr(layer, "mean") else torch.ones(())
        for layer in stochastic_layers(network)
    }
    network(x, noise)[(..., *core.slices)].square().sum().backward()
    assert x.grad is not None
    touched = x.grad[0, 0].abs() > 0
    inside = torch.zeros(extent, dtype=torch.bool)
    inside[read.slices] = True
    assert not (touched & ~inside).any()
    for axis in range(3):
        planes = touched.any(dim=tuple(a for a in range(3) if a != axis)).nonzero().flatten()
        # Maximum pooling may leave the outermost plane untouched by chance, but not several.
        assert planes[0] - read.start[axis] <= 2
        assert read.stop[axis] - 1 - planes[-1] <= 2


def test_halo_is_asymmetric_and_small_for_three_levels() -> None:
    spec = VNetSpec(num_classes=3, channels=(8, 16, 32))
    core = Roi((96, 96, 96), (112, 112, 112))
    read = vnet_windows(spec, core, (208, 208, 208)).read.roi
    low = [a - b for a, b in zip(core.start, read.start, strict=True)]
    high = [b - a for a, b in zip(core.stop, read.stop, strict=True)]
    assert max(low) <= 27
    assert max(high) <= 27


def test_flat_networks_have_no_extent_along_z() -> None:
    spec = small_spec(kernel_size=(1, 3, 3), pooling=(1, 2, 2))
    assert spec.stride == (1, 4, 4)
    windows = vnet_windows(spec, Roi((3, 8, 8), (5, 12, 12)), (9, 24, 24))
    assert (windows.read.roi.start[0], windows.read.roi.stop[0]) == (3, 5)
    network = VNet(spec)
    assert network(torch.zeros(1, 1, 1, 8, 8), torch.Generator()).shape == (1, 3, 1, 8, 8)


def test_training_noise_comes_from_the_generator_alone() -> None:
    network, x = small_network(), torch.randn(2, 1, 8, 8, 8)
    runs = [network(x, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": (6, 8)}, "multiples of groups"),
        ({"channels": (4096, 8)}, "at most 1024"),
        ({"kernel_size": (2, 3, 3)}, "kernel_size"),
        ({"pooling": (9, 2, 2)}, "pooling"),
        ({"num_classes": 0}, "num_classes"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_impossible_networks_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small_spec(**changes)
