"""The masks of ``numerics.voxel_hash`` as tensors: the same bits, made on the device itself."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.numerics.voxel_hash import drop_threshold, keep_mask

__all__ = ["philox_4x32_tensors", "voxel_mask"]

_WORD = 0xFFFFFFFF
_COUNTERS_AT_A_TIME = 2**22


def philox_4x32_tensors(counter: tuple[Tensor, ...], key: int) -> tuple[Tensor, ...]:
    """Return the four words of each counter; int64 tensors hold the 32-bit numbers.

    A product may overflow into the sign: two's complement keeps its bits, and the mask after the
    arithmetic shift takes the sign away.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key & _WORD, key >> 32
    for _ in range(10):
        first, second = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c2 = ((second >> 32) & _WORD) ^ c1 ^ k0, ((first >> 32) & _WORD) ^ c3 ^ k1
        c1, c3 = second & _WORD, first & _WORD
        k0, k1 = (k0 + 0x9E3779B9) & _WORD, (k1 + 0xBB67AE85) & _WORD
    return c0, c1, c2, c3


def _on_device(
    key: int, rate: float, start: Index3, shape: tuple[int, ...], device: torch.device
) -> Tensor:
    channels, *box = shape
    z, y, x = (
        torch.arange(low, low + length, dtype=torch.int64, device=device)
        for low, length in zip(start, box, strict=True)
    )
    groups = torch.arange(-(-channels // 4), dtype=torch.int64, device=device)
    together = max(_COUNTERS_AT_A_TIME // max(len(z) * len(y) * len(x), 1), 1)
    parts = []
    for first in range(0, len(groups), together):
        group = groups[first : first + together, None, None, None]
        # The rounds mix the words, and so the axes: each ends with the shape of the whole box.
        counter = (x, y[:, None], z[:, None, None], group)
        words = torch.stack(philox_4x32_tensors(counter, key), dim=1)
        parts.append((words >= drop_threshold(rate)).flatten(0, 1))
    return torch.cat(parts)[:channels]


def voxel_mask(
    key: int, rate: float, start: Index3, shape: tuple[int, ...], device: torch.device
) -> Tensor:
    """Return :func:`~napari_bayesseg.numerics.voxel_hash.keep_mask` as a bool tensor."""
    if device.type == "cpu":
        return torch.from_numpy(keep_mask(key, rate, start, shape))
    return _on_device(key, rate, start, shape, device)
