from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from napari_bayesseg.core.errors import CheckpointError
from napari_bayesseg.networks.checkpoint import (
    ModelCard,
    load_card,
    load_foreign,
    load_network,
    save_model,
)
from napari_bayesseg.networks.foreign.build import build_foreign
from napari_bayesseg.networks.foreign.spec import ForeignSpec
from napari_bayesseg.networks.spec import VNetSpec
from tests.foreign_models import ARGUMENTS, UNET, foreign_spec


@pytest.mark.parametrize("name", ARGUMENTS)
def test_the_four_networks_are_built_in_three_dimensions(name: str) -> None:
    network = build_foreign(foreign_spec(name, num_classes=2))
    assert type(network).__name__ == name.removeprefix("monai.")
    assert not network.training
    assert any(isinstance(module, nn.Conv3d) for module in network.modules())


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"depth": 3}, "monai.UNet has no argument 'depth'; those not given yet are: kernel_size"),
        ({"channels": None}, "monai.UNet refuses its arguments: "),
        ({"norm": "sorcery"}, "monai.UNet refuses its arguments: .*SORCERY"),
    ],
)
def test_arguments_are_checked(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(CheckpointError, match=line) as caught:
        build_foreign(foreign_spec("monai.UNet", **changes))
    assert "\n" not in str(caught.value)


def test_missing_arguments_are_named() -> None:
    spec = ForeignSpec(network="monai.UNet", num_classes=2)
    with pytest.raises(CheckpointError, match="UNet needs the arguments channels, strides"):
        build_foreign(spec)


@pytest.mark.parametrize("name", ["spatial_dims", "in_channels", "out_channels"])
def test_what_we_set_can_not_be_given(name: str) -> None:
    with pytest.raises(ValidationError, match=f"arguments must not hold {name}"):
        foreign_spec("monai.UNet", **{name: 2})


@pytest.mark.parametrize("name", ["monai.AutoEncoder", "os.system", "monai.networks.nets.UNet", ""])
def test_no_other_constructor_can_be_named(name: str) -> None:
    with pytest.raises(ValidationError, match="network"):
        ForeignSpec.model_validate({"network": name, "num_classes": 2})


def test_without_monai_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.split(".")[0] == "monai"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "monai", None)
    with pytest.raises(CheckpointError) as caught:
        build_foreign(foreign_spec("monai.UNet"))
    assert str(caught.value) == (
        'monai.UNet needs MONAI, which is missing: pip install "napari-bayesseg[monai]"'
    )


def card(network: dict[str, Any], **changes: Any) -> ModelCard:
    entries = {"name": "m", "method": "mc-dropout", "class_names": ["a", "b", "c"]}
    return ModelCard.model_validate({**entries, "network": network, **changes})


def test_a_card_keeps_the_kind_of_its_network() -> None:
    foreign = card({"network": "monai.UNet", "num_classes": 3, "arguments": UNET})
    assert isinstance(foreign.network, ForeignSpec)
    assert ModelCard.model_validate(foreign.model_dump(mode="json")) == foreign
    named = card({"network": "vnet3d", "num_classes": 3, "decoder": "dropout"})
    unnamed = card({"num_classes": 3, "decoder": "dropout"})
    assert isinstance(named.network, VNetSpec)
    assert named == unnamed
    assert list(named.model_dump()["network"]) == list(VNetSpec.model_fields)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_network_is_saved_and_loaded(name: str, tmp_path: Path) -> None:
    network = build_foreign(foreign_spec(name))
    written = save_model(tmp_path, card(foreign_spec(name).model_dump()), network)
    assert load_card(tmp_path) == written
    loaded = load_foreign(tmp_path, written)[0].state_dict()
    assert all(torch.equal(loaded[key], tensor) for key, tensor in network.state_dict().items())
    with pytest.raises(CheckpointError, match="no network of this package"):
        load_network(tmp_path, written)


def test_weights_of_two_names_are_saved_under_both(tmp_path: Path) -> None:
    """SegResNet's last activation is one layer with two names."""
    spec = foreign_spec("monai.SegResNet", act="prelu")
    network = build_foreign(spec)
    written = save_model(tmp_path, card(spec.model_dump()), network)
    assert load_foreign(tmp_path, written)[0].state_dict().keys() == network.state_dict().keys()


def test_a_card_that_claims_too_much_costs_nothing(tmp_path: Path) -> None:
    small, huge = foreign_spec("monai.UNet"), {**UNET, "channels": [2**14, 2**14, 2**14]}
    save_model(tmp_path, card(small.model_dump()), build_foreign(small))
    claimed = card({"network": "monai.UNet", "num_classes": 3, "arguments": huge})
    with pytest.raises(CheckpointError, match="must have shape"):
        load_foreign(tmp_path, claimed)


def test_a_foreign_network_has_no_weight_noise() -> None:
    with pytest.raises(ValidationError, match="bcnn needs a network with variational layers"):
        card({"network": "monai.UNet", "num_classes": 3}, method="bcnn")
