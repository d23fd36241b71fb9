from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.numerics.draw_counts import count_draws
from napari_bayesseg.numerics.sample_statistics import summarise_draws
from napari_bayesseg.numerics.uncertainty import MEASURES
from napari_bayesseg.posteriors.device_counts import count_on_device
from napari_bayesseg.posteriors.device_statistics import summarise_on_device
from tests.live_memory import LiveBytes

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
SHAPES = [(1, 2), (2, 2), (5, 3), (16, 3), (7, 11), (33, 4)]  # draws, classes


def softmax_draws(num_draws: int, num_classes: int, num_voxels: int, seed: int = 0) -> np.ndarray:
    """Sharp and flat ones, ties within a draw and of the mean, equal draws, zeros."""
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((num_draws, num_classes, num_voxels)) * rng.gamma(
        1.0, 3.0, num_voxels
    )
    probs = np.exp(logits - logits.max(1, keepdims=True))
    probs = (probs / probs.sum(1, keepdims=True)).astype(np.float32)
    probs[..., 0] = 1.0 / num_classes
    probs[..., 1] = probs[0, :, 1]
    probs[..., 2] = 0.0
    probs[:, -1, 2] = 1.0
    probs[..., 3] = 0.0
    probs[::2, 0, 3] = probs[1::2, 1, 3] = 1.0  # a tied mean where T is even
    probs[..., 4] = np.float32(0.5) / max(num_classes - 2, 1)
    probs[:, :2, 4] = 0.25 if num_classes > 2 else 0.5
    return probs


def poisoned(probs: np.ndarray) -> np.ndarray:
    """With one NaN, in the first, a middle and the last draw and class."""
    places = [(0, 0, 5), (len(probs) // 2, -1, 6), (-1, 1, 7)]
    for place in places:
        probs[place] = np.nan
    return probs


def compared(
    probs: np.ndarray,
    device: str,
    measures: Sequence[str] = tuple(MEASURES),
    percentiles: tuple[float, float] = (20.0, 80.0),
    scratch_bytes: int = 2**28,
) -> None:
    expected = summarise_draws(probs, measures, percentiles)
    tensor = torch.from_numpy(probs).to(device)
    found = summarise_on_device(tensor, measures, percentiles, scratch_bytes=scratch_bytes)
    assert torch.equal(tensor.cpu(), torch.from_numpy(probs)) or np.isnan(probs).any()
    np.testing.assert_array_equal(found.labels.cpu().numpy(), expected.labels)
    np.testing.assert_array_equal(found.mean_probability.cpu().numpy(), expected.mean_probability)
    assert list(found.measures) == list(expected.measures)
    for name, values in expected.measures.items():
        ours = found.measures[name].cpu().numpy()
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, values, rtol=0, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("num_draws", "num_classes"), SHAPES)
def test_equal_to_the_compiled_statistics(num_draws: int, num_classes: int, device: str) -> None:
    compared(softmax_draws(num_draws, num_classes, 3001), device)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("num_draws", "num_classes"), SHAPES)
def test_a_voxel_with_a_nan_has_no_numbers(num_draws: int, num_classes: int, device: str) -> None:
    probs = poisoned(softmax_draws(num_draws, num_classes, 500))
    compared(probs, device)
    found = summarise_on_device(torch.from_numpy(probs).to(device), tuple(MEASURES))
    for values in (*found.mean_probability, *found.measures.values()):
        assert torch.isnan(values).nonzero().flatten().tolist() == [5, 6, 7]
    assert found.labels[5:8].tolist() == [0, 0, 0]


def test_the_result_does_not_depend_on_the_scratch_memory() -> None:
    probs = torch.from_numpy(poisoned(softmax_draws(9, 3, 1000)))
    whole = summarise_on_device(probs, tuple(MEASURES))
    for scratch_bytes in (0, 5000, 123_456):
        if scratch_bytes == 0:
            found = summarise_on_device(probs[..., :40], tuple(MEASURES), scratch_bytes=0)
        else:
            found = summarise_on_device(probs, tuple(MEASURES), scratch_bytes=scratch_bytes)
        n = len(found.labels)
        assert torch.equal(found.labels, whole.labels[:n])
        for name, values in found.measures.items():
            torch.testing.assert_close(
                values, whole.measures[name][:n], rtol=0, atol=0, equal_nan=True
            )


@pytest.mark.parametrize("num_draws", [4, 64])
def test_memory_is_that_of_the_results_and_the_scratch(num_draws: int) -> None:
    scratch, voxels = 2**19, 20_000
    probs = torch.from_numpy(softmax_draws(num_draws, 3, voxels))
    probs = probs.reshape(num_draws, 3, 20, 25, 40)
    with LiveBytes([probs]) as live:
        found = summarise_on_device(probs.flatten(2), tuple(MEASURES), scratch_bytes=scratch)
    results = 4 * voxels * (3 + 1 + len(MEASURES))
    assert len(found.labels) == voxels
    assert results < live.most <= results + scratch
    with LiveBytes([probs]) as live:
        count_on_device(probs, (20, 25, 40), scratch_bytes=scratch)
    assert scratch // 8 < live.most <= scratch + 2 * 8 * num_draws * 3 * 257


