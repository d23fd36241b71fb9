"""Random masks that are a function of key and voxel coordinate, whatever box they are asked for.

Philox4x32-10 turns a counter of 128 bits and a key of 64 bits into four random words of 32 bits.
The counter is ``(x, y, z, channel // 4)``, the word ``channel % 4``: no stream is run through, so
every block, order and worker sees the same mask, and a box costs what its voxels cost.

References
----------
Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 3.3.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.numerics.compilation import compiled

__all__ = ["drop_threshold", "keep_mask", "philox_4x32", "voxel_key"]

_WORD = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_M0, _M1 = _MULTIPLIERS
_W0, _W1 = _WEYL


def voxel_key(seed: int, draw: int, name: str) -> int:
    """Return 64 bits of the SHA-256 of seed of the run, index of the draw and layer name."""
    digest = hashlib.sha256(f"{seed}/{draw}/{name}/voxels".encode()).digest()
    return int.from_bytes(digest[:8], "little")


def drop_threshold(rate: float) -> int:
    """Return the number of 32-bit words, of 2^32, that mean "dropped"."""
    return round(rate * 2**32)


@compiled
def philox_4x32(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Return the four words of a counter under a key, after ten rounds.

    Counters, keys and words are 32-bit numbers held in 64 bits, where a product has room.
    """
    for _ in range(10):
        first, second = _M0 * c0, _M1 * c2
        c0, c2 = (second >> _SHIFT) ^ c1 ^ k0, (first >> _SHIFT) ^ c3 ^ k1
        c1, c3 = second & _WORD, first & _WORD
        k0, k1 = (k0 + _W0) & _WORD, (k1 + _W1) & _WORD
    return c0, c1, c2, c3


@compiled
def _fill(
    k0: np.uint64,
    k1: np.uint64,
    threshold: np.uint64,
    z0: int,
    y0: int,
    x0: int,
    keep: NDArray[np.bool_],
) -> None:
    channels, depth, height, width = keep.shape
    for group in range(channels // 4):
        for z in range(depth):
            for y in range(height):
                rows = keep[4 * group : 4 * group + 4, z, y]
                row, z_word, y_word = np.uint64(group), np.uint64(z0 + z), np.uint64(y0 + y)
                for x in range(width):
                    a, b, c, d = philox_4x32(np.uint64(x0 + x), y_word, z_word, row, k0, k1)
                    rows[0, x] = a >= threshold
                    rows[1, x] = b >= threshold
                    rows[2, x] = c >= threshold
                    rows[3, x] = d >= threshold


def keep_mask(key: int, rate: float, start: Index3, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which voxels of a box are kept, independently with probability 1 - `rate`.

    Parameters
    ----------
    key : int
        64 bits, see :func:`voxel_key`.
    rate : float
        Share of voxels dropped, to within 2^-33.
    start : (z, y, x)
        First voxel of the box in the volume, at the level of the layer.
    shape : (C, z, y, x)

    Returns
    -------
    ``(C, z, y, x)`` bool
    """
    channels = shape[0]
    # Whole groups of four channels, so that the loop has no branch.
    keep = np.empty((-(-channels // 4) * 4, *shape[1:]), np.bool_)
    words = (np.uint64(key & 0xFFFFFFFF), np.uint64(key >> 32))
    _fill(*words, np.uint64(drop_threshold(rate)), *start, keep)
    return keep[:channels]
