"""Reads one pickled file of tensors, in a process of its own with a limit on its memory.

``python -m napari_bayesseg.networks.foreign.legacy_file IN OUT`` writes the tensors of `IN` to the
safetensors file `OUT`. Only tensors and plain values are accepted (``weights_only=True``). The
process is apart because a file may ask for any amount of memory, and the reader may crash.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from napari_bayesseg.core.errors import FormatError

__all__ = ["read_legacy_file"]

_NESTED_UNDER = ("state_dict", "model_state_dict", "network_weights", "model", "net")
# Address space of a process that has imported torch, with room; then what the file itself needs.
_BASE_BYTES = 16 * 2**30
_SECONDS = 600
_REFUSED = 2


def read_legacy_file(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file that ``torch.save`` wrote, by name.

    Raises
    ------
    FormatError
        If it holds anything but tensors and plain values, is damaged, or needs far more memory
        than its size.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tensors.safetensors"
        command = [sys.executable, "-m", __spec__.name, str(path.resolve()), str(copy)]
        try:
            child = subprocess.run(
                command, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise FormatError(f"{path}: could not be read within {_SECONDS} s") from None
        if child.returncode == _REFUSED:
            raise FormatError(f"{path}: {child.stdout.strip()}")
        if child.returncode != 0:
            raise FormatError(
                f"{path}: can't be read in bounded memory; save its tensors as .safetensors"
            )
        return load_file(copy)


def _limit_memory(num_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, highest = resource.getrlimit(resource.RLIMIT_AS)
    allowed = num_bytes if highest == resource.RLIM_INFINITY else min(num_bytes, highest)
    resource.setrlimit(resource.RLIMIT_AS, (allowed, highest))


def _tensors(content: Any) -> dict[str, Tensor]:
    """Find the state dict in a record, maybe in another one.

    Raises
    ------
    FormatError
        If there is none.
    """
    while isinstance(content, Mapping):
        inner = (content[name] for name in _NESTED_UNDER if isinstance(content.get(name), Mapping))
        found = next(inner, None)
        if found is None:
            break
        content = found
    if not isinstance(content, Mapping) or not content:
        raise FormatError(f"holds a {type(content).__name__}, not a state dict")
    other = [name for name, value in content.items() if not isinstance(value, Tensor)]
    if other:
        raise FormatError(f"{other[0]} is not a tensor; expected a state dict")
    return {str(name): tensor for name, tensor in content.items()}


def _convert(source: Path, target: Path) -> None:
    size = source.stat().st_size
    _limit_memory(_BASE_BYTES + 4 * size)
    try:
        content = torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged archive, or a file that wants to run code
        raise FormatError(
            f"holds more than tensors, or is damaged ({type(error).__name__}); save "
            "torch.save(network.state_dict(), ...) instead of the whole network"
        ) from None
    tensors = _tensors(content)
    # A tensor may claim to repeat one number any number of times.
    claimed = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    if claimed > 4 * size + 2**20:
        raise FormatError(f"claims {claimed} bytes of tensors in a file of {size} bytes")
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, target)


def _main(source: str, target: str) -> int:
    try:
        _convert(Path(source), Path(target))
    except FormatError as error:
        sys.stdout.write(str(error))
        return _REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
