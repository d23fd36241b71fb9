from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_bayesseg.core.errors import BayesSegWarning, CheckpointError, SettingsError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.inference.plan import BlockPlan
from napari_bayesseg.posteriors.foreign import ForeignPosterior
from napari_bayesseg.posteriors.network import padded_shape
from tests.foreign_models import Reader, foreign_network

BLOCKS: list[Index3] = [(16, 16, 16), (5, 21, 13), (9, 17, 24)]
NORMS = [["group", {"num_groups": 4}], "instance"]


def posterior_of(
    name: str, precision: Literal["float32", "bfloat16"] = "float32", **changes: Any
) -> ForeignPosterior:
    return ForeignPosterior(foreign_network(name, **changes), 3, precision=precision)


def tiled(posterior: ForeignPosterior, shape: Index3, block: Index3, index: int) -> np.ndarray:
    draw, read = posterior.draw(index, seed=3), Reader(shape, posterior.stride)
    out = np.empty((posterior.num_classes, *shape), np.float32)
    for piece in BlockPlan(shape, Roi.whole(shape), block).blocks():
        features = posterior.prepare(piece.core, shape, read)
        out[(slice(None), *piece.core.slices)] = draw.probabilities(features)
    return out


@pytest.mark.parametrize("name", ["monai.UNet", "monai.DynUNet", "monai.SegResNet"])
def test_in_single_precision_tiles_differ_by_rounding(name: str) -> None:
    shape: Index3 = (13, 21, 26)
    posterior = posterior_of(name)
    wholes = np.stack([tiled(posterior, shape, shape, t) for t in range(3)])
    for block in BLOCKS:
        tiles = np.stack([tiled(posterior, shape, block, t) for t in range(3)])
        assert np.abs(tiles - wholes).max() <= 1e-4, block
        mean, reference = tiles.mean(0), wholes.mean(0)
        assert np.abs(mean - reference).max() <= 1e-5, block
        second, first = np.sort(reference, axis=0)[-2:]
        clear = first - second > 2e-5
        assert np.array_equal(mean.argmax(0)[clear], reference.argmax(0)[clear])


def test_any_order_of_the_blocks_is_bit_equal() -> None:
    shape: Index3 = (13, 21, 26)
    posterior = posterior_of("monai.UNet")
    draw, read = posterior.draw(1, seed=3), Reader(shape, posterior.stride)
    pieces = BlockPlan(shape, Roi.whole(shape), (8, 8, 8)).blocks()
    one = {p.index: draw.probabilities(posterior.prepare(p.core, shape, read)) for p in pieces}
    again = posterior_of("monai.UNet")
    for piece in reversed(pieces):
        features = again.prepare(piece.core, shape, read)
        again.draw(0, seed=3).probabilities(features)
        values = again.draw(1, seed=3).probabilities(features)
        assert np.array_equal(values, one[piece.index])


def test_a_draw_is_a_function_of_seed_and_index() -> None:
    shape: Index3 = (8, 8, 8)
    posterior = posterior_of("monai.UNet")
    features = posterior.prepare(Roi.whole(shape), shape, Reader(shape, posterior.stride))
    one = posterior.draw(1, seed=0).probabilities(features)
    assert np.array_equal(one, posterior.draw(1, seed=0).probabilities(features))
    for other in (posterior.draw(2, seed=0), posterior.draw(1, seed=1)):
        assert np.abs(one - other.probabilities(features)).max() > 1e-3
    np.testing.assert_allclose(one.sum(0), 1, atol=1e-6)


@pytest.mark.parametrize("name", ["monai.UNet", "monai.SegResNet"])
def test_what_is_read_is_what_is_said(name: str) -> None:
    posterior, shape = posterior_of(name), (48, 40, 44)
    read = Reader(shape, posterior.stride)
    for core in (Roi((16, 16, 16), (25, 24, 31)), Roi((0, 0, 0), (1, 1, 1))):
        posterior.prepare(core, shape, read)
        box = posterior.read_roi(core, shape)
        assert read.boxes.pop() == box
        assert not read.boxes
        assert box.contains(core)
        assert Roi.whole(padded_shape(shape, posterior.stride)).contains(box)


