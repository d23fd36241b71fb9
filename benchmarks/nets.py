"""The networks that are timed: the shipped one, and the full-size V-Net with random weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.data import MODELS, workspace
from napari_bayesseg.core.seeding import keyed_generator
from napari_bayesseg.networks.checkpoint import ModelCard, load_card, load_network, save_model
from napari_bayesseg.networks.model_folders import find_model
from napari_bayesseg.networks.normalisation import GroupNorm, set_statistics
from napari_bayesseg.networks.spec import VNetSpec
from napari_bayesseg.networks.stochastic import stochastic_layers
from napari_bayesseg.networks.vnet3d import VNet

__all__ = [
    "FULL",
    "SHIPPED",
    "FixedDraw",
    "Net",
    "fixed_draw",
    "nets",
    "random_model",
    "realisations",
]

SHIPPED, FULL = MODELS[0], "full-size V-Net"
"""Names as they stand in the tables."""

_FULL_CHANNELS = (16, 32, 64, 128)
_PROBE = 32


@dataclass(frozen=True)
class Net:
    """A model to time.

    Attributes
    ----------
    name : str
        In the tables.
    folder : Path
        Of the model.
    window : int
        Side of the windows that the peers cut, in voxels.
    """

    name: str
    folder: Path
    window: int


def nets() -> tuple[Net, Net]:
    """Return the shipped network, and the full-size one, written to the workspace when missing."""
    folder = workspace() / "full-size"
    if not folder.exists():
        random_model(folder, _FULL_CHANNELS)
    return Net(SHIPPED, find_model(SHIPPED), 64), Net(FULL, folder, 96)


def random_model(folder: Path, channels: tuple[int, ...]) -> Path:
    """Write a model with random weights whose activations and logits are near unit scale.

    Group statistics come from one pass over noise, as in training; without them the activations
    of so deep a network would overflow in bfloat16, or vanish.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = VNet(VNetSpec(num_classes=3, channels=channels))
        norms = [module for module in network.modules() if isinstance(module, GroupNorm)]
        for norm in norms:
            norm.statistics = "accumulating"
        with torch.no_grad():
            probe = torch.randn(1, 1, _PROBE, _PROBE, _PROBE)
            logits = network(probe, torch.Generator().manual_seed(0))
            network.classifier.mean.div_(logits.std())
    for norm in norms:
        norm.statistics = "population"
    card = ModelCard(
        name=folder.name,
        method="bcnn",
        network=network.spec,
        class_names=("pore", "particle", "binder"),
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    save_model(folder, card, network.eval())
    return folder


class FixedDraw(nn.Module):
    """A network with one draw's weights: what a sliding-window library is given.

    Parameters
    ----------
    network : VNet
    noise : dict
        Realisation of every random layer.
    """

    def __init__(self, network: VNet, noise: dict[str, Tensor]) -> None:
        super().__init__()
        self.network = network
        self.noise = noise

    def forward(self, x: Tensor) -> Tensor:
        """Return softmax ``(N, C, Z, Y, X)`` of a batch of windows."""
        return torch.softmax(self.network(x, self.noise), 1)


def fixed_draw(
    folder: Path,
    *,
    dtype: torch.dtype = torch.float32,
    channels_last: bool = False,
    device: str = "cpu",
) -> FixedDraw:
    """Open a model and fix its first draw, in evaluation mode.

    Parameters
    ----------
    folder : Path
    dtype : torch.dtype
    channels_last : bool
        Weights, and so all activations, with the channels innermost.
    device : str
    """
    network = load_network(folder, load_card(folder)).to(device, dtype).eval()
    set_statistics(network, "population")
    layout = torch.channels_last_3d if channels_last else torch.contiguous_format
    network.to(memory_format=layout)
    noise = {
        name: values.contiguous(memory_format=layout) if values.ndim == 5 else values
        for name, values in realisations(network).items()
    }
    return FixedDraw(network, noise).eval()


def realisations(network: VNet, index: int = 0) -> dict[str, Tensor]:
    """Return what every random layer is in a draw of seed 0, by the layer's name."""
    return {
        layer.name: layer.realise(keyed_generator(0, index, layer.name)).detach()
        for layer in stochastic_layers(network)
    }
