from __future__ import annotations

import pytest
import torch

from benchmarks import roofline
from benchmarks.layers import LayerTime, layer_times
from benchmarks.nets import random_model
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.networks.model_folders import find_model
from napari_bayesseg.posteriors.open import open_model
from napari_bayesseg.posteriors.planar import PlanarPosterior

SHAPE = (16, 24, 24)
CORE = Roi((0, 8, 8), (8, 24, 16))


@pytest.fixture(scope="module")
def posterior(tmp_path_factory: pytest.TempPathFactory) -> PlanarPosterior:
    folder = random_model(tmp_path_factory.mktemp("roofline") / "tiny", (4, 8, 8))
    found, _, _ = open_model(find_model(folder), torch.device("cpu"))
    assert isinstance(found, PlanarPosterior)
    return found


def test_layers_hold_all_operations_but_those_saved_in_upsampling(
    posterior: PlanarPosterior,
) -> None:
    layers = layer_times(posterior, CORE, SHAPE, repeats=1)
    cost = posterior.cost(CORE, SHAPE)
    once = sum(layer.multiply_adds for layer in layers if layer.name.startswith("encoder"))
    assert once == cost.fixed_operations
    # Of 8 products of a 2 x 2 x 2 kernel, 1.5^3 are left when equal ones are summed.
    each = [layer for layer in layers if not layer.name.startswith("encoder")]
    undone = sum(
        layer.multiply_adds * (8 / 1.5**3 if layer.name.endswith("up") else 1) for layer in each
    )
    assert undone == pytest.approx(cost.draw_operations)
    assert all(layer.seconds > 0 for layer in layers)


def test_names_follow_the_decoder_from_the_coarsest_level(posterior: PlanarPosterior) -> None:
    names = [layer.name for layer in layer_times(posterior, CORE, SHAPE, repeats=1)]
    assert names[-9:] == [
        *(f"decoder.1.{part}" for part in ("up", "first", "second")),
        *(f"decoder.0.{part}" for part in ("up", "first", "second")),
        *("head", "classifier", "softmax"),
    ]


def test_shares_are_of_the_whole_and_of_the_peak() -> None:
    layers = [LayerTime("a", 3.0, 1.5e9), LayerTime("b", 1.0, 0.0)]
    rows = {row.metric: row.value for row in roofline._rows_of_layers("t", layers, peak=4e9)}
    assert rows["t | a | share of the time (%)"] == 75.0
    assert rows["t | a | GFLOP/s"] == 1.0
    assert rows["t | a | share of the peak (%)"] == 25.0
    assert rows["t | b | GFLOP/s"] == ""


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_peaks_are_operations_a_second(dtype: torch.dtype) -> None:
    assert roofline.matrix_peak(dtype, side=64) > 1e6
    assert roofline.convolution_peak(dtype, channels=8, side=8) > 1e6
    assert roofline.copy_bandwidth(2**16) > 1e6