def test_a_single_logit_gives_two_classes() -> None:
    posterior = ForeignPosterior(foreign_network("monai.UNet", num_classes=1), 1)
    shape: Index3 = (8, 8, 8)
    features = posterior.prepare(Roi.whole(shape), shape, Reader(shape, posterior.stride))
    draw = posterior.draw(0, seed=0)
    probabilities = draw.probabilities(features)
    assert posterior.num_classes == 2
    assert probabilities.shape == (2, *shape)
    expected = torch.sigmoid(draw.logits(features))[0, 0].numpy()
    np.testing.assert_allclose(probabilities[1], expected, atol=1e-6)


def test_a_network_with_several_channels_gets_the_scan_in_each() -> None:
    layers = [nn.Conv3d(2, 4, 3, padding=1), nn.Dropout(0.5), nn.Conv3d(4, 2, 1)]
    posterior = ForeignPosterior(nn.Sequential(*layers), 2, in_channels=2)
    shape: Index3 = (6, 6, 6)
    read = Reader(shape, (1, 1, 1))
    features = posterior.prepare(Roi((1, 1, 1), (4, 4, 4)), shape, read)
    assert posterior.draw(0, seed=0).probabilities(features).shape == (2, 3, 3, 3)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("monai.UNet", {"dropout": 0.0}),
        ("monai.SegResNet", {"dropout_prob": None}),
        ("monai.SegResNet", {"dropout_prob": 0.0}),
    ],
)
def test_a_network_without_dropout_is_refused(name: str, changes: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match="all draws would be alike"):
        posterior_of(name, **changes)


def test_an_output_of_another_shape_is_refused() -> None:
    with pytest.raises(CheckpointError, match="must give back the scan's shape"):
        ForeignPosterior(nn.Sequential(nn.Dropout(0.5), nn.Conv3d(1, 2, 3)), 2)


@pytest.mark.parametrize("name", ["monai.UNet", "monai.SegResNet"])
def test_bfloat16_is_near(name: str) -> None:
    """8 bits of mantissa: probabilities to about 2^-7, the mean to much less."""
    shape: Index3 = (12, 16, 20)
    full = tiled(posterior_of(name), shape, shape, 0)
    half = tiled(posterior_of(name, "bfloat16"), shape, shape, 0)
    assert half.dtype == np.float32
    np.testing.assert_allclose(half.sum(0), 1, atol=1e-6)  # the softmax is in float32
    assert 0 < np.abs(half - full).max() < 0.1
    assert abs((half - full).mean()) < 1e-3


