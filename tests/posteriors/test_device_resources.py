from __future__ import annotations

import warnings
from contextlib import nullcontext

import pytest
import torch

from napari_bayesseg.core.errors import BayesSegWarning, SettingsError
from napari_bayesseg.posteriors.device_resources import (
    DeviceMemory,
    available_devices,
    check_precision,
    exact_arithmetic,
    is_out_of_memory,
    numbered,
)


def test_the_devices_are_those_that_torch_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert available_devices() == ()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [str(device) for device in available_devices()] == ["cuda:0", "cuda:1"]


def test_a_card_without_a_number_is_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    assert str(numbered(torch.device("cuda"))) == "cuda:3"
    assert str(numbered(torch.device("cuda:1"))) == "cuda:1"
    assert str(numbered(torch.device("cpu"))) == "cpu"


def test_a_card_without_bfloat16_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    card = torch.device("cuda:0")
    with pytest.raises(SettingsError, match="use precision float32"):
        check_precision(card, torch.bfloat16)
    check_precision(card, torch.float32)
    check_precision(torch.device("cpu"), torch.bfloat16)


def test_what_the_allocator_keeps_unused_counts_as_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (600, 1000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 300)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 200)
    assert DeviceMemory(torch.device("cuda")).usable_bytes == 560
    assert DeviceMemory(torch.device("cpu")).usable_bytes is None


@pytest.mark.gpu
def test_a_tensor_takes_usable_memory_until_it_is_gone() -> None:
    memory = DeviceMemory(torch.device("cuda"))
    before = memory.usable_bytes
    held = torch.empty(2**28, device="cuda")
    assert before is not None
    assert memory.usable_bytes is not None
    assert before - memory.usable_bytes >= 0.7 * held.nbytes
    del held
    memory.release()
    assert memory.usable_bytes >= before - 2**24


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), False),
    ],
    ids=str,
)
def test_which_errors_mean_that_memory_ran_out(error: RuntimeError, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_reductions_are_all_noted_and_told_once() -> None:
    memory = DeviceMemory(torch.device("cpu"))
    with pytest.warns(BayesSegWarning, match="memory of cpu ran out: 4 draws"):
        memory.reduce("4 draws")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        memory.reduce("2 draws")
    assert memory.reductions == ["4 draws", "2 draws"]


@pytest.mark.parametrize("setting", [True, False])
def test_arithmetic_is_put_back(setting: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    for name in ("allow_tf32", "benchmark", "deterministic"):
        monkeypatch.setattr(cudnn, name, setting)

    def settings() -> tuple[bool, ...]:
        return cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic, matmul.allow_tf32

    def interrupted() -> None:
        with exact_arithmetic():
            assert settings() == (False, False, True, False)
            raise KeyError

    before = settings()
    with pytest.raises(KeyError):
        interrupted()
    assert settings() == before == (setting, setting, setting, before[3])


@pytest.mark.gpu
def test_convolutions_do_not_round_to_tf32() -> None:
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(1, 64, 24, 24, 24, generator=generator)
    kernel = torch.randn(64, 64, 3, 3, 3, generator=generator)
    expected = torch.nn.functional.conv3d(data.double(), kernel.double())
    with exact_arithmetic():
        found = torch.nn.functional.conv3d(data.cuda(), kernel.cuda()).cpu()
    # Sums of 1728 products near 40; TF32 is 1e-2 off, single precision 1e-4.
    assert (found - expected).abs().max() < 1e-3
