from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_bayesseg.training.patches import PatchSampler
from tests.training.cases import tiny_case, tiny_settings

OFF = {"flip": False, "transpose": False, "gain": 0.0, "shift": 0.0}
PLAIN = {"augmentation": OFF}


def sampler(case, seed: int = 0, **changes: object) -> PatchSampler:
    return PatchSampler([case], tiny_settings(**changes), np.random.default_rng(seed))


def test_one_seed_gives_one_series_of_batches() -> None:
    case = tiny_case()
    first, same, other = (sampler(case, seed) for seed in (1, 1, 2))
    for _ in range(3):
        images, labels = first.batch()
        assert images.shape == (2, 1, 8, 8, 8)
        assert labels.shape == (2, 8, 8, 8)
        assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
        again = same.batch()
        assert torch.equal(images, again[0])
        assert torch.equal(labels, again[1])
        assert not torch.equal(images, other.batch()[0])


def test_image_and_labels_stay_together_under_augmentation() -> None:
    """The case's grey value tells its class, wherever the voxel goes."""
    batches = sampler(tiny_case())
    for _ in range(10):
        images, labels = batches.batch()
        assert torch.equal((images[:, 0] > 0.3).long(), labels)


def test_without_augmentation_patches_are_cut_out_unchanged() -> None:
    case = tiny_case(shape=(8, 9, 8))
    images, labels = sampler(case, **PLAIN).batch()
    for image, label in zip(images[:, 0].numpy(), labels.numpy(), strict=True):
        starts = [y for y in range(2) if np.array_equal(image, case.image[:, y : y + 8])]
        assert len(starts) == 1
        np.testing.assert_array_equal(label, case.labels[:, starts[0] : starts[0] + 8])


def test_grey_values_are_scaled_and_shifted_within_bounds() -> None:
    case = tiny_case(shape=(8, 8, 8))
    case.image[...] = 1.0
    batches = sampler(case, augmentation={"gain": 0.2, "shift": 0.5})
    values = torch.cat([batches.batch()[0][:, 0, 0, 0, 0] for _ in range(200)])
    assert 0.3 <= values.min() < 0.5
    assert 1.5 < values.max() <= 1.7


@pytest.mark.parametrize(("axis", "name"), [(0, "z"), (1, "y"), (2, "x")])
def test_a_small_scan_is_padded_at_the_high_end_and_padding_does_not_count(
    axis: int, name: str
) -> None:
    shape = [8, 8, 8]
    shape[axis] = 5
    case = tiny_case(shape=(shape[0], shape[1], shape[2]))
    images, labels = sampler(case, **PLAIN).batch()
    outside = [slice(None)] * 3
    outside[axis] = slice(5, None)
    inside = [slice(None)] * 3
    inside[axis] = slice(0, 5)
    for image, label in zip(images[:, 0].numpy(), labels.numpy(), strict=True):
        assert np.all(label[tuple(outside)] == -1)
        np.testing.assert_array_equal(label[tuple(inside)], case.labels)
        edge = np.take(case.image, [4], axis)
        np.testing.assert_array_equal(image[tuple(outside)], np.repeat(edge, 3, axis))


def test_large_label_values_survive_padding() -> None:
    case = tiny_case(shape=(8, 8, 5))
    labels = case.labels * 1023
    case = type(case)(case.name, case.image, labels, case.geometry)
    _, found = sampler(case, **PLAIN).batch()
    assert set(found.unique().tolist()) == {-1, 0, 1023}


@pytest.mark.parametrize(("spacing", "swaps"), [((2.0, 0.5, 0.5), True), ((2.0, 1.0, 0.5), False)])
def test_y_and_x_are_swapped_only_where_they_are_alike(
    spacing: tuple[float, float, float], swaps: bool
) -> None:
    """The slab lies across y: after a swap it lies across x."""
    case = tiny_case(shape=(8, 8, 8), spacing=spacing)
    batches = sampler(case, augmentation={**OFF, "transpose": True})
    labels = torch.cat([batches.batch()[1] for _ in range(10)])
    along_x = (labels == labels[:, :, :, :1]).flatten(1).all(1)
    assert along_x.any()
    assert bool((~along_x).any()) is swaps


def test_large_scans_are_drawn_from_more_often() -> None:
    large, small = tiny_case(shape=(8, 24, 24)), tiny_case(shape=(8, 8, 8))
    small.image[...] = 99.0
    batches = PatchSampler([large, small], tiny_settings(), np.random.default_rng(0))
    images = torch.cat([batches.batch()[0] for _ in range(100)])
    share = (images.flatten(1).mean(1) > 50).float().mean()
    assert 0.03 < share < 0.2  # a tenth of all voxels