@pytest.mark.parametrize("norm", NORMS, ids=str)
def test_live_statistics_are_told_and_measured(norm: Any) -> None:
    shape, block = (24, 28, 40), (8, 8, 8)
    with pytest.warns(BayesSegWarning, match=r"^runs in full passes: .* normalise by statistics"):
        posterior = posterior_of("monai.SegResNet", norm=norm)
    read = Reader(shape, posterior.stride)
    core = Roi((0, 0, 0), block)
    with pytest.warns(BayesSegWarning, match="the whole scan") as caught:
        features = posterior.prepare(core, shape, read)
    text = str(caught[0].message)
    largest = float(text.split("up to ")[1].split(" ")[0])
    box = Roi.parse(text.split("voxels ")[1].split(" ")[0], shape)
    draw = posterior.draw(0, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it is told once
        tile = draw.probabilities(posterior.prepare(box, shape, read))
        whole = draw.probabilities(posterior.prepare(Roi.whole(shape), shape, read))
    found = np.abs(tile - whole[(slice(None), *box.slices)]).max()
    assert largest == pytest.approx(found, rel=0.05)
    assert found > 1e-4
    assert features is not None


def test_an_empty_part_is_not_taken_for_exact() -> None:
    with pytest.warns(BayesSegWarning, match="full passes"):
        posterior = posterior_of("monai.UNet", norm="instance")
    core, shape = Roi((0, 0, 0), (8, 8, 8)), (40, 48, 56)
    posterior.prepare(core, shape, lambda roi: np.zeros(roi.shape, np.float32))
    with pytest.warns(BayesSegWarning, match="differ by up to"):
        posterior.prepare(core, shape, Reader(shape, posterior.stride))


def test_a_scan_of_one_voxel_at_the_lowest_level_is_refused() -> None:
    with pytest.warns(BayesSegWarning, match="full passes"):
        posterior = posterior_of("monai.UNet", norm="instance")
    shape: Index3 = (1, 3, 4)
    with pytest.raises(SettingsError, match="too small for this network"):
        posterior.prepare(Roi.whole(shape), shape, Reader(shape, posterior.stride))


def test_live_statistics_on_one_tile_are_those_of_the_network() -> None:
    """Exact where a tile is the whole scan: then there is nothing to measure."""
    shape: Index3 = (16, 16, 16)
    with pytest.warns(BayesSegWarning, match="full passes"):
        posterior = posterior_of("monai.UNet", norm="instance")
    network = foreign_network("monai.UNet", norm="instance")
    for layer in network.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    for node in posterior.engine.graph.nodes:  # type: ignore[attr-defined]
        if type(node.operation).__name__ == "Sampling":
            node.operation.layer.rate = 0.0
    read = Reader(shape, posterior.stride)
    found = posterior.draw(0, seed=0).logits(posterior.prepare(Roi.whole(shape), shape, read))
    with torch.no_grad():
        expected = network(torch.from_numpy(read(Roi.whole(shape)))[None, None])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


class Reshaping(nn.Module):
    """A step that is not known, between two that are."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv3d(1, 4, 3, padding=1), nn.Conv3d(4, 2, 3, padding=1)
        self.activation = nn.ReLU(inplace=True)
        self.down, self.up = nn.MaxPool3d(2), nn.Upsample(scale_factor=2)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.dropout(self.activation(self.first(x)))
        if x.shape[2] < 1:
            raise AssertionError
        return self.last(y.flatten(2).reshape(y.shape) + self.up(self.dropout(self.down(y))))


@pytest.mark.parametrize("make", [Reshaping], ids=["reshaping"])
def test_a_network_that_can_not_be_followed_is_exact_in_full_passes(
    make: Callable[[], nn.Module],
) -> None:
    torch.manual_seed(0)
    with pytest.warns(BayesSegWarning, match="runs in full passes: .*(followed|not known|arrays)"):
        posterior = ForeignPosterior(make(), 2, dtype=torch.float64)
    assert posterior.stride == (2, 2, 2)
    shape: Index3 = (9, 14, 21)
    whole = tiled(posterior, shape, shape, 1)
    for block in [(4, 6, 8), (3, 5, 7), (9, 14, 5)]:  # and nothing more to warn of
        assert np.abs(tiled(posterior, shape, block, 1) - whole).max() <= 1e-7
    one, other = tiled(posterior, shape, shape, 1), tiled(posterior, shape, shape, 2)
    assert np.abs(one - other).max() > 1e-2


def test_live_statistics_of_what_can_not_be_followed_are_named() -> None:
    shuffled = {"upsample_mode": "pixelshuffle", "norm": NORMS[0]}
    small = {"blocks_down": [1, 1], "blocks_up": [1]}
    with pytest.warns(BayesSegWarning, match="followed .*; .*norm1 and .* more normalise by"):
        posterior_of("monai.SegResNet", **shuffled, **small)


def test_the_cost_grows_with_the_block() -> None:
    posterior, shape = posterior_of("monai.UNet"), (64, 64, 64)
    small = posterior.cost(Roi((24,) * 3, (32,) * 3), shape)
    large = posterior.cost(Roi((16,) * 3, (48,) * 3), shape)
    assert 0 < small.peak_bytes(2) < large.peak_bytes(2)
    assert small.draw_operations < large.draw_operations
    assert small.draw_operations > 8**3 * 100


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["monai.UNet", "monai.SegResNet"])
def test_the_gpu_gives_the_same_draws(name: str) -> None:
    shape: Index3 = (16, 32, 32)
    found = []
    for device in ("cpu", "cuda"):
        posterior = ForeignPosterior(foreign_network(name), 3, device=torch.device(device))
        read = Reader(shape, posterior.stride)
        features = posterior.prepare(Roi((3, 5, 7), (13, 24, 29)), shape, read)
        found.append(posterior.draw(0, seed=0).probabilities(features))
    np.testing.assert_allclose(*found, atol=1e-3)
