"""A state dict made elsewhere becomes a model folder."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from napari_bayesseg.core.errors import CheckpointError, SettingsError
from napari_bayesseg.core.settings import validation_message
from napari_bayesseg.networks.checkpoint import ModelCard, save_model
from napari_bayesseg.networks.foreign.build import build_foreign
from napari_bayesseg.networks.foreign.engine import make_engine
from napari_bayesseg.networks.foreign.spec import ForeignSpec
from napari_bayesseg.networks.foreign.state_dict import read_state_dict
from napari_bayesseg.networks.spec import VNetSpec
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.networks.weights_file import check_names

__all__ = ["convert_model", "describe_network"]


def describe_network(
    network: str, num_classes: int, arguments: dict[str, Any], in_channels: int = 1
) -> VNetSpec | ForeignSpec:
    """Return the specification of a network by name.

    Raises
    ------
    SettingsError
        If name or arguments are wrong; a foreign constructor is asked when the network is built.
    """
    shared = {"network": network, "num_classes": num_classes, "in_channels": in_channels}
    try:
        if network == "vnet3d":
            return VNetSpec.model_validate({**arguments, **shared})
        return ForeignSpec.model_validate({**shared, "arguments": arguments})
    except ValidationError as error:
        raise SettingsError(validation_message(error)) from None


def convert_model(
    paths: Sequence[Path], out: Path, spec: VNetSpec | ForeignSpec, card: dict[str, Any]
) -> ModelCard:
    """Write a model folder from a state dict, or an ensemble from several.

    Parameters
    ----------
    paths : sequence of Path
        The state dicts, see :func:`read_state_dict`: several are the members of an ensemble, such
        as the folds of a cross-validation.
    out : Path
        Model folder to write.
    spec : VNetSpec or ForeignSpec
    card : dict
        Further entries of the card, ``class_names`` at least.

    Returns
    -------
    ModelCard

    Raises
    ------
    FormatError, SettingsError, CheckpointError
        If the file can't be read, the card is incomplete, the weights don't fit the network, or
        a network by itself has nothing random in it.
    """
    networks = [_built(spec) for _ in paths]
    bayesian = isinstance(spec, VNetSpec) and spec.decoder == "variational"
    parameters = sum(parameter.numel() for parameter in networks[0].parameters())
    alone = "bcnn" if bayesian else "mc-dropout"
    entries = {
        "method": alone if len(paths) == 1 else "ensemble",
        "members": len(paths),
        "network": spec,
        "training": {
            "parameters": parameters,
            "converted_from": ", ".join(path.name for path in paths),
        },
        **card,
    }
    try:
        model = ModelCard.model_validate(entries)
    except ValidationError as error:
        raise SettingsError(validation_message(error)) from None
    for path, network in zip(paths, networks, strict=True):
        network.load_state_dict(_fitting(path, spec.network, network, read_state_dict(path)))
    if isinstance(spec, ForeignSpec):
        # A copy, for the engine replaces layers; it refuses what could not be predicted with.
        make_engine(deepcopy(networks[0]), spec.in_channels, is_member=len(paths) > 1)
    return save_model(out, model, *networks)


def _built(spec: VNetSpec | ForeignSpec) -> nn.Module:
    return VNet(spec) if isinstance(spec, VNetSpec) else build_foreign(spec)


def _fitting(
    path: Path, name: str, network: nn.Module, tensors: dict[str, Tensor]
) -> dict[str, Tensor]:
    expected = network.state_dict()
    check_names(
        path,
        f"{name} with these arguments",
        {name: tuple(tensor.shape) for name, tensor in expected.items()},
        {name: tuple(tensor.shape) for name, tensor in tensors.items()},
    )
    for key, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"{path}: {key} holds NaN or infinity")
    return {key: tensor.to(expected[key].dtype) for key, tensor in tensors.items()}
