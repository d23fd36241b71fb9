from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from napari_bayesseg.numerics.planar.rows import (
    clear,
    pool_maximum,
    softmax_rows,
    transform_rows,
)

PITCH, ROWS, PLANES = 13, 9, 6
WORDS = PITCH * ROWS + 5  # a plane has room behind its last row


def planes(channels: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((channels, PLANES, WORDS))
    return noise.astype(np.float32)


def boxes(tensor: np.ndarray) -> np.ndarray:
    """The voxels of a tensor, ``(C, z, y, x)``."""
    rows = tensor[..., : PITCH * ROWS]
    return rows.reshape(*tensor.shape[:2], ROWS, PITCH)


def as_bfloat16(values: np.ndarray) -> np.ndarray:
    """Round to 8 significant bits, ties to even, by arithmetic instead of bits."""
    fraction, exponent = np.frexp(values.astype(np.float64))
    return np.ldexp(np.rint(fraction * 256) / 256, exponent).astype(np.float32)


@pytest.mark.parametrize("classes", [2, 3, 7, 40])
@pytest.mark.parametrize("scale", [1.0, 30.0, 1e4])
def test_softmax_is_that_of_double_precision(classes: int, scale: float) -> None:
    logits = scale * planes(classes)
    out = np.empty((classes, 3, 4, 7), np.float32)
    voxels = boxes(logits)[:, 2:5, 1:5, 3:10]
    # The distance to the largest logit is a single-precision number; from there on all is compared.
    expected = softmax((voxels - voxels.max(axis=0)).astype(np.float64), axis=0)
    softmax_rows(logits, np.array([2, PITCH + 3]), PITCH, out)
    np.testing.assert_allclose(out, expected, rtol=1e-6 * max(1.0, classes / 8), atol=1e-37)
    np.testing.assert_allclose(out.sum(0), 1.0, atol=3e-7)


def test_a_single_logit_gives_two_classes() -> None:
    logits = 4 * planes(1)
    out = np.empty((2, PLANES, ROWS, PITCH), np.float32)
    expected = 1 / (1 + np.exp(-boxes(logits)[0].astype(np.float64)))
    softmax_rows(logits, np.array([0, 0]), PITCH, out)
    np.testing.assert_allclose(out[1], expected, rtol=2e-6)
    np.testing.assert_allclose(out[0], 1 - expected, rtol=2e-6)


def test_far_logits_give_certainty_and_no_nan() -> None:
    logits = np.zeros((3, PLANES, WORDS), np.float32)
    logits[0], logits[1], logits[2] = 3e38, -3e38, 200.0
    out = np.empty((3, PLANES, ROWS, PITCH), np.float32)
    softmax_rows(logits, np.array([0, 0]), PITCH, out)
    np.testing.assert_allclose(out[0], 1.0)
    assert (out[1:] < 1e-36).all()


@pytest.mark.parametrize("factors", [(1, 1, 1), (2, 2, 2), (1, 2, 3), (3, 4, 2)])
def test_pooling_takes_the_largest(factors: tuple[int, int, int]) -> None:
    source, target = planes(2), np.full((2, PLANES, WORDS), -7.0, np.float32)
    size = tuple(min(2, n // f) for n, f in zip((PLANES, ROWS, PITCH), factors, strict=True))
    arguments = (np.array(size), np.array(factors), np.array([0, PITCH, 1, 2]))
    pool_maximum(source, target, *arguments, np.array([PITCH, PITCH]))
    for c, z, y, x in np.ndindex(2, *size):
        low = [i * f for i, f in zip((z, y, x), factors, strict=True)]
        cut = tuple(slice(a, a + f) for a, f in zip(low, factors, strict=True))
        assert boxes(target)[c, 1 + z, y, 2 + x] == boxes(source)[c, :, 1:][cut].max()
    assert (target == -7.0).sum() == target.size - 2 * np.prod(size)


@pytest.mark.parametrize("channels", [1, 4, 5])
def test_copies_are_scaled_and_shifted_by_channel(channels: int) -> None:
    source = planes(channels)
    affine = np.random.default_rng(1).standard_normal((channels, 2)).astype(np.float32)
    expected = (
        boxes(source)[:, 1:5, 2:8, 3:12] * affine[:, :1, None, None] + affine[:, 1:, None, None]
    )
    sizes, begins = np.array([4, 6, 9]), np.array([1, 2 * PITCH + 3, 0, PITCH + 1])
    pitches = np.array([PITCH, PITCH])
    single = np.zeros((channels, PLANES, WORDS), np.uint32)
    transform_rows(source, single, sizes, begins, pitches, affine, False)
    found = boxes(single.view(np.float32))[:, 0:4, 1:7, 1:10]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    paired = np.full(((channels + 1) // 2, PLANES, WORDS), 0xFFFFFFFF, np.uint32)
    transform_rows(source, paired, sizes, begins, pitches, affine, True)
    words = boxes(paired)[:, 0:4, 1:7, 1:10]
    low, high = (words << np.uint32(16)).view(np.float32), words & np.uint32(0xFFFF0000)
    np.testing.assert_array_equal(low, as_bfloat16(found[0::2]))
    np.testing.assert_array_equal(high[: channels // 2].view(np.float32), as_bfloat16(found[1::2]))
    assert (high[channels // 2 :] == 0).all()


def test_only_what_lies_between_two_boxes_is_cleared() -> None:
    words = np.ones((2, PLANES, WORDS), np.uint32)
    outer, inner = np.array([1, 0, 2, 5, 8, 13]), np.array([2, 3, 4, 4, 7, 9])
    clear(words, outer, inner, PITCH)
    expected = np.ones((2, PLANES, ROWS, PITCH), np.uint32)
    expected[:, 1:5, 0:8, 2:13] = 0
    expected[:, 2:4, 3:7, 4:9] = 1
    np.testing.assert_array_equal(boxes(words), expected)
    assert (words[..., PITCH * ROWS :] == 1).all()
