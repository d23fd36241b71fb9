"""The weights file of a model folder: one network, or the members of an ensemble."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from napari_bayesseg.core.errors import CheckpointError
from napari_bayesseg.io.atomic import replace_atomically
from napari_bayesseg.networks.foreign.build import UnfilledWeights

__all__ = ["WEIGHTS_NAME", "check_names", "filled_networks", "write_weights"]

WEIGHTS_NAME = "weights.safetensors"
_CARD = "model.json"
_SPARE_BYTES = 4 * 2**20

Network = TypeVar("Network", bound=nn.Module)


def filled_networks(
    folder: Path, members: int, sha256: str, build: Callable[[], Network]
) -> tuple[Network, ...]:
    """Build the networks of a model folder and fill in their weights, in evaluation mode.

    Parameters
    ----------
    folder : Path
    members : int
        How many there are in the file.
    sha256 : str
        Of the file; empty where it isn't known.
    build : callable
        Makes a network of one's own.

    Raises
    ------
    CheckpointError
        If the weights are missing, damaged, of other names or shapes, or not finite.
    """
    path = folder / WEIGHTS_NAME
    if not path.is_file():
        raise CheckpointError(f"{folder}: {WEIGHTS_NAME} is missing")
    with torch.device("meta"), UnfilledWeights():  # costs nothing, whatever size the card claims
        shapes = {name: tuple(t.shape) for name, t in build().state_dict().items()}
    prefixes = _prefixes(members)
    expected = {f"{prefix}{name}": shape for prefix in prefixes for name, shape in shapes.items()}
    limit = 4 * sum(torch.Size(shape).numel() for shape in expected.values()) + _SPARE_BYTES
    if path.stat().st_size > limit:
        raise CheckpointError(f"{path}: larger than the network that {_CARD} describes")
    content = path.read_bytes()
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise CheckpointError(f"{path}: differs from the hash in {_CARD}; copy the model again")
    try:
        with safe_open(path, framework="pt") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        check_names(path, f"the network of {_CARD}", expected, found)
        tensors = load_tensors(content)
    except SafetensorError as error:
        raise CheckpointError(f"{path}: not a safetensors file ({error})") from None
    bad = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if bad:
        raise CheckpointError(f"{path}: {bad[0]} holds NaN or infinity")
    networks = []
    for prefix in prefixes:
        network = build()
        network.load_state_dict({name: tensors[f"{prefix}{name}"] for name in shapes})
        networks.append(network.eval())
    return tuple(networks)


def _prefixes(members: int) -> tuple[str, ...]:
    """Return what comes before the names of each member's tensors; nothing where there is one."""
    return ("",) if members == 1 else tuple(f"{index}." for index in range(members))


def check_names(
    path: Path,
    network: str,
    expected: dict[str, tuple[int, ...]],
    found: dict[str, tuple[int, ...]],
) -> None:
    """Refuse tensors of other names or shapes than a network has.

    Raises
    ------
    CheckpointError
        Naming the first few that are missing and unexpected, or the first of another shape.
    """
    missing, extra = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    if missing or extra:
        raise CheckpointError(
            f"{path}: does not fit {network}: missing {missing[:3]}, unexpected {extra[:3]}"
        )
    for name, shape in expected.items():
        if found[name] != shape:
            raise CheckpointError(f"{path}: {name} must have shape {shape}; got {found[name]}")


def write_weights(folder: Path, networks: Sequence[nn.Module]) -> str:
    """Write the weights of a model folder; returns their SHA-256."""
    # Each for itself: two names of one tensor can't be told apart in the file.
    tensors = {
        f"{prefix}{name}": t.detach().cpu().clone(memory_format=torch.contiguous_format)
        for prefix, network in zip(_prefixes(len(networks)), networks, strict=True)
        for name, t in network.state_dict().items()
    }
    content = save_tensors(tensors)
    with replace_atomically(folder / WEIGHTS_NAME) as temporary:
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()
