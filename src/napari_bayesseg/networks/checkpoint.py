"""Model folders: ``model.json`` describes, ``weights.safetensors`` holds the numbers.

Nothing in a folder is ever executed. The JSON is checked against a schema before anything is
built, the weights against the JSON's hash, against the network's parameter list and for NaN.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import torch
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from napari_bayesseg.core.errors import CheckpointError
from napari_bayesseg.io.atomic import replace_atomically
from napari_bayesseg.networks.foreign.build import UnfilledWeights, build_foreign
from napari_bayesseg.networks.foreign.spec import ForeignSpec
from napari_bayesseg.networks.methods import Method
from napari_bayesseg.networks.spec import VNetSpec
from napari_bayesseg.networks.vnet3d import VNet

__all__ = [
    "CARD_NAME",
    "MODEL_NAME_PATTERN",
    "WEIGHTS_NAME",
    "ModelCard",
    "NetworkSpec",
    "Normalisation",
    "Spacing",
    "check_names",
    "load_card",
    "load_foreign",
    "load_network",
    "save_model",
]

CARD_NAME = "model.json"
MODEL_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
WEIGHTS_NAME = "weights.safetensors"
_CARD_BYTES_LIMIT = 4 * 2**20
_OURS, _FOREIGN = "vnet3d", "foreign"

Network = TypeVar("Network", bound=nn.Module)


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
        ours = self.network if isinstance(self.network, VNetSpec) else None
        if self.method == "bcnn" and (ours is None or ours.decoder != "variational"):
            raise ValueError("bcnn needs a network with variational layers; this one has none")
        # Whether a foreign network has dropout is known when it is built.
        if (
            self.method == "mc-dropout"
            and ours is not None
            and (ours.decoder != "dropout" or ours.dropout_rate == 0.0)
        ):
            raise ValueError(
                "mc-dropout needs a network with dropout at a rate above 0; this one has none, "
                "and its draws would all be alike: train it with dropout"
            )
        return self


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


def load_network(folder: Path, card: ModelCard) -> VNet:
    """Build the network of a card of ours and fill in its weights, in evaluation mode.

    Raises
    ------
    CheckpointError
        If the weights are missing, damaged, of other names or shapes, or not finite, or the card
        describes a network of another library.
    """
    spec = card.network
    if not isinstance(spec, VNetSpec):
        raise CheckpointError(f"{folder}: {spec.network} is no network of this package")
    return _filled(folder, card, lambda: VNet(spec))


def load_foreign(folder: Path, card: ModelCard) -> nn.Module:
    """Build the network of a card of another library and fill in its weights.

    Raises
    ------
    CheckpointError
        As :func:`load_network`, and if that library is missing or refuses the arguments.
    """
    spec = card.network
    if isinstance(spec, VNetSpec):
        raise CheckpointError(f"{folder}: {spec.network} is no network of another library")
    return _filled(folder, card, lambda: build_foreign(spec))


def _filled(folder: Path, card: ModelCard, build: Callable[[], Network]) -> Network:
    path = folder / WEIGHTS_NAME
    if not path.is_file():
        raise CheckpointError(f"{folder}: {WEIGHTS_NAME} is missing")
    with torch.device("meta"), UnfilledWeights():  # costs nothing, whatever size the card claims
        expected = {name: tuple(t.shape) for name, t in build().state_dict().items()}
    limit = 4 * sum(torch.Size(shape).numel() for shape in expected.values()) + _CARD_BYTES_LIMIT
    if path.stat().st_size > limit:
        raise CheckpointError(f"{path}: larger than the network that {CARD_NAME} describes")
    content = path.read_bytes()
    if card.weights_sha256 and hashlib.sha256(content).hexdigest() != card.weights_sha256:
        raise CheckpointError(f"{path}: differs from the hash in {CARD_NAME}; copy the model again")
    try:
        with safe_open(path, framework="pt") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        check_names(path, f"the network of {CARD_NAME}", expected, found)
        tensors = load_tensors(content)
    except SafetensorError as error:
        raise CheckpointError(f"{path}: not a safetensors file ({error})") from None
    bad = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if bad:
        raise CheckpointError(f"{path}: {bad[0]} holds NaN or infinity")
    network = build()
    network.load_state_dict(tensors)
    return network.eval()


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


def save_model(folder: Path, card: ModelCard, network: nn.Module) -> ModelCard:
    """Write a model folder; returns the card with the hash of the weights filled in."""
    folder.mkdir(parents=True, exist_ok=True)
    # Each for itself: two names of one tensor can't be told apart in the file.
    tensors = {
        name: t.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, t in network.state_dict().items()
    }
    content = save_tensors(tensors)
    card = card.model_copy(update={"weights_sha256": hashlib.sha256(content).hexdigest()})
    with replace_atomically(folder / WEIGHTS_NAME) as temporary:
        temporary.write_bytes(content)
    with replace_atomically(folder / CARD_NAME) as temporary:
        text = json.dumps(card.model_dump(mode="json"), indent=2, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    return card
