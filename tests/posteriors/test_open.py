"""Every method's model folder becomes a posterior, and a prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_bayesseg.core.errors import BayesSegWarning
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.networks.checkpoint import ModelCard, load_card, load_foreign, save_model
from napari_bayesseg.networks.foreign.build import build_foreign
from napari_bayesseg.networks.foreign.spec import ForeignSpec
from napari_bayesseg.networks.methods import METHODS
from napari_bayesseg.posteriors.network import NetworkPosterior, padded_shape
from napari_bayesseg.posteriors.open import network_posterior, open_model
from tests.models import small_network, write_model

SHAPE: Index3 = (9, 18, 21)
CPU = torch.device("cpu")
KINDS: dict[str, dict[str, object]] = {
    "3D": {},
    "2D": {"kernel_size": (1, 3, 3), "pooling": (1, 2, 2)},
    "anisotropic": {"kernel_size": (3, 3, 3), "pooling": (1, 2, 2)},
    "many classes": {"num_classes": 6},
}


def noise(shape: Index3) -> np.ndarray:
    return np.random.default_rng(3).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", METHODS)
def test_a_draw_is_that_of_the_reference_in_double_precision(
    method: str, kind: str, tmp_path: Path
) -> None:
    shape: Index3 = (1, 18, 21) if kind == "2D" else SHAPE
    folder = write_model(tmp_path / "m", method, **KINDS[kind])
    posterior, card, _ = open_model(folder, CPU)
    scan = np.pad(
        noise(shape),
        [(0, p - n) for p, n in zip(padded_shape(shape, posterior.stride), shape, strict=True)],
        mode="edge",
    )
    features = posterior.prepare(
        Roi.whole(shape), shape, lambda roi: np.ascontiguousarray(scan[roi.slices])
    )
    index = 1
    found = posterior.draw(index, seed=4).probabilities(features)
    member = index if card.members > 1 else 0
    network = small_network(method, member, **KINDS[kind])
    reference = NetworkPosterior(network, dtype=torch.float64, is_member=card.members > 1)
    own = reference.prepare(Roi.whole(shape), shape, lambda roi: scan[roi.slices])
    drawn = reference.draw(0 if card.members > 1 else index, seed=4)
    assert found.shape == (network.spec.num_classes, *shape)
    np.testing.assert_allclose(found, drawn.probabilities(own), atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.filterwarnings("ignore::napari_bayesseg.core.errors.BayesSegWarning")
def test_every_method_predicts_in_any_blocks_with_and_without_flips(
    method: str, tmp_path: Path
) -> None:
    model = write_model(tmp_path / "m", method)
    scan = Volume.from_array(noise(SHAPE))
    results = {}
    for flips in ("", "yx"):
        for block in ((9, 18, 21), (4, 8, 12)):
            out = tmp_path / f"{flips}{block[0]}.zarr"
            results[flips, block] = predict(
                scan, model, out, num_samples=8, block_shape=block, flips=flips
            )
    for flips in ("", "yx"):
        one, other = (
            np.asarray(results[flips, b].mean_probability) for b in ((9, 18, 21), (4, 8, 12))
        )
        np.testing.assert_allclose(one, other, atol=1e-5)
        result = results[flips, (4, 8, 12)]
        count = result.settings.num_samples
        draws = np.stack([result.draw(t) for t in range(count)])
        np.testing.assert_allclose(one, draws.mean(0), atol=1e-5)
        assert np.asarray(result.measure("mutual_information")).max() > 1e-4
        assert count == (3 if not flips and method in ("ensemble", "sghmc") else 8)
    plain, flipped = (np.asarray(results[f, (9, 18, 21)].mean_probability) for f in ("", "yx"))
    assert np.abs(plain - flipped).max() > 1e-3


def test_more_draws_than_there_are_are_told(tmp_path: Path) -> None:
    model = write_model(tmp_path / "three", "ensemble")
    with pytest.warns(BayesSegWarning, match="three has 3 different draws: these are made, not 16"):
        result = predict(Volume.from_array(noise(SHAPE)), model, tmp_path / "r.zarr")
    assert result.settings.num_samples == 3
    again = predict(Volume.from_array(noise(SHAPE)), model, tmp_path / "r.zarr", num_samples=3)
    assert again.record["run_id"] == result.record["run_id"]


def test_folds_of_another_library_need_no_dropout(tmp_path: Path) -> None:
    spec = ForeignSpec.model_validate(
        {
            "network": "monai.UNet",
            "num_classes": 3,
            "arguments": {"channels": [4, 8], "strides": [2], "norm": "batch"},
        }
    )
    networks = []
    for seed in range(2):
        torch.manual_seed(seed)
        networks.append(build_foreign(spec))
    card = ModelCard(
        name="folds", method="ensemble", network=spec, members=2, class_names=("a", "b", "c")
    )
    card = save_model(tmp_path / "folds", card, *networks)
    loaded = load_foreign(tmp_path / "folds", load_card(tmp_path / "folds"))
    posterior = network_posterior(card, loaded, CPU)
    assert posterior.num_distinct == 2
    scan = noise((8, 12, 16))
    whole = Roi.whole((8, 12, 16))
    for index, network in enumerate(networks):
        with torch.no_grad():
            expected = torch.softmax(network(torch.from_numpy(scan)[None, None]), 1)[0].numpy()
        for box in (whole, Roi((2, 3, 5), (7, 8, 12))):
            features = posterior.prepare(
                box, (8, 12, 16), lambda roi: np.ascontiguousarray(scan[roi.slices])
            )
            found = posterior.draw(index, seed=0).probabilities(features)
            np.testing.assert_allclose(found, expected[(slice(None), *box.slices)], atol=1e-5)
