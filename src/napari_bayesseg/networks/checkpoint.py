"""Model folders: ``model.json`` describes, ``weights.safetensors`` holds the numbers.

Nothing in a folder is ever executed. The JSON is checked against a schema before anything is
built, the weights against the JSON's hash, against the network's parameter list and for NaN.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)
from torch import nn

from napari_bayesseg.core.errors import CheckpointError
from napari_bayesseg.io.atomic import replace_atomically
from napari_bayesseg.networks.foreign.build import build_foreign
from napari_bayesseg.networks.foreign.spec import ForeignSpec
from napari_bayesseg.networks.methods import FINITE_METHODS, Method
from napari_bayesseg.networks.spec import VNetSpec
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.networks.weights_file import (
    WEIGHTS_NAME,
    filled_networks,
    write_weights,
)

__all__ = [
    "CARD_NAME",
    "MODEL_NAME_PATTERN",
    "WEIGHTS_NAME",
    "ModelCard",
    "NetworkSpec",
    "Normalisation",
    "Spacing",
    "load_card",
    "load_foreign",
    "load_network",
    "load_networks",
    "save_model",
]

CARD_NAME = "model.json"
MODEL_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
_CARD_BYTES_LIMIT = 4 * 2**20
_OURS, _FOREIGN = "vnet3d", "foreign"


def _kind_of_network(value: Any) -> str:
    """Choose by the network's name; a card without one describes ours."""
    name = value.get("network") if isinstance(value, dict) else getattr(value, "network", None)
    return _FOREIGN if isinstance(name, str) and name.startswith("monai.") else _OURS


NetworkSpec = Annotated[
    Annotated[VNetSpec, Tag(_OURS)] | Annotated[ForeignSpec, Tag(_FOREIGN)],
    Discriminator(_kind_of_network),
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Normalisation(_Frozen):
    """How grey values become network input: clipped z-scores of the whole volume."""

    low_percentile: float = Field(0.5, ge=0.0, lt=50.0, description="Lower clip, percent")
    high_percentile: float = Field(99.5, gt=50.0, le=100.0, description="Upper clip, percent")


class Spacing(_Frozen):
    """Voxel spacing of the training scans."""

    zyx: tuple[float, float, float] = Field(description="Along z, y and x, in `unit`")
    unit: str = Field(description="Length unit, or pixel")


class ModelCard(_Frozen):
    """Everything about a model besides its weights; the content of ``model.json``."""

    format_version: Literal[1] = 1
    name: str = Field(pattern=MODEL_NAME_PATTERN, description="Short name")
    title: str = Field("", description="One line for people")
    method: Method = Field(description="What a posterior draw is")
    network: NetworkSpec = Field(description="From which the network is built")
    members: int = Field(1, ge=1, le=1024, description="Networks in the weights file")
    class_names: tuple[str, ...] = Field(description="In the order of the label values, from 0")
    normalisation: Normalisation = Normalisation()
    spacing: Spacing | None = Field(None, description="Of the training scans")
    intensity_range: tuple[float, float] | None = Field(
        None, description="Range of normalised input seen in training, standard deviations"
    )
    data: str = Field("", description="What it was trained on, and that data's licence")
    training: dict[str, Any] = Field(default_factory=dict, description="Settings and record")
    scores: dict[str, Any] = Field(default_factory=dict, description="On held-out scans")
    licence: str = "BSD-3-Clause"
    weights_sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$", description="Of the weights file")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.class_names) != self.network.num_probabilities:
            raise ValueError(
                f"class_names must name {self.network.num_probabilities} classes; "
                f"got {list(self.class_names)}"
            )
        if self.method in FINITE_METHODS:
            if self.members < 2:
                raise ValueError(
                    f"{self.method} needs 2 members or more; with {self.members} all draws would "
                    "be alike"
                )
            return self
        if self.members != 1:
            raise ValueError(f"{self.method} has one network; got {self.members} members")
        ours = self.network if isinstance(self.network, VNetSpec) else None
        if self.method == "bcnn":
            if ours is None or ours.decoder != "variational":
                raise ValueError("bcnn needs a network with variational layers; this one has none")
        # Whether a foreign network has dropout is known when it is built.
        elif ours is not None and (ours.decoder != "dropout" or ours.dropout_rate == 0.0):
            raise ValueError(
                f"{self.method} needs a network with dropout at a rate above 0; this one has none, "
                "and its draws would all be alike: train it with dropout"
            )
        if self.method == "heteroscedastic" and (ours is None or ours.noise == "none"):
            raise ValueError(
                "heteroscedastic needs a network that predicts noise; this one doesn't"
            )
        return self

    @property
    def identity(self) -> dict[str, Any]:
        """What of the model decides about a result's numbers, as results store it.

        Choices that came later are left out where they were not made, so that earlier results
        are continued.
        """
        found = self.model_dump(mode="json", include={"method", "network", "normalisation"})
        if found["network"].get("noise") == "none":
            del found["network"]["noise"]
        return {**found, "weights_sha256": self.weights_sha256}

    def most_draws(self, flips: str = "") -> int | None:
        """Return how many draws differ when they are mirrored along these axes; None: all do."""
        return self.members * 2 ** len(flips) if self.method in FINITE_METHODS else None


def load_card(folder: Path) -> ModelCard:
    """Read and check ``model.json``.

    Raises
    ------
    CheckpointError
        If the folder is not a model folder, or the JSON does not follow the schema.
    """
    _refuse_pickles(folder)
    path = folder / CARD_NAME
    if not path.is_file():
        raise CheckpointError(f"{folder}: not a model folder, {CARD_NAME} is missing")
    if path.stat().st_size > _CARD_BYTES_LIMIT:
        raise CheckpointError(f"{path}: larger than {_CARD_BYTES_LIMIT} bytes, not a model card")
    try:
        return ModelCard.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise CheckpointError(f"{path}: not JSON ({error})") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in (_OURS, _FOREIGN))
        where = where or "card"
        raise CheckpointError(f"{path}: {where}: {first['msg']}") from None


