from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch

pytest.importorskip("lightning_fabric", reason="training needs the extra `train`")

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.networks.normalisation import GroupNorm
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training import loop
from napari_bayesseg.training.loop import Progress, TrainingRecord, fit, learning_rate
from napari_bayesseg.training.settings import TrainingSettings
from tests.training.cases import tiny_case, tiny_settings

METHODS = ("bcnn", "mc-dropout")


def train(settings: TrainingSettings, held_out: Sequence = ()) -> tuple[VNet, TrainingRecord]:
    return fit([tiny_case(seed=1), tiny_case(seed=2)], held_out, settings, 2)


def test_the_learning_rate_is_constant_and_then_falls_by_a_factor() -> None:
    settings = tiny_settings(
        steps=100, learning_rate=0.01, constant_fraction=0.4, final_learning_rate=0.01
    )
    assert [learning_rate(settings, step) for step in (0, 20, 40)] == [0.01] * 3
    assert learning_rate(settings, 70) == pytest.approx(0.01 * 0.1)  # half way, in powers
    assert learning_rate(settings, 100) == pytest.approx(0.01 * 0.01)
    flat = tiny_settings(steps=100, learning_rate=0.01, constant_fraction=1.0)
    assert learning_rate(flat, 99) == 0.01


@pytest.mark.parametrize("method", METHODS)
def test_what_is_easy_is_learned(method: str) -> None:
    """A slab that is told by its grey value: the loss falls well below guessing, log 2."""
    settings = tiny_settings(
        method, steps=60, learning_rate=0.02, kl_weight=0.01, dropout_rate=0.1, validate_every=20
    )
    network, record = train(settings, [tiny_case(seed=9)])
    first = np.mean([line.cross_entropy for line in record.log[:5]])
    last = np.mean([line.cross_entropy for line in record.log[-5:]])
    assert last < 0.5 * first
    assert record.best_validation < 0.35 < math.log(2)
    assert not network.training
    modes = {m.statistics for m in network.modules() if isinstance(m, GroupNorm)}
    assert modes == {"population"}
    assert all(float(m.count) > 0 for m in network.modules() if isinstance(m, GroupNorm))


@pytest.mark.parametrize("method", METHODS)
def test_a_seed_gives_one_network(method: str) -> None:
    runs = [train(tiny_settings(method, seed=seed), [tiny_case(seed=9)]) for seed in (3, 3, 4)]
    first, again, other = (network.state_dict() for network, _ in runs)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)
    assert runs[0][1].log == runs[1][1].log


def test_the_record_tells_what_was_done() -> None:
    settings = tiny_settings(steps=6, kl_weight=0.5, kl_ramp_fraction=0.5)
    heard: list[Progress] = []
    cases = [tiny_case(seed=1), tiny_case(seed=2)]
    network, record = fit(cases, [tiny_case(seed=9)], settings, 2, heard.append)
    assert heard == record.log
    assert [line.step for line in heard] == [1, 2, 3, 4, 5, 6]
    assert [line.validation is not None for line in heard] == [False, True] * 3
    assert record.num_training_voxels == 2 * 8 * 12 * 12
    assert record.kl_divergence_nats == pytest.approx(network.kl_divergence().item())
    grey = np.stack([case.image for case in cases])
    assert grey.min() - 0.01 <= record.intensity_range[0] < record.intensity_range[1]
    assert record.intensity_range[1] <= grey.max() + 0.01
    for line, ramp in zip(heard, (1 / 3, 2 / 3, 1, 1, 1, 1), strict=True):
        expected = line.cross_entropy + ramp * 0.5 * line.kl_per_voxel
        assert line.loss == pytest.approx(expected, rel=1e-5)


def test_the_best_checkpoint_is_kept_but_none_before_statistics_are_in_force(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Validation falls to its least before statistics are in force, and then again at step 8."""
    scores = dict(zip(range(1, 11), (9, 1, 1, 1, 1, 1, 5, 2, 3, 4), strict=True))
    seen: list[dict[str, torch.Tensor]] = []

    def validate(network: VNet, batches: object) -> float:
        seen.append({name: t.clone() for name, t in network.state_dict().items()})
        return float(scores[len(seen)])

    monkeypatch.setattr(loop, "_validate", validate)
    network, record = train(tiny_settings(steps=10, validate_every=1), [tiny_case(seed=9)])
    assert (record.best_step, record.best_validation) == (8, 2.0)
    state = network.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in seen[7].items())
    assert not all(torch.equal(state[name], tensor) for name, tensor in seen[9].items())


def test_without_held_out_scans_the_last_state_is_returned() -> None:
    _, record = train(tiny_settings(steps=6, validate_every=2))
    assert record.best_step == 6
    assert record.best_validation == math.inf
    assert all(line.validation is None for line in record.log)


def test_validation_leaves_the_statistics_alone() -> None:
    """Two runs that differ only in what is held out have the same averages before the freeze."""
    settings = tiny_settings(steps=6, validate_every=1, freeze_from=0.8)
    states = []
    for held_out in ([tiny_case(seed=9)], [tiny_case(seed=10, shape=(8, 20, 20))]):
        network, _ = train(settings, held_out)
        states.append(network.state_dict())
    for name in states[0]:
        if name.endswith(("second_moment", "count")):
            assert torch.equal(states[0][name], states[1][name])


def test_a_run_that_diverges_is_stopped_with_the_remedy() -> None:
    cases = [tiny_case(seed=1)]
    cases[0].image[...] = 1e30
    with pytest.raises(SettingsError, match=r"loss is .* at step \d.*learning_rate below 0.002"):
        fit(cases, [], tiny_settings(), 2)


def test_a_gpu_that_is_absent_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match="sees no GPU"):
        train(tiny_settings(device="cuda"))


@pytest.mark.gpu
def test_a_gpu_trains(tmp_path: object) -> None:
    network, record = train(tiny_settings(device="cuda"), [tiny_case(seed=9)])
    assert math.isfinite(record.best_validation)
    assert next(network.parameters()).device.type == "cpu"
