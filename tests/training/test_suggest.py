from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Geometry, Index3
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.networks.methods import METHODS, Method
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training.pairs import TrainingPair
from napari_bayesseg.training.settings import TrainingSettings
from napari_bayesseg.training.suggest import suggest_for, suggest_settings

EVEN = (1.0, 1.0, 1.0)


def suggested(
    shape: Index3, spacing: tuple[float, float, float] = EVEN, **chosen: object
) -> TrainingSettings:
    return suggest_settings([shape], [spacing], "bcnn", **chosen)


def test_a_large_scan_of_even_voxels_is_treated_alike_along_all_axes() -> None:
    settings = suggested((400, 500, 600))
    assert (settings.pooling, settings.kernel_size) == ((2, 2, 2), (3, 3, 3))
    assert settings.channels == (8, 16, 32)
    assert max(settings.patch_shape) <= 1.3 * min(settings.patch_shape)
    assert 0.6 * 2**17 <= math.prod(settings.patch_shape) <= 2**17
    assert settings.batch_size == 2


def test_a_flat_scan_gets_a_flat_network() -> None:
    settings = suggested((1, 700, 900))
    assert (settings.pooling, settings.kernel_size) == ((1, 2, 2), (1, 3, 3))
    assert settings.patch_shape[0] == 1
    assert 0.6 * 2**16 <= math.prod(settings.patch_shape) <= 2**16


@pytest.mark.parametrize(
    ("z", "pooling", "kernel"),
    [(1.0, 2, 3), (2.9, 2, 3), (3.5, 1, 3), (6.0, 1, 1)],
)
def test_thick_slices_are_pooled_less_and_at_last_kept_apart(
    z: float, pooling: int, kernel: int
) -> None:
    settings = suggested((60, 512, 512), (z, 1.0, 1.0))
    assert settings.pooling == (pooling, 2, 2)
    assert settings.kernel_size == (kernel, 3, 3)
    lengths = [n * s for n, s in zip(settings.patch_shape, (z, 1.0, 1.0), strict=True)]
    assert max(lengths) <= 1.8 * min(lengths)


def test_it_is_the_axes_that_count_and_not_their_order() -> None:
    thick = suggested((60, 512, 500), (5.0, 1.0, 1.0))
    turned = suggested((500, 512, 60), (1.0, 1.0, 5.0))
    assert turned.pooling == thick.pooling[::-1]
    assert turned.kernel_size == thick.kernel_size[::-1]
    assert turned.patch_shape == thick.patch_shape[::-1]


def test_the_unit_does_not_count() -> None:
    shape, spacing = (60, 512, 512), (4.0, 0.7, 0.9)
    metres = (4e-6, 0.7e-6, 0.9e-6)
    assert suggested(shape, spacing) == suggested(shape, metres)


@pytest.mark.parametrize(
    "shape", [(3, 3, 3), (1, 5, 7), (2, 40, 40), (5, 6, 300), (1, 1, 1), (1, 1, 90), (35, 50, 34)]
)
@pytest.mark.parametrize("method", METHODS)
def test_small_scans_give_a_network_that_runs_on_its_patch(shape: Index3, method: Method) -> None:
    settings = suggest_settings([shape], [EVEN], method)
    stride = settings.network_spec(2).stride
    for patch, length, step in zip(settings.patch_shape, shape, stride, strict=True):
        assert patch < length + step  # nothing but the rounding to the stride is padding
    if math.prod(settings.patch_shape) > 2**12:
        return
    network = VNet(settings.network_spec(2))
    patch = torch.zeros(1, 1, *settings.patch_shape)
    logits = network(patch, torch.Generator().manual_seed(0))
    assert logits.shape[2:] == settings.patch_shape


def test_small_patches_come_in_larger_batches() -> None:
    small, tiny = suggested((32, 32, 32)), suggested((16, 16, 16))
    assert small.batch_size == tiny.batch_size == 8
    assert suggested((40, 44, 48)).batch_size == 3


@pytest.mark.parametrize(("count", "held_out"), [(1, 0), (2, 1), (4, 1), (10, 2), (30, 6)])
def test_one_scan_in_five_is_held_out(count: int, held_out: int) -> None:
    settings = suggest_settings([(32, 64, 64)] * count, [EVEN] * count, "mc-dropout")
    assert settings.num_validation == held_out


def test_the_median_scan_counts() -> None:
    shapes = [(20, 64, 64), (24, 64, 64), (600, 900, 900)]
    settings = suggest_settings(shapes, [EVEN] * 3, "mc-dropout")
    assert settings == suggest_settings([shapes[1]] * 3, [EVEN] * 3, "mc-dropout")


def test_scribbles_are_looked_for() -> None:
    assert suggested((32, 64, 64), labelled_share=0.01).foreground_share == 1.0
    assert suggested((32, 64, 64)).foreground_share == 0.5


def test_what_is_chosen_stays_and_the_rest_fits_it() -> None:
    settings = suggested((90, 200, 200), channels=[8, 16, 32, 64], pooling=(1, 2, 2), steps=77)
    assert settings.channels == (8, 16, 32, 64)
    assert (settings.pooling, settings.steps) == ((1, 2, 2), 77)
    assert settings.patch_shape[1] % 8 == 0
    assert suggested((90, 200, 200), patch_shape=(8, 8, 8)).batch_size == 8


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"patch_shape": (7, 8, 8)}, "patch_shape must be a multiple"),
        ({"patch_shape": "all"}, "patch_shape"),
        ({"channels": 3}, "channels"),
        ({"pooling": (0, 2, 2)}, "pooling"),
        ({"colour": 1}, "colour"),
    ],
)
def test_what_cannot_be_is_refused_in_words(chosen: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        suggested((32, 64, 64), **chosen)


def test_no_scan_is_refused() -> None:
    with pytest.raises(SettingsError, match="one scan or more"):
        suggest_settings([], [], "bcnn")


def test_what_was_set_stays_and_the_rest_suits_the_scans_with_labels() -> None:
    thick = Geometry.from_spacing((6.0, 1.0, 1.0))
    flat = Volume.from_array(np.zeros((8, 64, 64), np.uint8), thick, name="flat")
    cube = Volume.from_array(np.zeros((64, 64, 64), np.uint8), name="cube")
    pairs = [TrainingPair("a", flat, flat), TrainingPair("b", cube, None)]
    settings = TrainingSettings.load(None, method="ua-mt", batch_size=3, num_validation=0)
    found = suggest_for(pairs, settings)
    alone = suggest_settings(
        [(8, 64, 64)], [(6.0, 1.0, 1.0)], "ua-mt", batch_size=3, num_validation=0
    )
    assert found == alone
    assert (found.pooling, found.kernel_size) == ((1, 2, 2), (1, 3, 3))
    with pytest.raises(SettingsError, match="one scan or more"):
        suggest_for(pairs[1:], settings)
