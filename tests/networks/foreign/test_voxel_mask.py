from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_bayesseg.networks.foreign import voxel_mask as module
from napari_bayesseg.networks.foreign.voxel_mask import philox_4x32_tensors, voxel_mask
from napari_bayesseg.numerics.voxel_hash import keep_mask, philox_4x32, voxel_key

CPU = torch.device("cpu")


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (4, 3, 1, 5), (7, 6, 5, 9), (9, 2, 8, 1)])
@pytest.mark.parametrize("start", [(0, 0, 0), (70000, 3, 2**20)], ids=str)
def test_tensors_hold_the_bits_of_the_arrays(
    shape: tuple[int, ...], start: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = voxel_key(3, 4, "up.dropout")
    expected = keep_mask(key, 0.3, start, shape)
    assert np.array_equal(voxel_mask(key, 0.3, start, shape, CPU).numpy(), expected)
    for together in (2**22, 1):  # all channels at a time, and one group after the other
        monkeypatch.setattr(module, "_COUNTERS_AT_A_TIME", together)
        assert np.array_equal(module._on_device(key, 0.3, start, shape, CPU).numpy(), expected)


def test_words_with_the_highest_bit_set() -> None:
    """Where a product of two words leaves no room for a sign."""
    highest = [0xFFFFFFFF, 0x80000000, 0x7FFFFFFF]
    for key in (0xFFFFFFFF_FFFFFFFF, 0x80000000_00000001):
        counter = tuple(torch.tensor(highest) for _ in range(4))
        found = torch.stack(philox_4x32_tensors(counter, key), dim=1)
        words = (np.uint64(key & 0xFFFFFFFF), np.uint64(key >> 32))
        for row, value in zip(found.tolist(), highest, strict=True):
            assert row == [int(w) for w in philox_4x32(*[np.uint64(value)] * 4, *words)]


@pytest.mark.gpu
def test_the_gpu_makes_the_same_masks() -> None:
    key, shape = voxel_key(0, 1, "a"), (32, 40, 48, 56)
    found = voxel_mask(key, 0.2, (5, 6, 7), shape, torch.device("cuda"))
    assert np.array_equal(found.cpu().numpy(), keep_mask(key, 0.2, (5, 6, 7), shape))
