from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_bayesseg.core.errors import SettingsError, StoreError
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.inference.progress import Cancelled
from napari_bayesseg.networks.checkpoint import load_card, load_networks
from napari_bayesseg.networks.normalisation import GroupNorm
from napari_bayesseg.training.dataset import TrainingPair
from napari_bayesseg.training.fine_tune import fine_tune
from napari_bayesseg.training.fine_tune_settings import FineTuneSettings
from napari_bayesseg.training.fine_tuning import mean_probability
from napari_bayesseg.training.progress import Progress, TrainingHooks
from tests.models import write_model

SHAPE = (16, 24, 24)
BRIGHT = (slice(4, 12), slice(6, 18), slice(6, 18))
REVIEWED = (slice(5, 8), slice(8, 16), slice(8, 16))
"""A part of the bright block, of which people say that it is class 2."""
STEPS = 25
METHODS = ("bcnn", "mc-dropout", "heteroscedastic", "ensemble")
"""One for each kind of network: ua-mt leaves what mc-dropout does, sghmc what ensembles do."""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small networks are slower on several."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def scan() -> Volume:
    """A bright block in noise, of which the network of the tests knows nothing."""
    voxels = np.random.default_rng(5).normal(0.0, 0.3, SHAPE).astype(np.float32)
    voxels[BRIGHT] += 3.0
    return Volume.from_array(voxels, name="block")


@pytest.fixture(scope="module")
def pair(scan: Volume) -> TrainingPair:
    labels = np.full(SHAPE, -1, np.int16)
    labels[REVIEWED] = 2
    return TrainingPair("block", scan, Volume.from_array(labels))


def settings(**changes: object) -> FineTuneSettings:
    values = {"seconds": None, "steps": STEPS, "device": "cpu", "learning_rate": 2e-3, **changes}
    return FineTuneSettings.checked(patch_shape=(8, 12, 12), **values)


def probabilities(folder: Path, scan: Volume) -> np.ndarray:
    voxels = np.asarray(scan.data)
    low, high = np.percentile(voxels, (0.5, 99.5))
    clipped = np.clip(voxels, low, high)
    image = ((voxels - clipped.mean()) / clipped.std()).astype(np.float32)
    return mean_probability(load_networks(folder, load_card(folder)), (16, 24, 24), image)


def mean_drift(before: np.ndarray, after: np.ndarray) -> float:
    """Mean KL from before to after over the dark part, which nobody has looked at."""
    divergence = (before * np.log(before / after)).sum(0)
    divergence[BRIGHT] = 0
    return float(divergence.sum() / (divergence.size - divergence[BRIGHT].size))


@pytest.mark.parametrize("method", METHODS)
def test_what_was_reviewed_is_learnt_and_the_rest_stays(
    method: str, pair: TrainingPair, scan: Volume, tmp_path: Path
) -> None:
    model = write_model(tmp_path / "old", method)
    before = probabilities(model, scan)
    card = fine_tune(model, [pair], tmp_path / "held", settings())
    held = probabilities(tmp_path / "held", scan)
    assert held[2][REVIEWED].mean() > before[2][REVIEWED].mean() + 0.1
    # What looks alike is learnt too, though nobody has reviewed it.
    assert held[2][BRIGHT].mean() > before[2][BRIGHT].mean() + 0.1
    assert mean_drift(before, held) < 0.12  # nats
    members = 3 if method == "ensemble" else 1
    assert (card.method, card.members) == (method, members)
    assert card.training["steps"] == [STEPS] * members
    if method in ("bcnn", "ensemble"):
        fine_tune(model, [pair], tmp_path / "free", settings(consistency_weight=0.0, kl_weight=0.0))
        free = probabilities(tmp_path / "free", scan)
        assert mean_drift(before, held) < 0.5 * mean_drift(before, free)


def test_the_statistics_of_the_normalisations_stay(pair: TrainingPair, tmp_path: Path) -> None:
    model = write_model(tmp_path / "old")
    fine_tune(model, [pair], tmp_path / "new", settings(steps=3))
    old, new = (load_networks(folder, load_card(folder))[0] for folder in (model, tmp_path / "new"))
    kinds = (m for m in old.modules() if isinstance(m, GroupNorm))
    others = (m for m in new.modules() if isinstance(m, GroupNorm))
    for mine, theirs in zip(kinds, others, strict=True):
        torch.testing.assert_close(mine.mean, theirs.mean, rtol=0, atol=0)
        torch.testing.assert_close(mine.second_moment, theirs.second_moment, rtol=0, atol=0)
    assert not torch.equal(old.classifier.mean, new.classifier.mean)


