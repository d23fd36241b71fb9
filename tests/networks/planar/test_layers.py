from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.networks.planar.layers import (
    Input,
    convolve,
    pack_phases,
    upsample_convolve,
)
from napari_bayesseg.networks.planar.tensors import Grid, half_words, pack_epilogue, pack_weights
from napari_bayesseg.numerics.planar.tile import CHANNELS, HAS_BFLOAT16, STEP

NEED = Roi((3, 4, 5), (7, 10, 5 + STEP + 7))
needs_bfloat16 = pytest.mark.skipif(
    not HAS_BFLOAT16, reason="this processor does not multiply bfloat16 numbers"
)


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def correlated(voxels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Cross-correlation of ``(C, z, y, x)`` without padding, in double precision."""
    windows = sliding_window_view(voxels.astype(np.float64), weights.shape[2:], axis=(1, 2, 3))
    return np.einsum("izyxabc,oiabc->ozyx", windows, weights.astype(np.float64), optimize=True)


def rounding(voxels: np.ndarray, weights: np.ndarray) -> float:
    """A few units of the last place of the sum of all magnitudes."""
    return float(4 * 2.0**-23 * correlated(np.abs(voxels), np.abs(weights)).max())


def filled(grid: Grid, roi: Roi, values: np.ndarray) -> np.ndarray:
    tensor = grid.empty(len(values))
    grid.box(tensor, roi)[...] = values
    return tensor


def flat(weights: np.ndarray) -> np.ndarray:
    return weights.reshape(*weights.shape[:2], -1)


def from_halves(words: np.ndarray) -> np.ndarray:
    return (words << np.uint32(16)).astype(np.uint32).view(np.float32)


def as_pairs(values: np.ndarray) -> np.ndarray:
    """Words of two channels each, shown as single-precision numbers for `Grid.box`."""
    halves = half_words(values)
    return (halves[0::2] | (halves[1::2] << np.uint32(16))).view(np.float32)


@pytest.mark.parametrize("kernel", [(3, 3, 3), (1, 1, 1), (1, 3, 3), (5, 3, 7)])
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 3), (5, CHANNELS), (8, 2 * CHANNELS + 3)])
def test_convolution_bias_bound_scale_and_shift(kernel: Index3, inputs: int, outputs: int) -> None:
    halves = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    source = NEED.grown(halves)
    grid = Grid(source.grown((0, 1, 2)))
    voxels, weights = numbers(inputs, *source.shape), numbers(outputs, inputs, *kernel, seed=1)
    bias, scale, shift = numbers(3, outputs, seed=2)
    target = grid.empty(-(-outputs // CHANNELS) * CHANNELS)
    entry = Input(filled(grid, source, voxels), pack_weights(flat(weights), paired=False))
    convolve(grid, [entry], target, NEED, kernel, pack_epilogue(bias, scale, shift), lowest=-0.25)
    each = (slice(None), None, None, None)
    sums = correlated(voxels, weights) + bias[each]
    expected = np.maximum(sums, -0.25) * scale[each] + shift[each]
    tolerance = rounding(voxels, weights) * np.abs(scale).max()
    np.testing.assert_allclose(grid.box(target[:outputs], NEED), expected, atol=tolerance)


def test_sums_that_were_begun_before_end_in_the_same_bits() -> None:
    kernel, source = (3, 3, 3), NEED.grown((1, 1, 1))
    grid = Grid(source)
    one, two = numbers(4, *source.shape), numbers(6, *source.shape, seed=1)
    weights = numbers(CHANNELS, 10, 27, seed=2)
    none, ones = np.zeros(CHANNELS, np.float32), np.ones(CHANNELS, np.float32)
    inputs = [
        Input(filled(grid, source, one), pack_weights(weights[:, :4], paired=False)),
        Input(filled(grid, source, two), pack_weights(weights[:, 4:], paired=False)),
    ]
    whole, begun, ended = (grid.empty(CHANNELS) for _ in range(3))
    plain = pack_epilogue(none, ones, none)
    convolve(grid, inputs, whole, NEED, kernel, plain)
    convolve(grid, inputs[:1], begun, NEED, kernel, plain, lowest=-np.inf)
    convolve(grid, inputs[1:], ended, NEED, kernel, plain, partial=begun)
    np.testing.assert_array_equal(grid.box(ended, NEED), grid.box(whole, NEED))
    assert grid.box(whole, NEED).min() == 0.0


def test_channels_of_zeros_are_left_out_and_change_nothing() -> None:
    weights = numbers(3, 6, 27)
    weights[:, [1, 2, 5]] = 0.0
    np.testing.assert_array_equal(pack_weights(weights, paired=False).channels, [0, 3, 4])
    np.testing.assert_array_equal(pack_weights(weights, paired=True).channels, [0, 1, 2])
    weights[:, 0] = 0.0
    np.testing.assert_array_equal(pack_weights(weights[:, :3], paired=True).channels, [])


@needs_bfloat16
@pytest.mark.parametrize("to_single", [False, True])
def test_pairs_multiply_bfloat16_numbers_and_sum_in_single(to_single: bool) -> None:
    kernel, source = (3, 3, 3), NEED.grown((1, 1, 1))
    grid = Grid(source)
    voxels, weights = numbers(6, *source.shape), numbers(CHANNELS, 6, *kernel, seed=1)
    zeros, ones = np.zeros(CHANNELS, np.float32), np.ones(CHANNELS, np.float32)
    target = grid.empty(CHANNELS)
    entry = Input(filled(grid, source, as_pairs(voxels)), pack_weights(flat(weights), paired=True))
    convolve(
        grid,
        [entry],
        target,
        NEED,
        kernel,
        pack_epilogue(zeros, ones, zeros),
        paired=(True, not to_single),
    )
    rounded = [from_halves(half_words(values)) for values in (voxels, weights)]
    expected = np.maximum(correlated(*rounded), 0.0)
    if to_single:
        np.testing.assert_allclose(grid.box(target, NEED), expected, atol=1e-4)
        return
    words = grid.box(target[: CHANNELS // 2], NEED).view(np.uint32)
    for parity, found in enumerate((from_halves(words), from_halves(words >> np.uint32(16)))):
        np.testing.assert_allclose(found, expected[parity::2], rtol=2**-8, atol=1e-4)


@pytest.mark.parametrize(
    "factors", [(2, 2, 2), (1, 2, 2), (3, 2, 4), (1, 1, 1), (2, 3, 1), (4, 4, 4)]
)
@pytest.mark.parametrize("outputs", [CHANNELS, CHANNELS + 2])
@pytest.mark.parametrize("shift", [0, 1])
def test_upsampling_convolution_is_repetition_then_convolution(
    factors: Index3, outputs: int, shift: int
) -> None:
    coarse_box = Roi((0, 0, 0), (5, 6, 7))
    coarse = Grid(coarse_box.grown((1, 1, 1)))
    voxels = numbers(5, *coarse_box.shape)
    tensor = coarse.empty(5)
    grid_box = coarse.box(tensor, coarse.frame)
    grid_box[...] = 0.0
    coarse.box(tensor, coarse_box)[...] = voxels
    weights = numbers(outputs, 5, *factors, seed=1)
    extent = tuple(n * f for n, f in zip(coarse_box.shape, factors, strict=True))
    need = Roi((shift, 2 * shift, shift), (extent[0], extent[1] - shift, extent[2]))
    fine = Grid(need.grown((0, 1, 2)))
    target = fine.empty(-(-outputs // CHANNELS) * CHANNELS)
    bias = numbers(outputs, seed=2)
    ones, zeros = np.ones(outputs, np.float32), np.zeros(outputs, np.float32)
    packed = pack_phases(weights, factors, paired=False)
    upsample_convolve(
        coarse, tensor, packed, fine, target, need, factors, pack_epilogue(bias, ones, zeros)
    )
    repeated = voxels
    for axis, factor in enumerate(factors, start=1):
        repeated = np.repeat(repeated, factor, axis=axis)
    margins = [((f - 1) // 2, f // 2) for f in factors]
    padded = np.pad(repeated, [(0, 0), *margins])
    sums = correlated(padded, weights) + bias[:, None, None, None]
    expected = np.maximum(sums, 0.0)[(slice(None), *need.slices)]
    tolerance = rounding(padded, weights)
    np.testing.assert_allclose(fine.box(target[:outputs], need), expected, atol=tolerance)
