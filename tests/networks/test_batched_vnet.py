from __future__ import annotations

import pytest
import torch

from napari_bayesseg.core.errors import CheckpointError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.seeding import keyed_generator
from napari_bayesseg.networks.batched_convolution import (
    GROUPED_VOXELS,
    convolve_draws,
    rectify_and_scale,
)
from napari_bayesseg.networks.batched_vnet import BatchedVNet, decoder_size
from napari_bayesseg.networks.normalisation import set_statistics
from napari_bayesseg.networks.stochastic import stochastic_layers
from napari_bayesseg.networks.vnet3d import VNet, VNetWindows, vnet_windows
from napari_bayesseg.networks.window import Patch, Window, convolve
from tests.live_memory import LiveBytes
from tests.models import METHODS, small_network

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
EXTENT: Index3 = (16, 28, 32)
# At the low corner, at the high corner, inside, across, and one voxel.
CORES = [
    Roi((0, 0, 0), (5, 9, 12)),
    Roi((9, 19, 24), (16, 28, 32)),
    Roi((6, 11, 13), (10, 15, 20)),
    Roi((0, 8, 0), (16, 13, 32)),
    Roi((7, 13, 15), (8, 14, 16)),
]


@pytest.fixture(autouse=True)
def full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def realise(network: VNet, index: int) -> dict[str, torch.Tensor]:
    layers = stochastic_layers(network)
    return {x.name: x.realise(keyed_generator(5, index, x.name)) for x in layers}


def block(
    network: VNet, core: Roi, device: str, dtype: torch.dtype, extent: Index3 = EXTENT
) -> tuple[Patch, VNetWindows]:
    windows = vnet_windows(network.spec, core, extent)
    scan = torch.randn(1, 1, *extent, generator=torch.Generator().manual_seed(1))
    return Patch(scan.to(device, dtype), Window.whole(extent)).cropped(windows.read), windows


def difference(
    network: VNet,
    core: Roi,
    device: str,
    dtype: torch.dtype,
    extent: Index3 = EXTENT,
    grouped_voxels: int = GROUPED_VOXELS,
) -> float:
    """Largest difference between four draws side by side and one after the other.

    Of the logits in double precision, else of the probabilities: logits of single precision are
    themselves 6e-5 from those of double precision here.
    """
    network = network.to(device, dtype)
    patch, windows = block(network, core, device, dtype, extent)
    draws = [realise(network, index) for index in range(4)]
    with torch.inference_mode():
        features = network.encode(patch, windows)
        expected = torch.cat([network.decode(features, windows, noise) for noise in draws])
    batched = BatchedVNet(network, grouped_voxels=grouped_voxels)
    found = batched.decode(batched.share(patch, windows), batched.stack(draws))
    assert found.shape == (4, network.spec.num_classes, *core.shape)
    assert expected.std() > 0.1
    if dtype != torch.float64:
        found, expected = torch.softmax(found, 1), torch.softmax(expected, 1)
    return float((found - expected).abs().max())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("grouped_voxels", [GROUPED_VOXELS, 0, 500])
def test_draws_side_by_side_are_those_of_the_network(
    grouped_voxels: int, method: str, device: str
) -> None:
    network = small_network(method)
    for core in CORES:
        found = difference(network, core, device, torch.float64, grouped_voxels=grouped_voxels)
        assert found <= 1e-12, core


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("method", METHODS)
def test_in_single_precision_they_differ_by_rounding(method: str, device: str) -> None:
    network = small_network(method)
    for core in CORES:
        assert difference(network, core, device, torch.float32) <= 1e-5, core


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "changes",
    [
        {"num_classes": 1},
        {"num_classes": 1, "head": "reference"},
        {"channels": (6, 9), "groups": 3},
        {"kernel_size": (1, 3, 3), "pooling": (1, 2, 2)},
        {"kernel_size": (3, 5, 3), "pooling": (2, 3, 4), "channels": (4, 8)},
    ],
    ids=str,
)
def test_every_form_of_the_network(method: str, changes: dict[str, object]) -> None:
    network = small_network(method, **changes)
    extent: Index3 = (8, 24, 24)
    for core in (Roi((0, 0, 0), (3, 7, 24)), Roi((2, 5, 7), (8, 24, 19))):
        assert difference(network, core, "cpu", torch.float64, extent) <= 1e-12, core