def test_with_steps_alone_the_weights_repeat(pair: TrainingPair, tmp_path: Path) -> None:
    model = write_model(tmp_path / "old")
    cards = [
        fine_tune(model, [pair], tmp_path / name, settings(steps=3, seed=seed))
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    hashes = [card.weights_sha256 for card in cards]
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]


def test_members_share_the_time(pair: TrainingPair, tmp_path: Path) -> None:
    model = write_model(tmp_path / "old", "ensemble")
    told: list[Progress] = []
    started = time.perf_counter()
    card = fine_tune(
        model,
        [pair],
        tmp_path / "new",
        settings(seconds=2.0, steps=None),
        hooks=TrainingHooks(progress=told.append),
    )
    # A step more than the time allows, reading and writing come on top.
    assert 2.0 <= time.perf_counter() - started < 30.0
    assert card.training["seconds"] >= 2.0
    assert [line.member for line in told] == sorted(line.member for line in told)
    assert {line.member for line in told} == {1, 2, 3}
    assert card.training["steps"] == [
        sum(line.member == member for line in told) for member in (1, 2, 3)
    ]
    assert told[-1].share == pytest.approx(1.0, abs=0.01)


def test_the_card_says_where_the_model_comes_from(
    pair: TrainingPair, scan: Volume, tmp_path: Path
) -> None:
    entries = {"training": {"voxels": 7}, "scores": {"dice": 0.9}, "data": "made", "title": "Old"}
    model = write_model(tmp_path / "old", card=entries)
    old = load_card(model)
    result = predict(scan, model, tmp_path / "r.zarr", num_samples=2, device="cpu")
    fine_tune(
        model,
        [pair],
        tmp_path / "new",
        settings(steps=2),
        predictions=[result.mean_probability],
        learned_from={"run_id": "abc"},
    )
    new = load_card(tmp_path / "new")
    assert (new.name, new.data, new.licence) == ("new", "made", old.licence)
    assert new.scores == {}  # nothing was held out
    assert new.training["fine_tuned_from"] == {
        "name": "old",
        "weights_sha256": old.weights_sha256,
        "training": {"voxels": 7},
        "scores": {"dice": 0.9},
    }
    assert new.training["learned_from"] == {"run_id": "abc"}
    assert new.training["voxels"] == 3 * 8 * 8
    numbers = new.training["on_the_reviewed_voxels_that_it_learned"]
    assert "no held-out score" in numbers["what"]
    assert numbers["after"][0] < numbers["before"][0]
    predict(scan, tmp_path / "new", tmp_path / "n.zarr", num_samples=2, device="cpu")


def test_what_can_not_be_done_is_refused_before_anything_is_written(
    pair: TrainingPair, scan: Volume, tmp_path: Path
) -> None:
    model = write_model(tmp_path / "old")
    with pytest.raises(StoreError, match="exists already"):
        fine_tune(model, [pair], model, settings())
    with pytest.raises(SettingsError, match="multiple of the network's stride"):
        fine_tune(model, [pair], tmp_path / "new", FineTuneSettings(patch_shape=(5, 8, 8)))
    with pytest.raises(SettingsError, match="nothing to learn from"):
        fine_tune(model, [TrainingPair("x", scan, None)], tmp_path / "new", settings())
    with pytest.raises(SettingsError, match="nothing to learn from"):
        fine_tune(model, [], tmp_path / "new", settings())
    with pytest.raises(SettingsError, match="needs an end"):
        settings(steps=None)
    with pytest.raises(Cancelled):
        fine_tune(
            model,
            [pair],
            tmp_path / "new",
            settings(),
            hooks=TrainingHooks(should_stop=lambda: True),
        )
    assert not (tmp_path / "new").exists()


def test_a_loss_that_is_no_number_is_told(pair: TrainingPair, tmp_path: Path) -> None:
    model = write_model(tmp_path / "old")
    with pytest.raises(SettingsError, match="diverged"):
        fine_tune(model, [pair], tmp_path / "new", settings(learning_rate=1e30))
