from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_bayesseg.core.errors import BayesSegError, BayesSegWarning
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.block import BlockResult
from napari_bayesseg.inference.device_kernel import DeviceKernel
from napari_bayesseg.inference.host_kernel import HostKernel
from napari_bayesseg.inference.plan import evaluated_box
from napari_bayesseg.inference.scan import NormalisedScan, summarise_scan
from napari_bayesseg.networks.batched_vnet import BatchedVNet, SharedFeatures
from napari_bayesseg.networks.checkpoint import Normalisation
from napari_bayesseg.numerics.uncertainty import MEASURES
from napari_bayesseg.posteriors import device_draws, device_resources
from napari_bayesseg.posteriors.network import NetworkPosterior
from tests.models import METHODS, small_network

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
SHAPE: Index3 = (13, 30, 37)
WHOLE = Roi.whole(SHAPE)
CORES = [
    Roi((0, 0, 0), (8, 16, 16)),
    Roi((8, 16, 16), (13, 30, 37)),
    Roi((4, 8, 12), (8, 20, 24)),
    Roi((0, 28, 36), (13, 30, 37)),
]
SETTINGS = InferenceSettings(num_samples=5, seed=3)
ALL = tuple(MEASURES)


def nothing(draws: int) -> None:
    pass


@cache
def scan(has_gaps: bool = False) -> NormalisedScan:
    voxels = np.random.default_rng(7).gamma(3.0, 200.0, SHAPE).astype(np.float32)
    if has_gaps:
        voxels[2:4, 5, 5:8] = np.nan
        voxels[8, 16, 16] = np.inf
        with pytest.warns(BayesSegWarning):
            summary = summarise_scan(Volume.from_array(voxels), Normalisation())
    else:
        summary = summarise_scan(Volume.from_array(voxels), Normalisation())
    return NormalisedScan(Volume.from_array(voxels), summary.statistics)


def posterior(
    method: str, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> NetworkPosterior:
    return NetworkPosterior(small_network(method), torch.device(device), dtype)


def on_host(method: str, core: Roi, dtype: torch.dtype, has_gaps: bool = False) -> BlockResult:
    kernel = HostKernel(posterior(method, "cpu", dtype), scan(has_gaps), SHAPE, SETTINGS, ALL)
    return kernel(core, evaluated_box(core, WHOLE), nothing)


def device_kernel(
    method: str = "bcnn",
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    has_gaps: bool = False,
    settings: InferenceSettings = SETTINGS,
    batch_draws: int | None = None,
) -> DeviceKernel:
    made = posterior(method, device, dtype)
    return DeviceKernel(made, scan(has_gaps), SHAPE, settings, ALL, batch_draws=batch_draws)


def assert_identical(found: BlockResult, expected: BlockResult, atol: float = 2e-6) -> None:
    """Labels and counts equal, maps to rounding: what double precision promises."""
    assert found.labels.dtype == expected.labels.dtype
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.counts.voxels, expected.counts.voxels)
    np.testing.assert_array_equal(found.counts.configurations, expected.counts.configurations)
    assert found.counts.voxels.dtype == expected.counts.voxels.dtype
    assert list(found.arrays) == list(expected.arrays)
    for name, values in expected.arrays.items():
        assert found.arrays[name].dtype == values.dtype
        np.testing.assert_allclose(found.arrays[name], values, rtol=0, atol=atol, err_msg=name)


def assert_close(found: BlockResult, expected: BlockResult) -> None:
    """What single precision promises."""
    mean = expected.mean_probability
    np.testing.assert_allclose(found.mean_probability, mean, rtol=0, atol=1e-5)
    first, second = np.sort(mean, 0)[::-1][:2]
    is_clear = first - second > 2e-5
    np.testing.assert_array_equal(found.labels[is_clear], expected.labels[is_clear])
    for name in ("predictive_entropy", "mutual_information", "standard_deviation"):
        np.testing.assert_allclose(found.measures[name], expected.measures[name], atol=1e-4)
    changed = found.counts.voxels.astype(int) - expected.counts.voxels
    assert np.abs(changed).max() <= 1 + found.labels.size // 1000
    assert found.counts.voxels.sum() == expected.counts.voxels.sum()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("method", METHODS)
def test_equal_to_the_processor_in_double_precision(method: str, device: str) -> None:
    kernel = device_kernel(method, device, torch.float64)
    for core in CORES:
        found = kernel(core, evaluated_box(core, WHOLE), nothing)
        assert_identical(found, on_host(method, core, torch.float64))
        assert found.labels.shape == core.shape


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("method", METHODS)
def test_near_to_the_processor_in_single_precision(method: str, device: str) -> None:
    kernel = device_kernel(method, device)
    for core in CORES:
        found = kernel(core, evaluated_box(core, WHOLE), nothing)
        assert_close(found, on_host(method, core, torch.float32))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("method", METHODS)
