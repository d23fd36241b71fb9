"""Small random models for tests: real networks with population statistics, never trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from napari_bayesseg.networks.checkpoint import ModelCard, save_model
from napari_bayesseg.networks.methods import FINITE_METHODS
from napari_bayesseg.networks.normalisation import GroupNorm
from napari_bayesseg.networks.spec import VNetSpec
from napari_bayesseg.networks.vnet3d import VNet

METHODS = ("bcnn", "mc-dropout")
"""Those whose single network has a random decoder and nothing else of its own."""
_DECODERS = {"bcnn": "variational", "ensemble": "point", "sghmc": "point"}


def small_spec(method: str = "bcnn", **changes: object) -> VNetSpec:
    values: dict[str, object] = {
        "num_classes": 3,
        "channels": (4, 8, 8),
        "decoder": _DECODERS.get(method, "dropout"),
        "noise": "logit" if method == "heteroscedastic" else "none",
    }
    return VNetSpec.model_validate({**values, **changes})


def small_network(method: str = "bcnn", seed: int = 0, **changes: object) -> VNet:
    """A network whose activations stay near unit scale, so that its softmax is not saturated."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = VNet(small_spec(method, **changes))
        probe = torch.randn(2, 1, 24, 24, 24)
        for module in network.modules():
            if isinstance(module, GroupNorm):
                module.statistics = "accumulating"
                torch.nn.init.uniform_(module.weight, 0.5, 1.5)
                torch.nn.init.uniform_(module.bias, -0.5, 0.5)
        noise = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            logits = network(probe, noise)
            classifier = network.classifier
            (classifier.mean if method == "bcnn" else classifier.weight).div_(logits.std())
    for module in network.modules():
        if isinstance(module, GroupNorm):
            module.statistics = "population"
    return network.eval()


def write_model(
    folder: Path,
    method: str = "bcnn",
    seed: int = 0,
    card: Mapping[str, object] | None = None,
    **changes: object,
) -> Path:
    """Write a model folder, with 3 members where the method has several.

    `card` holds further entries of its card, `changes` of its network.
    """
    count = 3 if method in FINITE_METHODS else 1
    networks = [small_network(method, seed + member, **changes) for member in range(count)]
    spec = networks[0].spec
    names = tuple(f"class {index}" for index in range(spec.num_probabilities))
    entries = {"name": folder.name, "method": method, "network": spec, "members": count}
    written = ModelCard.model_validate({"class_names": names, **entries, **(card or {})})
    save_model(folder, written, *networks)
    return folder
