"""Each operation on boxes, against torch on the whole volume."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.networks.foreign.modules import operation_of_module
from napari_bayesseg.networks.foreign.operations import cut_to, index3
from napari_bayesseg.networks.window import Patch, Window

EXTENT: Index3 = (9, 12, 10)
LAYERS = [
    nn.Conv3d(2, 3, 3, padding=1),
    nn.Conv3d(2, 4, (1, 3, 5), stride=(1, 2, 3), padding=(0, 1, 2)),
    nn.Conv3d(2, 2, 3, stride=2, padding=2, dilation=2, groups=2, bias=False),
    nn.Conv3d(2, 3, (4, 2, 3), padding="same"),
    nn.Conv3d(2, 3, 2, stride=2),
    nn.Conv3d(2, 3, 1, stride=3, padding="valid"),
    nn.ConvTranspose3d(2, 3, 2, stride=2),
    nn.ConvTranspose3d(2, 3, 3, stride=2, padding=1, output_padding=1),
    nn.ConvTranspose3d(2, 2, 5, stride=3, padding=1, output_padding=2, groups=2),
    nn.ConvTranspose3d(2, 3, (1, 2, 3), stride=(2, 3, 1), padding=(0, 0, 1)),
    nn.ConvTranspose3d(2, 3, 3, stride=2, padding=2, dilation=2),
    nn.MaxPool3d(2),
    nn.MaxPool3d(3, stride=2, padding=1),
    nn.MaxPool3d((1, 2, 3), stride=1, dilation=(1, 2, 2)),
    nn.AvgPool3d(3, stride=(1, 2, 2), padding=1),
    nn.AvgPool3d(2, divisor_override=5),
    nn.Upsample(scale_factor=2),
    nn.Upsample(scale_factor=(1, 3, 2)),
    nn.Upsample(scale_factor=2, mode="trilinear"),
    nn.Upsample(scale_factor=(1, 2, 3), mode="trilinear", align_corners=False),
    nn.PReLU(2),
    nn.LeakyReLU(inplace=True),
    nn.BatchNorm3d(2),
    nn.Softmax(dim=1),
]


def boxes(extent: Index3) -> list[Roi]:
    """The whole, single voxels at corners and centre, and boxes that start anywhere."""
    found = [Roi.whole(extent)]
    for corner in itertools.product(*[(0, n // 2, n - 1) for n in extent]):
        found.append(Roi(index3(list(corner)), index3([c + 1 for c in corner])))
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        ends = [sorted(torch.randperm(n + 1, generator=generator)[:2].tolist()) for n in extent]
        found.append(Roi(index3([a for a, _ in ends]), index3([b for _, b in ends])))
    return found


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")  # of the whole pass
@pytest.mark.parametrize("layer", LAYERS, ids=str)
@torch.inference_mode()
def test_a_box_is_the_box_of_the_whole(layer: nn.Module) -> None:
    generator = torch.Generator().manual_seed(1)
    layer = layer.double().eval()
    for parameter in layer.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    volume = torch.randn(1, 2, *EXTENT, generator=generator, dtype=torch.float64)
    known = operation_of_module(layer)
    assert known is not None
    operation, live = known
    assert not live
    whole = layer(volume.clone())
    extent = index3(list(whole.shape[2:]))
    assert operation.extent(EXTENT) == extent
    assert operation.channels((2,)) == whole.shape[1]
    for box in boxes(extent):
        source = cut_to(operation.reach(box), EXTENT)
        patch = Patch(volume[(..., *source.slices)].clone(), Window(source, EXTENT))
        before = patch.data.clone()
        out = operation.apply((patch,), Window(box, extent), None)
        assert out.shape[2:] == box.shape
        assert (out - whole[(..., *box.slices)]).abs().max() <= 1e-12, box
        assert torch.equal(patch.data, before)  # others may still read it


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv3d(2, 3, 3, padding=1, padding_mode="reflect"),
        nn.MaxPool3d(2, ceil_mode=True),
        nn.MaxPool3d(2, return_indices=True),
        nn.AvgPool3d(3, padding=1, count_include_pad=False),
        nn.Upsample(scale_factor=2, mode="trilinear", align_corners=True),
        nn.Upsample(scale_factor=1.5),
        nn.Upsample(size=(4, 4, 4)),
        nn.Softmax(dim=2),
        nn.AdaptiveAvgPool3d(1),
        nn.PixelShuffle(2),
    ],
    ids=str,
)
def test_what_is_not_known_is_not_claimed(layer: nn.Module) -> None:
    assert operation_of_module(layer) is None


@pytest.mark.parametrize(
    "layer",
    [
        nn.InstanceNorm3d(2),
        nn.GroupNorm(2, 2),
        nn.BatchNorm3d(2, track_running_stats=False),
        nn.InstanceNorm3d(2, track_running_stats=True),
        nn.BatchNorm3d(2),
    ],
    ids=str,
)
def test_live_statistics_are_recognised(layer: nn.Module) -> None:
    """By what they do: whether a voxel changes with another one far away."""
    generator = torch.Generator().manual_seed(0)
    one = torch.randn(1, 2, 4, 4, 4, generator=generator)
    other = one.clone()
    other[..., 3] += 5
    layer = layer.eval()
    changes = not torch.equal(layer(one)[..., 0], layer(other)[..., 0])
    known = operation_of_module(layer)
    assert known is not None
    assert known[1] == changes