def test_voxels_that_are_no_numbers_get_none(method: str, device: str) -> None:
    kernel = device_kernel(method, device, torch.float64, has_gaps=True)
    for core in CORES[:2]:
        found = kernel(core, evaluated_box(core, WHOLE), nothing)
        assert_identical(found, on_host(method, core, torch.float64, has_gaps=True))
        invalid = ~scan(True).valid(core)
        assert invalid.any()
        for name, values in found.arrays.items():
            if name != "labels":
                assert np.isnan(values[..., invalid]).all()
                assert np.isfinite(values[..., ~invalid]).all()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("method", METHODS)
def test_the_result_does_not_depend_on_the_draws_at_a_time(method: str, device: str) -> None:
    core = CORES[2]
    results = [
        device_kernel(method, device, torch.float64, batch_draws=batch)(
            core, evaluated_box(core, WHOLE), nothing
        )
        for batch in (1, 2, 5, 64)
    ]
    for found in results[1:]:
        assert_identical(found, results[0])


def test_a_single_logit_gives_two_classes() -> None:
    made = NetworkPosterior(small_network(num_classes=1), dtype=torch.float64)
    core = CORES[2]
    arguments = (made, scan(), SHAPE, SETTINGS, ALL)
    found = DeviceKernel(*arguments)(core, evaluated_box(core, WHOLE), nothing)
    assert_identical(found, HostKernel(*arguments)(core, evaluated_box(core, WHOLE), nothing))
    assert len(found.mean_probability) == 2


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("method", METHODS)
def test_brain_float_is_near(method: str, device: str) -> None:
    core = CORES[0]
    settings = InferenceSettings(num_samples=5, seed=3, precision="bfloat16")
    found = device_kernel(method, device, settings=settings)(
        core, evaluated_box(core, WHOLE), nothing
    )
    expected = on_host(method, core, torch.float32)
    difference = np.abs(found.mean_probability - expected.mean_probability)
    # The largest error of the mean that was seen with bfloat16 on processors too.
    assert 0 < difference.mean() <= 0.005
    assert difference.max() <= 0.04
    np.testing.assert_allclose(found.mean_probability.sum(0), 1, atol=1e-5)


def test_group_statistics_of_the_block_are_computed_draw_by_draw() -> None:
    made = NetworkPosterior(small_network(), dtype=torch.float64, statistics="live")
    core, done = CORES[2], []
    arguments = (made, scan(), SHAPE, SETTINGS, ALL)
    found = DeviceKernel(*arguments)(core, evaluated_box(core, WHOLE), done.append)
    assert_identical(found, HostKernel(*arguments)(core, evaluated_box(core, WHOLE), nothing))
    assert done == [0, 1, 2, 3, 4, 5]


class Stopped(Exception):
    pass


@pytest.mark.parametrize("device", DEVICES)
def test_a_run_is_called_off_between_two_batches_and_goes_on(device: str) -> None:
    core, done = CORES[2], []

    def stop_after_three(draws: int) -> None:
        done.append(draws)
        if draws >= 3:
            raise Stopped

    kernel = device_kernel("bcnn", device, torch.float64, batch_draws=2)
    with pytest.raises(Stopped):
        kernel(core, evaluated_box(core, WHOLE), stop_after_three)
    assert done == [0, 2, 4]
    found = kernel(core, evaluated_box(core, WHOLE), done.append)
    assert done[3:] == [0, 2, 4, 5]
    assert_identical(found, on_host("bcnn", core, torch.float64))


