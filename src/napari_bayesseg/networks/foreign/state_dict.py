"""Weights that somebody else saved, read without running anything that is in the file."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.networks.foreign.legacy_file import read_legacy_file

__all__ = ["read_state_dict"]

_PICKLED = (".pt", ".pth", ".bin", ".ckpt")
_PREFIXES = ("module.", "_orig_mod.")


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a ``.safetensors``, ``.pt`` or ``.pth`` file by name.

    A state dict inside a larger record is found; the prefixes that parallel training and
    compilation put before every name are taken off.

    Raises
    ------
    FormatError
        If the file is unreadable, or holds something other than tensors and plain values.
    """
    if not path.is_file():
        raise FormatError(f"{path}: no such file")
    if path.suffix == ".safetensors":
        try:
            return _plain_names(load_file(path))
        except (SafetensorError, OSError) as error:
            raise FormatError(f"{path}: not a safetensors file ({error})") from None
    if path.suffix not in _PICKLED:
        raise FormatError(f"{path}: must be .safetensors, .pt or .pth; got {path.suffix!r}")
    return _plain_names(read_legacy_file(path))


def _plain_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for _ in range(4):  # a compiled network inside a parallel one has both prefixes
        for prefix in _PREFIXES:
            if tensors and all(name.startswith(prefix) for name in tensors):
                tensors = {name.removeprefix(prefix): t for name, t in tensors.items()}
    return tensors
