from __future__ import annotations

import itertools

import numpy as np
import pytest

from napari_bayesseg.numerics.voxel_hash import drop_threshold, keep_mask, philox_4x32, voxel_key

SHAPE = (6, 20, 24, 28)

# The authors' known answers: kat_vectors of Random123, lines "philox4x32 10".
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    (
        (0xFFFFFFFF,) * 4,
        (0xFFFFFFFF,) * 2,
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_philox_gives_the_published_answers(
    counter: tuple[int, ...], key: tuple[int, ...], words: tuple[int, ...]
) -> None:
    found = philox_4x32(*map(np.uint64, counter), *map(np.uint64, key))
    assert tuple(map(int, found)) == words


def test_a_mask_is_philox_of_its_coordinates() -> None:
    key, start = voxel_key(5, 1, "layer"), (7, 1000, 70000)
    mask = keep_mask(key, 0.3, start, (5, 2, 3, 4))
    words = (np.uint64(key & 0xFFFFFFFF), np.uint64(key >> 32))
    for c, z, y, x in itertools.product(range(5), range(2), range(3), range(4)):
        counter = (start[2] + x, start[1] + y, start[0] + z, c // 4)
        word = philox_4x32(*map(np.uint64, counter), *words)[c % 4]
        assert mask[c, z, y, x] == (int(word) >= drop_threshold(0.3))


def test_a_part_is_the_part_of_the_whole() -> None:
    key = voxel_key(0, 3, "decoder.dropout")
    whole = keep_mask(key, 0.5, (10, 20, 30), SHAPE)
    for low, high in (((0, 0, 0), (3, 24, 1)), ((7, 3, 5), (8, 20, 27)), ((19, 23, 27), (20,) * 3)):
        stop = [max(b, a + 1) for a, b in zip(low, high, strict=True)]
        shape = tuple(b - a for a, b in zip(low, stop, strict=True))
        start = (10 + low[0], 20 + low[1], 30 + low[2])
        box = (slice(None), *(slice(a, b) for a, b in zip(low, stop, strict=True)))
        for channels in (1, 6):
            part = keep_mask(key, 0.5, start, (channels, *shape))
            np.testing.assert_array_equal(part, whole[box][:channels])


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5, 0.9])
def test_the_share_that_is_kept_is_within_sampling_error(rate: float) -> None:
    shape = (8, 32, 40, 48)
    mask = keep_mask(voxel_key(1, 2, "a"), rate, (0, 0, 0), shape)
    allowed = 4 * np.sqrt(rate * (1 - rate))
    assert abs(mask.mean() - (1 - rate)) < allowed / np.sqrt(mask.size)
    per_channel = mask.reshape(8, -1).mean(1)
    assert np.abs(per_channel - (1 - rate)).max() < allowed / np.sqrt(mask[0].size)


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """In standard deviations of the correlation of independent masks."""
    return abs(float(np.corrcoef(one.ravel(), other.ravel())[0, 1])) * np.sqrt(one.size)


def test_neighbours_and_channels_are_independent() -> None:
    mask = keep_mask(voxel_key(1, 2, "a"), 0.5, (0, 0, 0), (8, 32, 40, 48)).astype(float)
    shifts = [s for s in itertools.product((0, 1, 2), repeat=4) if any(s)]
    for shift in shifts:
        here = mask[tuple(slice(0, n - s) for n, s in zip(mask.shape, shift, strict=True))]
        there = mask[tuple(slice(s, n) for n, s in zip(mask.shape, shift, strict=True))]
        assert correlation(here, there) < 4.5, shift  # one of 80 shifts is above 4 by chance 0.5 %


def test_draws_layers_and_seeds_are_independent() -> None:
    keys = [voxel_key(s, t, name) for s in (0, 1) for t in (0, 1, 2) for name in ("a", "a#2", "b")]
    assert len(set(keys)) == len(keys)
    masks = [keep_mask(key, 0.5, (0, 0, 0), SHAPE).astype(float) for key in keys]
    for one, other in itertools.combinations(masks, 2):
        assert correlation(one, other) < 4.5


def test_the_ends_of_the_rate() -> None:
    assert keep_mask(7, 0.0, (0, 0, 0), SHAPE).all()
    assert not keep_mask(7, 1.0, (0, 0, 0), SHAPE).any()


def test_a_key_is_the_same_on_every_machine() -> None:
    assert voxel_key(0, 0, "layer") == int.from_bytes(bytes.fromhex(KEY_OF_SEED_0_DRAW_0), "little")


# First 8 bytes of the SHA-256 of "0/0/layer/voxels", by sha256sum.
KEY_OF_SEED_0_DRAW_0 = "849c8d6fa8d30ba4"
