from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.networks.window import (
    Patch,
    Window,
    convolve,
    max_pool,
    needed_by_convolution,
    upsample,
)

EXTENT: Index3 = (12, 8, 10)
BOXES = [
    Roi((0, 0, 0), EXTENT),
    Roi((0, 0, 0), (4, 4, 4)),
    Roi((4, 2, 6), (12, 8, 10)),
    Roi((5, 3, 4), (6, 4, 5)),
]


def cut(tensor: torch.Tensor, roi: Roi) -> torch.Tensor:
    return tensor[(slice(None), slice(None), *roi.slices)]


@pytest.mark.parametrize("box", BOXES, ids=str)
@pytest.mark.parametrize("kernel", [(3, 3, 3), (2, 2, 2), (1, 3, 3), (1, 2, 2), (5, 1, 4)])
def test_convolution_of_a_tile_is_the_tile_of_the_convolution(box: Roi, kernel: Index3) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, *EXTENT, dtype=torch.float64, generator=generator)
    weight = torch.randn(4, 3, *kernel, dtype=torch.float64, generator=generator)
    bias = torch.randn(4, dtype=torch.float64, generator=generator)
    pads = [n for k in reversed(kernel) for n in ((k - 1) // 2, k // 2)]
    reference = functional.conv3d(functional.pad(x, pads), weight, bias)
    need = Window(box, EXTENT)
    source = needed_by_convolution(need, kernel)
    tile = convolve(Patch(cut(x, source.roi), source), weight, bias, need)
    assert tile.window == need
    torch.testing.assert_close(tile.data, cut(reference, box), rtol=0, atol=1e-12)


@pytest.mark.parametrize("box", [Roi((0, 0, 0), (3, 2, 2)), Roi((2, 1, 3), (6, 4, 5))], ids=str)
def test_pooling_and_upsampling_of_tiles(box: Roi) -> None:
    x = torch.randn(1, 2, *EXTENT, generator=torch.Generator().manual_seed(1))
    factor: Index3 = (2, 2, 2)
    coarse = Window(box, (6, 4, 5))
    source = coarse.finer(factor)
    pooled = max_pool(Patch(cut(x, source.roi), source), factor, coarse)
    torch.testing.assert_close(pooled.data, cut(functional.max_pool3d(x, 2), box))
    need = Window(Roi((3, 1, 2), (7, 6, 9)), (12, 8, 10))
    low = functional.max_pool3d(x, 2)
    window = need.coarser(factor)
    up = upsample(Patch(cut(low, window.roi), window), factor, need)
    whole = functional.interpolate(low, scale_factor=2.0)
    torch.testing.assert_close(up.data, cut(whole, need.roi))


def test_the_direct_library_call_agrees_with_the_ordinary_convolution() -> None:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(1, 8, 9, 10, 11, generator=generator)
    weight, bias = torch.randn(8, 8, 3, 3, 3, generator=generator), torch.randn(8)
    window = Window.whole((9, 10, 11))
    with torch.no_grad():
        direct = convolve(Patch(x, window), weight, bias, window).data
    plain = functional.conv3d(x, weight, bias, padding=1)
    torch.testing.assert_close(direct, plain, rtol=1e-5, atol=1e-5)