def test_what_is_read_ahead_is_used_once(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes: list[Roi] = []
    read = NormalisedScan.read

    def noted(self: NormalisedScan, roi: Roi) -> np.ndarray:
        boxes.append(roi)
        return read(self, roi)

    monkeypatch.setattr(NormalisedScan, "read", noted)
    kernel = device_kernel("bcnn", dtype=torch.float64)
    evaluated = [evaluated_box(core, WHOLE) for core in CORES]
    kernel.prefetch(evaluated[0])
    found = []
    for core, box, following in zip(CORES, evaluated, [*evaluated[1:], None], strict=True):
        if following is not None:
            kernel.prefetch(following)
        found.append(kernel(core, box, nothing))
    assert len(boxes) == len(CORES)
    for core, result in zip(CORES, found, strict=True):
        assert_identical(result, on_host("bcnn", core, torch.float64))


Condition = Callable[[SharedFeatures, Mapping[str, Tensor]], bool]


def short_of_memory(monkeypatch: pytest.MonkeyPatch, runs_out: Condition) -> list[int]:
    """Let decoding fail where `runs_out` says so; returns the sizes of the batches that passed."""
    decode, passed = BatchedVNet.decode, []

    def limited(self: BatchedVNet, shared: SharedFeatures, noise: Mapping[str, Tensor]) -> Tensor:
        draws = max(len(values) for values in noise.values())
        if runs_out(shared, noise):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        passed.append(draws)
        return decode(self, shared, noise)

    monkeypatch.setattr(BatchedVNet, "decode", limited)
    return passed


@pytest.mark.parametrize("method", METHODS)
def test_fewer_draws_at_a_time_where_memory_is_short(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = CORES[0]
    expected = on_host(method, core, torch.float64)
    passed = short_of_memory(monkeypatch, lambda _, noise: len(next(iter(noise.values()))) > 2)
    kernel = device_kernel(method, dtype=torch.float64, batch_draws=5)
    with pytest.warns(BayesSegWarning, match="memory of cpu ran out: 2 draws at a time") as told:
        found = kernel(core, evaluated_box(core, WHOLE), nothing)
    assert_identical(found, expected)
    assert passed == [2, 2, 1]
    assert len(told) == 1
    assert kernel.memory.reductions == ["2 draws at a time instead of 5"]
    # The next block begins with what has passed, and says nothing more.
    kernel(core, evaluated_box(core, WHOLE), nothing)
    assert passed[3:] == [2, 2, 1]


def test_memory_that_runs_out_in_the_middle_keeps_what_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    core, calls, done = CORES[0], [], []
    expected = on_host("bcnn", core, torch.float64)

    def second_call(shared: SharedFeatures, noise: Mapping[str, Tensor]) -> bool:
        calls.append(len(next(iter(noise.values()))))
        return len(calls) == 2

    short_of_memory(monkeypatch, second_call)
    kernel = device_kernel("bcnn", dtype=torch.float64, batch_draws=3)
    with pytest.warns(BayesSegWarning):
        found = kernel(core, evaluated_box(core, WHOLE), done.append)
    assert calls == [3, 2, 1, 1]
    assert done == [0, 3, 4, 5]
    assert_identical(found, expected)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("limit", [1500, 700])
def test_a_block_is_cut_where_one_draw_is_too_much(
    method: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal results, counts included: each part has its own high side, the last the block's."""
    core = CORES[0]  # 2048 voxels, 2601 evaluated
    expected = on_host(method, core, torch.float64)
    short_of_memory(monkeypatch, lambda shared, _: shared.windows.output.roi.size > limit)
    kernel = device_kernel(method, dtype=torch.float64)
    with pytest.warns(BayesSegWarning, match="results stay the same") as told:
        found = kernel(core, evaluated_box(core, WHOLE), nothing)
    assert len(told) == 1
    assert any("parts of" in line for line in kernel.memory.reductions)
    assert_identical(found, expected)
    last = CORES[1]  # at the border of the roi: nothing is evaluated beyond it
    assert_identical(
        kernel(last, evaluated_box(last, WHOLE), nothing), on_host(method, last, torch.float64)
    )


@pytest.mark.parametrize("name", ["summarise_on_device", "count_on_device"])
def test_memory_that_runs_out_after_the_draws(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_bayesseg.inference import device_kernel as module

    core, original = CORES[0], getattr(module, name)
    expected = on_host("bcnn", core, torch.float64)

    def limited(probs: Tensor, *arguments: object) -> object:
        if probs[0, 0].numel() > 1500:
            raise RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED")
        return original(probs, *arguments)

    monkeypatch.setattr(module, name, limited)
    with pytest.warns(BayesSegWarning):
        found = device_kernel("bcnn", dtype=torch.float64)(
            core, evaluated_box(core, WHOLE), nothing
        )
    assert_identical(found, expected)


def test_a_block_that_fits_in_no_part_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    short_of_memory(monkeypatch, lambda shared, noise: True)
    core = CORES[2]
    with (
        pytest.warns(BayesSegWarning),
        pytest.raises(BayesSegError, match="fewer draws, or for device cpu"),
    ):
        device_kernel()(core, evaluated_box(core, WHOLE), nothing)


def test_other_errors_are_not_taken_for_a_lack_of_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*arguments: object) -> Tensor:
        raise RuntimeError("device-side assert triggered")

    monkeypatch.setattr(BatchedVNet, "decode", broken)
    with pytest.raises(RuntimeError, match="device-side assert"):
        device_kernel()(CORES[2], evaluated_box(CORES[2], WHOLE), nothing)


def test_torch_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    cudnn = torch.backends.cudnn
    monkeypatch.setattr(cudnn, "benchmark", True)
    monkeypatch.setattr(cudnn, "allow_tf32", True)
    seen = []

    def look(draws: int) -> None:
        seen.append((cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic))
        if draws == 3:
            raise Stopped

    with pytest.raises(Stopped):
        device_kernel()(CORES[2], evaluated_box(CORES[2], WHOLE), look)
    assert seen == [(False, False, True)] * 2
    assert (cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic) == (True, True, False)


def test_batches_are_chosen_to_fill_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    core, done = CORES[0], []
    made = posterior("bcnn")
    windows = made.windows(evaluated_box(core, WHOLE), SHAPE)
    one = 4 * device_draws.decoder_size(made.network, windows).alive

    for free, expected in ((0.5, 1), (1.5, 1), (2.5, 2), (4.0, 3), (100.0, 5)):
        monkeypatch.setattr(device_resources.DeviceMemory, "usable_bytes", int(free * one))
        kernel = DeviceKernel(made, scan(), SHAPE, SETTINGS, ALL)
        done.clear()
        kernel(core, evaluated_box(core, WHOLE), done.append)
        # Five draws in equal batches: 3 + 2 rather than 4 + 1.
        assert done[1] == expected
        assert done[-1] == 5
