"""What makes two trainings the same one: settings and data, and how they differ."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training.dataset import TrainingCase
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["TrainingIdentity"]

_NO_PART_OF_THE_RESULT = {"device", "save_every_s"}
_ROLES = {"training": "training scan", "held_out": "held-out scan", "unlabelled": "unlabelled scan"}


@dataclass(frozen=True)
class TrainingIdentity:
    """All that decides about a training's result, as plain values for a JSON file.

    Attributes
    ----------
    settings : mapping
        Without those that say only where and how often something is saved.
    num_classes : int
    scans : mapping of str to mapping
        Role to name to SHA-256 of grey values and labels.
    initial : list of str
        SHA-256 of the networks that the training starts from.
    """

    settings: Mapping[str, Any]
    num_classes: int
    scans: Mapping[str, Mapping[str, str]]
    initial: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        settings: TrainingSettings,
        num_classes: int,
        scans: Mapping[str, Sequence[TrainingCase]],
        initial: Sequence[VNet],
    ) -> TrainingIdentity:
        """Return the identity of a training; reads all of its data once.

        `scans` has the roles training, held_out and unlabelled.
        """
        return cls(
            settings.model_dump(mode="json", exclude=_NO_PART_OF_THE_RESULT),
            num_classes,
            {role: {c.name: _hash_case(c) for c in cases} for role, cases in scans.items()},
            [_hash_network(network) for network in initial],
        )

    def plain(self) -> dict[str, Any]:
        """Return the content of the JSON file."""
        return asdict(self)

    def difference(self, other: Mapping[str, Any]) -> str | None:
        """Say in a few words what differs in the record of another training; None: nothing."""
        found = list(_differences(other, self.plain()))
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        return "; ".join(found[:3]) + more if found else None


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    yield from _changed(old.get("settings", {}), new["settings"])
    for role, title in _ROLES.items():
        before, now = old.get("scans", {}).get(role, {}), new["scans"].get(role, {})
        for name in sorted(before.keys() | now.keys()):
            if name not in before:
                yield f"{title} {name} is new"
            elif name not in now:
                yield f"{title} {name} is gone"
            elif before[name] != now[name]:
                yield f"{title} {name} has changed"
    if list(old.get("initial", [])) != new["initial"]:
        yield "it starts from other weights"
    if old.get("num_classes") != new["num_classes"]:
        yield f"classes were {old.get('num_classes')}, are {new['num_classes']}"


def _changed(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key in sorted(old.keys() | new.keys()):
        before, now = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(now, Mapping):
            yield from _changed(before, now, f"{prefix}{key}.")
        elif before != now:
            yield f"{prefix}{key} was {before}, is {now}"


def _hash_case(case: TrainingCase) -> str:
    digest = hashlib.sha256(repr((case.image.shape, case.geometry.spacing)).encode())
    digest.update(np.ascontiguousarray(case.image, dtype="<f4").data)
    if case.labels is not None:
        digest.update(np.ascontiguousarray(case.labels, dtype="<i4").data)
    return digest.hexdigest()


def _hash_network(network: VNet) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