def _refuse_pickles(folder: Path) -> None:
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such model folder")
    for name in (CARD_NAME, WEIGHTS_NAME):
        path = folder / name
        if path.is_symlink() and path.resolve().parent != folder.resolve():
            raise CheckpointError(f"{path}: links to a file outside the model folder")
    pickles = sorted(
        p.name for p in folder.iterdir() if p.suffix in {".pt", ".pth", ".pkl", ".ckpt"}
    )
    if pickles:
        raise CheckpointError(
            f"{folder}: holds {pickles[0]}; pickled files can run code and are not accepted in a "
            "model folder: remove it"
        )


def load_networks(folder: Path, card: ModelCard) -> tuple[VNet, ...]:
    """Build the networks of a card of ours and fill in their weights, in evaluation mode.

    Raises
    ------
    CheckpointError
        If the weights are missing, damaged, of other names or shapes, or not finite, or the card
        describes a network of another library.
    """
    spec = card.network
    if not isinstance(spec, VNetSpec):
        raise CheckpointError(f"{folder}: {spec.network} is no network of this package")
    return filled_networks(folder, card.members, card.weights_sha256, lambda: VNet(spec))


def load_network(folder: Path, card: ModelCard) -> VNet:
    """Build the only network of a card of ours; see :func:`load_networks`.

    Raises
    ------
    CheckpointError
        As there, and if there are several.
    """
    if card.members != 1:
        raise CheckpointError(f"{folder}: holds {card.members} networks; expected one")
    return load_networks(folder, card)[0]


def load_foreign(folder: Path, card: ModelCard) -> tuple[nn.Module, ...]:
    """Build the networks of a card of another library and fill in their weights.

    Raises
    ------
    CheckpointError
        As :func:`load_networks`, and if that library is missing or refuses the arguments.
    """
    spec = card.network
    if isinstance(spec, VNetSpec):
        raise CheckpointError(f"{folder}: {spec.network} is no network of another library")
    return filled_networks(folder, card.members, card.weights_sha256, lambda: build_foreign(spec))


def save_model(folder: Path, card: ModelCard, *networks: nn.Module) -> ModelCard:
    """Write a model folder; returns the card with the hash of the weights filled in.

    Parameters
    ----------
    folder : Path
    card : ModelCard
    *networks : nn.Module
        As many as the card has members.
    """
    if len(networks) != card.members:
        raise ValueError(f"the card has {card.members} members; got {len(networks)} networks")
    folder.mkdir(parents=True, exist_ok=True)
    card = card.model_copy(update={"weights_sha256": write_weights(folder, networks)})
    with replace_atomically(folder / CARD_NAME) as temporary:
        text = json.dumps(card.model_dump(mode="json"), indent=2, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    return card
