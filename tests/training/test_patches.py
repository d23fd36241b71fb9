from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_bayesseg.training.dataset import TrainingCase
from napari_bayesseg.training.patches import PatchSampler, validation_batches
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


def with_labels(case: TrainingCase, labels: np.ndarray | None) -> TrainingCase:
    return replace(case, labels=labels)


def spotted(shape: tuple[int, int, int] = (8, 40, 40)) -> TrainingCase:
    """One voxel of class 1 and a block of class 3, on background; what is ignored lies apart."""
    labels = np.zeros(shape, np.int32)
    labels[5, 20, 33] = 1
    labels[:, :8, :8] = 3
    labels[:, 35:, :5] = -1
    return with_labels(tiny_case(shape=shape), labels)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_foreground_share_of_patches_holds_a_class_drawn_uniformly(share: float) -> None:
    batches = sampler(spotted(), foreground_share=share, batch_size=600, **PLAIN)
    labels = batches.batch().labels.flatten(1)
    rare, common = ((labels == value).any(1).float().mean() for value in (1, 3))
    # of the 33 starts along y and x: those whose patch holds the voxel, and meets the block
    for found, by_chance in ((rare, 8 * 7 / 33**2), (common, 8 * 8 / 33**2)):
        assert abs(float(found) - (share / 2 + (1 - share) * by_chance)) < 0.07
    if share == 1:
        assert (labels > 0).any(1).all()


def test_a_chosen_voxel_lies_anywhere_in_its_patch_and_the_patch_in_the_scan() -> None:
    labels = np.zeros((8, 40, 40), np.int32)
    labels[3, 20, 2] = 1
    case = with_labels(tiny_case(shape=labels.shape), labels)
    patches = sampler(case, foreground_share=1, batch_size=300, **PLAIN).batch().labels
    _, z, y, x = torch.nonzero(patches, as_tuple=True)
    assert len(y) == 300
    assert set(z.tolist()) == {3}
    assert set(y.tolist()) == set(range(8))
    assert set(x.tolist()) == {0, 1, 2}


def test_background_is_drawn_where_there_is_no_other_class() -> None:
    case = with_labels(tiny_case(), np.zeros((8, 12, 12), np.int32))
    assert (sampler(case, foreground_share=1).batch().labels == 0).all()


@pytest.mark.parametrize("augmentation", [OFF, {"rotate": 180, "zoom": 0.5, "probability": 1}])
def test_every_patch_of_a_sparsely_labelled_scan_has_a_label(augmentation) -> None:
    labels = np.full((8, 40, 40), -1, np.int32)
    labels[4, 30, 30], labels[2, 3, 4] = 0, 1
    case = with_labels(tiny_case(shape=labels.shape), labels)
    found = sampler(case, batch_size=50, foreground_share=0.3, augmentation=augmentation).batch()
    assert (found.labels >= 0).flatten(1).any(1).all()
    assert {0, 1} <= set(found.labels.unique().tolist())


def test_scans_without_labels_give_patches_without() -> None:
    case = with_labels(tiny_case(), None)
    batch = sampler(case, augmentation={"rotate": 90, "probability": 1}).batch()
    assert (batch.labels == -1).all()
    assert batch.labels.shape == (2, 8, 8, 8)
    assert batch.images.std() > 0.5


def test_a_batch_of_another_size() -> None:
    settings = tiny_settings()
    batches = PatchSampler([tiny_case()], settings, np.random.default_rng(0), batch_size=5)
    assert batches.batch().images.shape == (5, 1, 8, 8, 8)


STRONG = {
    "rotate": 30, "tilt": 10, "zoom": 0.2, "noise": 0.1, "blur": 1, "gamma": 0.5,
    "bias_field": 0.3, "ghost": 0.3, "probability": 0.5,
}  # fmt: skip


def test_a_generators_state_continues_the_series() -> None:
    generator = np.random.default_rng(4)
    batches = PatchSampler([spotted()], tiny_settings(augmentation=STRONG), generator)
    batches.batch()
    state = generator.bit_generator.state
    expected = [batches.batch() for _ in range(3)]
    fresh = np.random.default_rng(99)
    again = PatchSampler([spotted()], tiny_settings(augmentation=STRONG), fresh)
    fresh.bit_generator.state = state
    for batch in expected:
        found = again.batch()
        assert torch.equal(found.images, batch.images)
        assert torch.equal(found.labels, batch.labels)


def test_only_changes_of_place_change_labels() -> None:
    grey = {**STRONG, "rotate": 0, "tilt": 0, "zoom": 0, "probability": 1}
    case = tiny_case(shape=(8, 8, 8))
    images, labels = sampler(case, augmentation={**OFF, **grey}).batch()
    assert not np.allclose(images[0, 0].numpy(), case.image)
    for found in labels.numpy():
        np.testing.assert_array_equal(found, case.labels)


def test_a_plane_is_trained_on_like_a_volume() -> None:
    case = tiny_case(shape=(1, 20, 24), spacing=(1.0, 0.5, 0.5))
    plane = {"patch_shape": (1, 8, 8), "kernel_size": (1, 3, 3), "pooling": (1, 2, 2)}
    images, labels = sampler(case, augmentation=STRONG, batch_size=20, **plane).batch()
    assert images.shape == (20, 1, 1, 8, 8)
    assert {0, 1} <= set(labels.unique().tolist())
    validation = validation_batches([case], tiny_settings(**plane))
    assert sum(int((batch.labels >= 0).sum()) for batch in validation) == case.image.size


def test_validation_covers_each_labelled_voxel_once_and_unchanged() -> None:
    """The image tells each voxel's place, so that it can be followed."""
    cases = []
    for shape in ((8, 20, 13), (5, 8, 30)):
        labels = np.zeros(shape, np.int32)
        labels[:, :3] = 2
        labels[1, 5] = -1
        place = np.arange(labels.size, dtype=np.float32).reshape(shape) + 10_000 * len(cases)
        cases.append(replace(tiny_case(shape=shape), image=place, labels=labels))
    settings = tiny_settings(augmentation=STRONG)
    batches = validation_batches([*cases, with_labels(tiny_case(), None)], settings)
    images = torch.cat([batch.images[:, 0] for batch in batches])
    labels = torch.cat([batch.labels for batch in batches])
    assert all(len(batch.labels) == 2 for batch in batches[:-1])
    assert (labels >= 0).flatten(1).any(1).all()
    seen = images[labels >= 0].numpy()
    expected = np.concatenate([case.image[case.labels >= 0] for case in cases])
    np.testing.assert_array_equal(np.sort(seen), np.sort(expected))
    of_class = np.concatenate([case.image[case.labels == 2] for case in cases])
    np.testing.assert_array_equal(np.sort(images[labels == 2].numpy()), np.sort(of_class))
    for batch, again in zip(batches, validation_batches(cases, settings), strict=True):
        assert torch.equal(batch.images, again.images)
        assert torch.equal(batch.labels, again.labels)


def test_of_large_scans_validation_takes_some_patches_half_of_them_with_a_class() -> None:
    labels = np.zeros((8, 80, 80), np.int32)
    labels[:, 70:, 70:] = 1
    large = with_labels(tiny_case(shape=labels.shape), labels)
    batches = validation_batches([large] * 2, tiny_settings(foreground_share=0.25), max_patches=16)
    found = torch.cat([batch.labels for batch in batches]).flatten(1)
    assert len(found) == 16
    assert int((found == 1).any(1).sum()) == 4
    assert validation_batches([], tiny_settings()) == []
    assert len(validation_batches([large] * 3, tiny_settings(batch_size=9), max_patches=1)) == 1
