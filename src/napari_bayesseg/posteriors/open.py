"""From a model folder to its posterior."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from napari_bayesseg.core.errors import BayesSegWarning
from napari_bayesseg.networks.checkpoint import ModelCard, load_card, load_foreign, load_networks
from napari_bayesseg.networks.foreign.spec import ForeignSpec
from napari_bayesseg.networks.methods import FINITE_METHODS
from napari_bayesseg.networks.model_folders import find_model
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.numerics.planar.tile import HAS_BFLOAT16
from napari_bayesseg.posteriors.ensemble import EnsemblePosterior
from napari_bayesseg.posteriors.flips import FlipPosterior
from napari_bayesseg.posteriors.foreign import ForeignPosterior
from napari_bayesseg.posteriors.network import NetworkPosterior
from napari_bayesseg.posteriors.planar import PlanarPosterior
from napari_bayesseg.posteriors.protocol import Posterior

__all__ = ["network_posterior", "open_model"]

Precision = Literal["float32", "bfloat16"]


def open_model(
    model: str | Path, device: torch.device, precision: Precision = "float32", flips: str = ""
) -> tuple[Posterior, ModelCard, Path]:
    """Load a model by shipped name or folder.

    Parameters
    ----------
    model : str or path
    device : torch.device
    precision : {"float32", "bfloat16"}
        Of the convolutions; see :class:`InferenceSettings`.
    flips : str
        Letters of the axes that draws are mirrored along in turn; none by default.

    Raises
    ------
    CheckpointError
        If it is missing, damaged or has nothing random in it.
    SettingsError
        If `flips` names no axes.
    """
    folder = find_model(model)
    card = load_card(folder)
    load = load_foreign if isinstance(card.network, ForeignSpec) else load_networks
    return network_posterior(card, load(folder, card), device, precision, flips), card, folder


def network_posterior(
    card: ModelCard,
    networks: Sequence[nn.Module],
    device: torch.device,
    precision: Precision = "float32",
    flips: str = "",
) -> Posterior:
    """Return the posterior that a card and the networks of its weights file make.

    Parameters
    ----------
    card : ModelCard
    networks : sequence of nn.Module
        As many as the card has members; moved to `device` and put into evaluation mode.
    device : torch.device
    precision : {"float32", "bfloat16"}
    flips : str
        Letters of axes; see :class:`~napari_bayesseg.posteriors.flips.FlipPosterior`.

    Raises
    ------
    CheckpointError
        If all draws would be alike.
    SettingsError
        If `flips` names no axes.
    """
    is_member = card.method in FINITE_METHODS
    if precision == "bfloat16" and device.type == "cpu" and not HAS_BFLOAT16:
        _warn_slow()
    members = [_single(card, network, device, precision, is_member) for network in networks]
    posterior: Posterior = EnsemblePosterior(members) if is_member else members[0]
    return FlipPosterior(posterior, flips) if flips else posterior


def _single(
    card: ModelCard, network: nn.Module, device: torch.device, precision: Precision, is_member: bool
) -> Posterior:
    if isinstance(card.network, ForeignSpec):
        spec = card.network
        return ForeignPosterior(
            network,
            spec.num_classes,
            spec.in_channels,
            device,
            precision=precision,
            is_member=is_member,
        )
    assert isinstance(network, VNet)
    if device.type != "cpu":
        return NetworkPosterior(network, device, is_member=is_member)
    if precision == "bfloat16" and not HAS_BFLOAT16:
        return NetworkPosterior(network, device, torch.bfloat16, is_member=is_member)
    return PlanarPosterior(network, precision=precision, is_member=is_member)


def _warn_slow() -> None:
    warnings.warn(
        "this processor does not multiply bfloat16 numbers by itself: precision bfloat16 is "
        "slower than float32 here",
        BayesSegWarning,
        stacklevel=4,
    )
