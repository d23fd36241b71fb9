"""One pass without any draw: what a network that is not Bayesian would say of a scan."""

from __future__ import annotations

from pathlib import Path

import torch

from napari_bayesseg.networks.checkpoint import load_card, load_network, save_model
from napari_bayesseg.networks.model_folders import find_model
from napari_bayesseg.networks.variational import VariationalConvolution

__all__ = ["save_mean_network"]

# softplus(-40) = 4e-18: no weight moves.
_NO_NOISE = -40.0


def save_mean_network(model: str | Path, out: Path) -> Path:
    """Write a model whose every draw is the network of the posterior's mean weights.

    Parameters
    ----------
    model : str or path
        Of a variational network.
    out : Path
        Model folder to write.
    """
    folder = find_model(model)
    card = load_card(folder)
    network = load_network(folder, card)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, VariationalConvolution):
                module.rho.fill_(_NO_NOISE)
    save_model(out, card.model_copy(update={"name": out.name}), network)
    return out