@pytest.mark.parametrize("method", METHODS)
def test_a_draw_does_not_depend_on_its_batch(method: str) -> None:
    network = small_network(method).to(torch.float64)
    patch, windows = block(network, CORES[2], "cpu", torch.float64)
    draws = [realise(network, index) for index in range(5)]
    batched = BatchedVNet(network)
    shared = batched.share(patch, windows)
    whole = batched.decode(shared, batched.stack(draws))
    for start, stop in ((0, 1), (1, 3), (3, 5), (4, 5)):
        part = batched.decode(shared, batched.stack(draws[start:stop]))
        assert (part - whole[start:stop]).abs().max() <= 1e-12
    assert (whole[0] - whole[1]).abs().max() > 1e-2


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("method", METHODS)
def test_brain_float_is_near(method: str, device: str) -> None:
    network = small_network(method).to(device)
    patch, windows = block(network, CORES[3], device, torch.float32)
    draws = [realise(network, index) for index in range(8)]
    results = []
    for dtype in (torch.float32, torch.bfloat16):
        batched = BatchedVNet(network, dtype)
        logits = batched.decode(batched.share(patch, windows), batched.stack(draws))
        assert logits.dtype == dtype
        results.append(torch.softmax(logits.float(), 1))
    exact, near = results
    # Eight bits of significand: 2**-9 a rounding, some 25 of them one after the other.
    assert (exact - near).abs().max() <= 0.1
    assert (exact.mean(0) - near.mean(0)).abs().max() <= 0.04
    assert (exact.mean(0) - near.mean(0)).abs().mean() <= 0.005


def test_one_convolution_is_the_same_as_one_a_draw() -> None:
    generator = torch.Generator().manual_seed(2)
    extent: Index3 = (5, 6, 7)
    need = Window(Roi((0, 2, 3), (4, 6, 6)), extent)
    for kernel in ((3, 3, 3), (2, 2, 2), (1, 4, 3)):
        kernels = torch.randn(3, 4, 2, *kernel, generator=generator, dtype=torch.float64)
        inputs = torch.randn(3, 2, *extent, generator=generator, dtype=torch.float64)
        for data, weights in ((inputs, kernels), (inputs[:1], kernels), (inputs, kernels[:1])):
            for grouped_voxels in (0, 1000):
                patch = Patch(data, Window.whole(extent))
                found = convolve_draws(patch, weights, need, grouped_voxels).data
                for b in range(3):
                    one = Patch(data[b % len(data)][None], Window.whole(extent))
                    expected = convolve(one, weights[b % len(weights)], None, need).data
                    torch.testing.assert_close(found[b : b + 1], expected, rtol=0, atol=1e-13)


def test_bias_rectifier_and_normalisation_at_once() -> None:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(2, 3, 4, 4, 4, generator=generator, dtype=torch.float64)
    bias, scale, shift = (
        torch.randn(1, 3, 1, 1, 1, generator=generator, dtype=torch.float64) for _ in range(3)
    )
    expected = torch.relu(x + bias) * scale + shift
    with torch.inference_mode():
        found = rectify_and_scale(x, bias, scale, shift)
    assert found is x
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-14)


def test_live_statistics_are_refused() -> None:
    network = small_network()
    set_statistics(network, "live")
    with pytest.raises(CheckpointError, match="population statistics"):
        BatchedVNet(network)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("channels", [(4, 8, 8), (8, 16, 32)])
@pytest.mark.parametrize("core", [Roi((0, 0, 0), (16, 28, 32)), Roi((5, 9, 11), (13, 21, 23))])
def test_a_batch_takes_the_memory_that_was_foretold(
    core: Roi, channels: tuple[int, ...], method: str
) -> None:
    network = small_network(method, channels=channels)
    patch, windows = block(network, core, "cpu", torch.float32)
    batched = BatchedVNet(network)
    shared = batched.share(patch, windows)
    given = [part.data for part in (*shared.skips, shared.bottleneck)]
    # The kernels are copied where a part of their inputs is taken: once, whatever the batch.
    kernels = sum(values.nbytes for values in network.parameters())
    for draws in (1, 3, 6):
        noise = batched.stack([realise(network, index) for index in range(draws)])
        with LiveBytes([*given, *noise.values()]) as live:
            batched.decode(shared, noise)
        foretold = draws * 4 * decoder_size(network, windows).alive
        assert 0.5 * foretold <= live.most <= foretold + kernels


def test_the_size_of_a_draw_grows_with_the_block() -> None:
    network = small_network()
    sizes = [
        decoder_size(network, vnet_windows(network.spec, Roi((0, 0, 0), (n, n, n)), (64, 64, 64)))
        for n in (8, 16, 32)
    ]
    assert sizes[0].alive < sizes[1].alive < sizes[2].alive
    assert all(size.largest < size.alive for size in sizes)
    # The features of the coarser level, upsampled: eight channels of the finest grid.
    assert sizes[2].largest >= 8 * 32**3
