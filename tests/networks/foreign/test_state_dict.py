from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.networks.foreign.state_dict import read_state_dict

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.zeros(2)}


def with_prefix(prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in TENSORS.items()}


@pytest.mark.parametrize(
    "content",
    [
        TENSORS,
        {"state_dict": TENSORS, "epoch": 3},
        {"network_weights": TENSORS, "optimizer_state": {"lr": 0.1}, "trainer_name": "t"},
        {"model": {"state_dict": TENSORS}},
        with_prefix("module."),
        with_prefix("_orig_mod."),
        {"model": with_prefix("module._orig_mod.")},
    ],
    ids=range(7),
)
def test_the_tensors_are_found(content: Any, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(content, path)
    found = read_state_dict(path)
    assert found.keys() == TENSORS.keys()
    assert torch.equal(found["a.weight"], TENSORS["a.weight"])


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file(with_prefix("module."), tmp_path / "w.safetensors")
    assert read_state_dict(tmp_path / "w.safetensors").keys() == TENSORS.keys()


def test_a_prefix_that_only_some_have_is_part_of_the_name(tmp_path: Path) -> None:
    torch.save({"module.a": torch.zeros(1), "b": torch.zeros(1)}, tmp_path / "w.pth")
    assert read_state_dict(tmp_path / "w.pth").keys() == {"module.a", "b"}


class RunsCode:
    """What a pickle can do: the file names a function, reading calls it."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Path]]:
        return Path.touch, (self.trace,)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    path, trace = tmp_path / "bad.pt", tmp_path / "trace"
    torch.save({"state_dict": {"a": RunsCode(trace)}}, path)
    with pytest.raises(FormatError, match="holds more than tensors"):
        read_state_dict(path)
    assert not trace.exists()
    torch.load(path, weights_only=False)
    assert trace.exists()  # it would have run


def test_a_small_file_that_claims_much_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt"
    torch.save({"a": torch.zeros(1).expand(10**11)}, path)
    assert path.stat().st_size < 10_000
    with pytest.raises(FormatError, match="claims 400000000000 bytes"):
        read_state_dict(path)


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("w.pt", b"nonsense", "holds more than tensors, or is damaged"),
        ("w.safetensors", b"nonsense", "not a safetensors file"),
        ("w.onnx", b"", "must be .safetensors, .pt or .pth"),
        ("w.pt", [1, 2], "holds a list, not a state dict"),
        ("w.pt", {}, "not a state dict"),
        ("w.pt", {"a": torch.zeros(1), "b": 3}, "b is not a tensor"),
        ("w.pt", None, "no such file"),
    ],
    ids=range(7),
)
def test_bad_files_are_refused_in_one_line(
    name: str, content: Any, line: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(FormatError, match=line) as caught:
        read_state_dict(path)
    assert "\n" not in str(caught.value)
