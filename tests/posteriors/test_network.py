from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from napari_bayesseg.core.errors import CheckpointError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.inference.plan import BlockPlan
from napari_bayesseg.posteriors.network import NetworkPosterior, padded_shape
from tests.models import METHODS, small_network

SHAPES: list[Index3] = [(21, 45, 101), (3, 40, 37), (1, 30, 33)]
LARGE: Index3 = (45, 83, 101)
BLOCKS: list[Index3] = [(16, 32, 32), (24, 16, 48), (8, 40, 20), (48, 84, 104)]


def scan_reader(shape: Index3, stride: Index3) -> Callable[[Roi], np.ndarray]:
    scan = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    missing = [(0, p - n) for p, n in zip(padded_shape(shape, stride), shape, strict=True)]
    padded = np.pad(scan, missing, mode="edge")
    return lambda roi: np.ascontiguousarray(padded[roi.slices])


def tiled(posterior: NetworkPosterior, shape: Index3, block: Index3, index: int) -> torch.Tensor:
    draw, read = posterior.draw(index, seed=3), scan_reader(shape, posterior.stride)
    out = torch.empty((1, posterior.num_classes, *shape), dtype=posterior.dtype)
    for piece in BlockPlan(shape, Roi.whole(shape), block).blocks():
        features = posterior.prepare(piece.core, shape, read)
        out[(..., *piece.core.slices)] = torch.softmax(draw.outputs(features), 1)
    return out


def untiled(posterior: NetworkPosterior, shape: Index3, index: int) -> torch.Tensor:
    """The reference: the whole padded scan through the network at once, cropped at the end."""
    extent = padded_shape(shape, posterior.stride)
    image = torch.from_numpy(scan_reader(shape, posterior.stride)(Roi.whole(extent)))
    with torch.inference_mode():
        logits = posterior.network(
            image[None, None].to(posterior.dtype), posterior.draw(index, seed=3).realisations
        )
    return torch.softmax(logits, 1)[(..., *Roi.whole(shape).slices)]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [*SHAPES, pytest.param(LARGE, marks=pytest.mark.long)], ids=str)
def test_in_double_precision_tiling_is_exact(method: str, shape: Index3) -> None:
    posterior = NetworkPosterior(small_network(method), dtype=torch.float64)
    whole = untiled(posterior, shape, 0)
    for block in BLOCKS:
        difference = (tiled(posterior, shape, block, 0) - whole).abs().max().item()
        assert difference <= 1e-12, block


@pytest.mark.parametrize("method", METHODS)
def test_in_single_precision_tiles_differ_by_rounding(method: str) -> None:
    shape: Index3 = (21, 43, 50)
    posterior = NetworkPosterior(small_network(method))
    wholes = [untiled(posterior, shape, index) for index in range(3)]
    for block in BLOCKS:
        tiles = [tiled(posterior, shape, block, index) for index in range(3)]
        assert max((a - b).abs().max() for a, b in zip(tiles, wholes, strict=True)) <= 1e-4
        mean, reference = torch.stack(tiles).mean(0), torch.stack(wholes).mean(0)
        assert (mean - reference).abs().max() <= 1e-5
        first, second = reference.topk(2, dim=1).values.unbind(1)
        clear = first - second > 2e-5
        assert torch.equal(mean.argmax(1)[clear], reference.argmax(1)[clear])


@pytest.mark.parametrize("method", METHODS)
def test_a_draw_is_a_function_of_seed_and_index(method: str) -> None:
    posterior = NetworkPosterior(small_network(method))
    names = [layer.name for layer in posterior._layers]
    assert len(set(names)) == len(names)
    one = posterior.draw(1, seed=0).realisations
    posterior.draw(2, seed=0)
    again = posterior.draw(1, seed=0).realisations
    assert all(torch.equal(one[name], again[name]) for name in names)
    for other in (posterior.draw(2, seed=0), posterior.draw(1, seed=1)):
        assert any(not torch.equal(one[name], other.realisations[name]) for name in names)


def test_per_block_statistics_would_not_be_exact() -> None:
    """What population statistics are for: the same network, live, makes seams."""
    shape: Index3 = (16, 32, 32)
    posterior = NetworkPosterior(small_network(), statistics="live")
    difference = tiled(posterior, shape, (16, 16, 16), 0) - untiled(posterior, shape, 0)
    assert difference.abs().max() > 1e-2


def test_a_single_logit_gives_two_classes() -> None:
    posterior = NetworkPosterior(small_network(num_classes=1))
    shape: Index3 = (8, 8, 8)
    features = posterior.prepare(Roi.whole(shape), shape, scan_reader(shape, posterior.stride))
    draw = posterior.draw(0, seed=0)
    probabilities = draw.probabilities(features)
    assert probabilities.shape == (2, *shape)
    np.testing.assert_allclose(probabilities.sum(0), 1, atol=1e-6)
    np.testing.assert_allclose(
        probabilities[1], torch.sigmoid(draw.outputs(features))[0, 0].numpy(), atol=1e-6
    )


def test_a_network_without_anything_random_is_refused() -> None:
    with pytest.raises(CheckpointError, match="no random layer"):
        NetworkPosterior(small_network("mc-dropout", dropout_rate=0.0))


@pytest.mark.gpu
@pytest.mark.parametrize("method", METHODS)
def test_the_gpu_gives_the_same_draws(method: str) -> None:
    shape: Index3 = (16, 32, 32)
    read = scan_reader(shape, (4, 4, 4))
    found = []
    for device in ("cpu", "cuda"):
        posterior = NetworkPosterior(small_network(method), torch.device(device))
        features = posterior.prepare(Roi.whole(shape), shape, read)
        found.append(posterior.draw(0, seed=0).probabilities(features))
    np.testing.assert_allclose(*found, atol=1e-3)
