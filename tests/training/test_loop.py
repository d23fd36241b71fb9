from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("lightning_fabric", reason="training needs the extra `train`")

from napari_bayesseg.core.errors import BayesSegWarning, SettingsError, StoreError
from napari_bayesseg.inference.progress import Cancelled
from napari_bayesseg.networks.normalisation import GroupNorm
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training import loop
from napari_bayesseg.training.loop import Fitted, fit
from napari_bayesseg.training.progress import Progress, TrainingHooks
from napari_bayesseg.training.settings import TrainingSettings
from napari_bayesseg.training.validation import Validation
from tests.training.cases import METHODS, tiny_case, tiny_settings, unlabelled_case

EASY = {
    "steps": 40,
    "learning_rate": 0.03,
    "kl_weight": 0.01,
    "dropout_rate": 0.1,
    "validate_every": 20,
    "sghmc": {"num_cycles": 2, "burn_in_cycles": 0},
}


def train(settings: TrainingSettings, held_out: Sequence = (), **changes: Any) -> Fitted:
    if settings.method == "ua-mt":
        changes.setdefault("unlabelled", [unlabelled_case()])
    return fit([tiny_case(seed=1), tiny_case(seed=2)], held_out, settings, 2, **changes)


def states(fitted: Fitted) -> list[dict[str, torch.Tensor]]:
    return [network.state_dict() for network in fitted.networks]


def same(first: Fitted, second: Fitted) -> bool:
    pairs = zip(states(first), states(second), strict=True)
    return all(torch.equal(a[name], b[name]) for a, b in pairs for name in a)


def stop_after(count: int) -> TrainingHooks:
    """Hooks that stop a training after so many of its steps."""
    heard: list[Progress] = []
    return TrainingHooks(heard.append, lambda: len(heard) >= count)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_easy_is_learned(method: str) -> None:
    """A slab that is told by its grey value: the loss falls well below guessing, log 2."""
    fitted = train(tiny_settings(method, **EASY), [tiny_case(seed=9)])
    losses = [line.loss for line in fitted.record.log]
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    for network in fitted.record.networks:
        assert network.validation < 0.35 < math.log(2)
    assert len(fitted.networks) == {"sghmc": 4, "ensemble": 2}.get(method, 1)
    for network in fitted.networks:
        norms = [m for m in network.modules() if isinstance(m, GroupNorm)]
        assert not network.training
        assert {norm.statistics for norm in norms} == {"population"}
        assert all(float(norm.count) > 0 for norm in norms)


@pytest.mark.parametrize("method", ["bcnn", "heteroscedastic", "sghmc"])
def test_a_seed_gives_one_result(method: str) -> None:
    first, again, other = (
        train(tiny_settings(method, seed=seed), [tiny_case(seed=9)]) for seed in (3, 3, 4)
    )
    assert same(first, again)
    assert not same(first, other)
    assert first.record.log == again.record.log


def test_the_random_state_of_the_process_is_neither_read_nor_changed() -> None:
    torch.manual_seed(1)
    first = train(tiny_settings())
    after = torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(3), after)
    assert same(first, train(tiny_settings()))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "changes",
    [
        {"kernel_size": (1, 3, 3), "pooling": (1, 2, 2), "patch_shape": (1, 8, 8)},
        {"kernel_size": (1, 3, 3), "pooling": (1, 2, 2), "patch_shape": (4, 8, 8)},
    ],
    ids=["2D", "anisotropic"],
)
def test_planes_many_classes_and_unlabelled_voxels_train(
    method: str, changes: dict[str, object]
) -> None:
    flat = changes["patch_shape"] == (1, 8, 8)
    case = tiny_case(shape=(1 if flat else 6, 12, 12))
    case.labels[:, :, :6] *= 3
    case.labels[:, :2] = -1
    unlabelled = [replace(case, name="other", labels=None)] if method == "ua-mt" else ()
    settings = tiny_settings(method, **changes)
    fitted = fit([case], [case], settings, 4, unlabelled=unlabelled)
    assert all(math.isfinite(line.loss) for line in fitted.record.log)
    assert fitted.record.num_training_voxels == (case.labels >= 0).sum()
    assert fitted.networks[0].spec.num_classes == 4