@pytest.mark.parametrize("percentiles", [(0.0, 100.0), (2.5, 97.5), (20.0, 80.0), (49.9, 50.1)])
@pytest.mark.parametrize("num_draws", [1, 2, 10, 17])
def test_percentiles_are_those_of_numpy(num_draws: int, percentiles: tuple[float, float]) -> None:
    probs = softmax_draws(num_draws, 3, 400)
    compared(probs, "cpu", ("percentile_spread",), percentiles)
    found = summarise_on_device(torch.from_numpy(probs), ("percentile_spread",), percentiles)
    top = np.take_along_axis(probs, found.labels.numpy()[None, None].astype(int), 1)[:, 0]
    low, high = np.percentile(top.astype(np.float64), percentiles, axis=0)
    np.testing.assert_allclose(found.measures["percentile_spread"], high - low, atol=1e-7)


@pytest.mark.parametrize("name", MEASURES)
def test_each_measure_by_itself(name: str) -> None:
    compared(softmax_draws(6, 3, 200), "cpu", (name,))


def test_a_part_of_a_larger_buffer_serves_as_it_is() -> None:
    probs = softmax_draws(8, 3, 300)
    part = torch.from_numpy(probs)[1:6, :, 20:270]
    expected = summarise_draws(probs[1:6, :, 20:270], tuple(MEASURES))
    found = summarise_on_device(part, tuple(MEASURES))
    np.testing.assert_array_equal(found.labels.numpy(), expected.labels)
    np.testing.assert_array_equal(found.mean_probability.numpy(), expected.mean_probability)


def test_one_draw_has_no_epistemic_uncertainty() -> None:
    found = summarise_on_device(torch.from_numpy(softmax_draws(1, 3, 200)), tuple(MEASURES))
    for name in ("mutual_information", "standard_deviation", "percentile_spread"):
        assert not found.measures[name].any(), name
    assert not found.measures["variation_ratio"].any()


def test_senseless_settings_are_refused() -> None:
    probs = torch.full((2, 2, 4), 0.5)
    with pytest.raises(SettingsError, match="two classes"):
        summarise_on_device(probs[:, :1], ())
    with pytest.raises(SettingsError, match="percentiles"):
        summarise_on_device(probs, (), (80.0, 20.0))
    with pytest.raises(SettingsError, match="measure must be one of"):
        summarise_on_device(probs, ("certainty",))
    with pytest.raises(SettingsError, match="one voxel more"):
        count_on_device(probs.reshape(2, 2, 1, 1, 4), (1, 1, 2))


BOXES: list[tuple[Index3, Index3]] = [
    ((5, 6, 7), (5, 6, 7)),
    ((5, 6, 7), (4, 5, 6)),
    ((5, 6, 7), (5, 5, 7)),
    ((1, 6, 7), (1, 5, 7)),
    ((2, 1, 9), (1, 1, 8)),
    ((1, 1, 1), (1, 1, 1)),
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("box", "core"), BOXES, ids=str)
@pytest.mark.parametrize(("num_draws", "num_classes"), [(1, 2), (4, 3), (3, 7)])
def test_counts_are_those_of_the_compiled_ones(
    num_draws: int, num_classes: int, box: Index3, core: Index3, device: str
) -> None:
    size = int(np.prod(box))
    probs = softmax_draws(num_draws, num_classes, max(size, 8))[..., -size:]
    if size > 8:
        probs = poisoned(probs)
    probs = np.ascontiguousarray(probs).reshape(num_draws, num_classes, *box)
    expected = count_draws(probs, core)
    for scratch_bytes in (2**28, 0):
        tensor = torch.from_numpy(probs).to(device)
        found = count_on_device(tensor, core, scratch_bytes=scratch_bytes)
        np.testing.assert_array_equal(found.voxels.cpu().numpy(), expected.voxels)
        np.testing.assert_array_equal(found.configurations.cpu().numpy(), expected.configurations)


def test_counts_of_a_single_cell() -> None:
    """One corner after the other: the code is the corner's own bit."""
    for dz in range(2):
        for dy in range(2):
            for dx in range(2):
                probs = torch.zeros(1, 2, 2, 2, 2)
                probs[:, 0] = 1.0
                probs[0, :, dz, dy, dx] = torch.tensor([0.0, 1.0])
                found = count_on_device(probs, (1, 1, 1))
                bit = 1 << (4 * dz + 2 * dy + dx)
                assert found.configurations[0, 1].nonzero().flatten().tolist() == [bit]
                assert found.configurations[0, 0].nonzero().flatten().tolist() == [255 - bit]
                assert found.voxels[0].tolist() == ([0, 1] if bit == 1 else [1, 0])