@pytest.mark.filterwarnings("ignore:this processor")
@pytest.mark.parametrize("method", ["bcnn", "heteroscedastic", "ua-mt", "sghmc"])
def test_half_precision_learns_too(method: str) -> None:
    settings = tiny_settings(method, **{**EASY, "steps": 20, "precision": "bfloat16"})
    fitted = train(settings, [tiny_case(seed=9)])
    assert min(n.validation for n in fitted.record.networks) < 0.5
    assert all(t.dtype == torch.float32 for state in states(fitted) for t in state.values())
    full = train(settings.model_copy(update={"precision": "float32"}), [tiny_case(seed=9)])
    assert not same(fitted, full)
    first = fitted.record.log[0].loss, full.record.log[0].loss
    assert first[0] == pytest.approx(first[1], rel=0.02)


def test_members_of_an_ensemble_have_seeds_of_their_own() -> None:
    fitted = train(tiny_settings("ensemble", num_members=3), [tiny_case(seed=9)])
    first, second, third = (network.head.weight for network in fitted.networks)
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)
    assert [network.member for network in fitted.record.networks] == [1, 2, 3]
    assert [(line.member, line.step) for line in fitted.record.log] == [
        (member, step) for member in (1, 2, 3) for step in range(1, 7)
    ]
    assert fitted.record.log[-1].share == 1.0
    assert fitted.record.log[7].share == pytest.approx((6 + 2) / 18)


def test_the_log_tells_what_was_done() -> None:
    settings = tiny_settings(steps=6, kl_weight=0.5, kl_ramp_fraction=0.5)
    heard: list[Progress] = []
    fitted = train(settings, [tiny_case(seed=9)], hooks=TrainingHooks(heard.append))
    record = fitted.record
    assert heard == record.log
    assert [(line.step, line.steps) for line in heard] == [(step, 6) for step in range(1, 7)]
    assert [line.validation is not None for line in heard] == [False, True] * 3
    assert record.num_training_voxels == 2 * 8 * 12 * 12
    assert record.kl_divergence_nats == pytest.approx(fitted.networks[0].kl_divergence().item())
    grey = np.stack([tiny_case(seed=1).image, tiny_case(seed=2).image])
    assert grey.min() - 0.01 <= record.intensity_range[0] < record.intensity_range[1]
    assert record.intensity_range[1] <= grey.max() + 0.01
    for line, ramp in zip(heard, (1 / 3, 2 / 3, 1, 1, 1, 1), strict=True):
        expected = line.terms["cross_entropy"] + ramp * 0.5 * line.terms["kl_per_voxel"]
        assert line.loss == pytest.approx(expected, rel=1e-5)


def script(monkeypatch: pytest.MonkeyPatch, *scores: float) -> list[dict[str, torch.Tensor]]:
    """Let validation give these scores; returns the states of the network at each of them."""
    seen: list[dict[str, torch.Tensor]] = []

    def validate(self: Validation, network: VNet, objective: object) -> float:
        seen.append({name: t.clone() for name, t in network.state_dict().items()})
        return float(scores[len(seen) - 1])

    monkeypatch.setattr(Validation, "__call__", validate)
    return seen


def test_the_best_checkpoint_is_kept_but_none_before_statistics_are_in_force(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Validation falls to its least before statistics are in force, and then again at step 8."""
    seen = script(monkeypatch, 9, 1, 1, 1, 1, 1, 5, 2, 3, 4)
    fitted = train(tiny_settings(steps=10, validate_every=1), [tiny_case(seed=9)])
    assert (fitted.record.best_step, fitted.record.best_validation) == (8, 2.0)
    (state,) = states(fitted)
    assert all(torch.equal(state[name], tensor) for name, tensor in seen[7].items())
    assert not all(torch.equal(state[name], tensor) for name, tensor in seen[9].items())


def test_patience_ends_a_training_that_gets_no_better(monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, *[1] * 12, 5, 4, 4, 3, 3, 3, *[9] * 10)
    settings = tiny_settings(steps=20, validate_every=1, patience=2)
    fitted = train(settings, [tiny_case(seed=9)])
    assert fitted.record.best_step == 16
    assert len(fitted.record.log) == 18


def test_a_sampler_keeps_its_snapshots_whatever_validation_says() -> None:
    settings = tiny_settings("sghmc", steps=40, sghmc={"num_cycles": 2, "burn_in_cycles": 1})
    fitted = train(settings, [tiny_case(seed=9)])
    assert [network.step for network in fitted.record.networks] == [37, 40]
    assert all(math.isfinite(network.validation) for network in fitted.record.networks)
    assert not torch.equal(fitted.networks[0].head.weight, fitted.networks[1].head.weight)


def test_without_held_out_scans_the_last_state_is_returned() -> None:
    record = train(tiny_settings(steps=6, validate_every=2)).record
    assert record.best_step == 6
    assert record.best_validation == math.inf
    assert all(line.validation is None for line in record.log)


def test_validation_leaves_the_statistics_alone() -> None:
    """Two runs that differ only in what is held out have the same averages before the freeze."""
    settings = tiny_settings(steps=6, validate_every=1, freeze_from=0.8)
    found = []
    for held_out in ([tiny_case(seed=9)], [tiny_case(seed=10, shape=(8, 20, 20))]):
        found += states(train(settings, held_out))
    for name in found[0]:
        if name.endswith(("second_moment", "count")):
            assert torch.equal(found[0][name], found[1][name])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("after", [1, 5])
def test_a_training_that_was_stopped_goes_on_to_the_same_bits(
    method: str, after: int, tmp_path: Path
) -> None:
    settings = tiny_settings(method, steps=6, save_every_s=1e9)
    held_out = [tiny_case(seed=9)]
    whole = train(settings, held_out)
    with pytest.raises(Cancelled, match=f"after step {after}; the same call goes on"):
        train(settings, held_out, hooks=stop_after(after), state=tmp_path / "state")
    resumed = train(settings, held_out, state=tmp_path / "state")
    assert same(whole, resumed)
    assert resumed.record.log == whole.record.log
    assert resumed.record.networks == whole.record.networks


def test_an_ensemble_keeps_the_members_it_has(tmp_path: Path) -> None:
    settings = tiny_settings("ensemble", num_members=3, save_every_s=1e9)
    whole = train(settings)
    heard: list[Progress] = []
    for stop in (8, 7):
        with pytest.raises(Cancelled):
            train(settings, hooks=stop_after(stop), state=tmp_path / "state")
    hooks = TrainingHooks(heard.append)
    assert same(whole, train(settings, hooks=hooks, state=tmp_path / "state"))
    assert [line.member for line in heard] == [3] * 3  # 8 + 7 of 18 steps were done
    heard.clear()
    assert same(whole, train(settings, hooks=hooks, state=tmp_path / "state"))
    assert heard == []  # all is there


_KILLED = """
import sys
from pathlib import Path
import torch
from napari_bayesseg.training.progress import TrainingHooks
from tests.training.cases import tiny_settings
from tests.training.test_loop import train, tiny_case
torch.set_num_threads(1)
hooks = TrainingHooks(lambda now: print(now.member, now.step, flush=True))
settings = tiny_settings("ensemble", steps=20, save_every_s=0)
train(settings, [tiny_case(seed=9)], hooks=hooks, state=Path(sys.argv[1]))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_training_that_was_killed_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        settings = tiny_settings("ensemble", steps=20, save_every_s=0)
        whole = train(settings, [tiny_case(seed=9)])
        state = tmp_path / "state"
        process = subprocess.Popen(
            [sys.executable, "-c", _KILLED, str(state)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for line in process.stdout:
            if line.split() == ["2", "3"]:
                time.sleep(0.05)  # somewhere in a step, or in writing the state
                process.send_signal(signal.SIGKILL)
                break
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
        heard: list[Progress] = []
        hooks = TrainingHooks(heard.append)
        resumed = train(settings, [tiny_case(seed=9)], hooks=hooks, state=state)
    finally:
        torch.set_num_threads(threads)
    assert heard[0].member == 2
    assert heard[0].step > 1
    assert same(whole, resumed)
    assert resumed.record.log == whole.record.log


def test_a_state_of_another_training_is_refused_and_says_what_differs(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with pytest.raises(Cancelled):
        train(tiny_settings(), hooks=stop_after(2), state=state)
    with pytest.raises(StoreError, match=r"differs: seed was 0, is 1; .*--overwrite"):
        train(tiny_settings(seed=1), state=state)
    with pytest.raises(StoreError, match="held-out scan case is new"):
        train(tiny_settings(), [tiny_case()], state=state)
    train(tiny_settings(save_every_s=3.0), hooks=TrainingHooks(), state=state)
    fresh = train(tiny_settings(seed=1), state=state, overwrite=True)
    assert same(fresh, train(tiny_settings(seed=1)))


def test_a_training_starts_from_a_given_network_with_its_statistics_in_force() -> None:
    first = train(tiny_settings("mc-dropout", seed=1), [tiny_case(seed=9)])
    settings = tiny_settings("mc-dropout", seed=2, learning_rate=1e-9)
    further = train(settings, [tiny_case(seed=9)], initial=first.networks[0])
    for name, tensor in further.networks[0].state_dict().items():
        torch.testing.assert_close(tensor, first.networks[0].state_dict()[name], atol=1e-6, rtol=0)
    with pytest.raises(SettingsError, match=r"another one: its channels = \(4, 8\), not \(8, 8\)"):
        train(settings.model_copy(update={"channels": (8, 8)}), initial=first.networks[0])


def test_a_run_that_diverges_is_stopped_with_the_remedy(tmp_path: Path) -> None:
    """Its state is no use: with the remedy the same command must not be refused."""
    cases = [tiny_case(seed=1)]
    cases[0].image[...] = 1e30
    settings, state = tiny_settings(save_every_s=0), tmp_path / "state"
    with pytest.raises(SettingsError, match=r"loss is .* at step \d.*learning_rate below 0\.002"):
        fit(cases, [], settings, 2, state=state)
    assert not state.exists()
    with pytest.raises(SettingsError, match=r"take a sghmc\.learning_rate below 0\.05"):
        fit(cases, [], tiny_settings("sghmc"), 2)


def test_half_precision_on_a_processor_without_it_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "HAS_BFLOAT16", False)
    with pytest.warns(BayesSegWarning, match="training in bfloat16 is slower"):
        train(tiny_settings("mc-dropout", precision="bfloat16"))


@pytest.mark.parametrize(
    ("method", "changes", "words"),
    [
        ("bcnn", {"unlabelled": [unlabelled_case()]}, "bcnn can't learn from scans without labels"),
        ("bcnn", {"held_out": [unlabelled_case()]}, "need labels"),
        ("sghmc", {"patience": 2}, "leave patience out"),
        ("bcnn", {"patience": 2}, "patience needs held-out scans"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_the_first_step(
    method: str, changes: dict[str, Any], words: str
) -> None:
    settings = tiny_settings(method, patience=changes.pop("patience", None))
    hooks = TrainingHooks(lambda _: pytest.fail("trained"))
    with pytest.raises(SettingsError, match=words):
        train(settings, changes.pop("held_out", ()), hooks=hooks, **changes)
    with pytest.raises(SettingsError, match="no scan to train on"):
        fit([], [], tiny_settings(), 2)


def test_a_gpu_that_is_absent_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match="sees no GPU"):
        train(tiny_settings(device="cuda"))


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("method", METHODS)
def test_a_gpu_trains_and_goes_on(method: str, precision: str, tmp_path: Path) -> None:
    settings = tiny_settings(method, device="cuda", precision=precision, save_every_s=1e9)
    with pytest.raises(Cancelled):
        train(settings, [tiny_case(seed=9)], hooks=stop_after(3), state=tmp_path / "state")
    fitted = train(settings, [tiny_case(seed=9)], state=tmp_path / "state")
    assert math.isfinite(fitted.record.best_validation)
    assert len(fitted.record.log) == settings.steps * settings.members
    assert next(fitted.networks[0].parameters()).device.type == "cpu"
