"""An unfinished training on the disk, from which the same command goes on.

Beside the model folder ``OUT`` there is ``OUT.training`` while the training isn't finished::

    training.json           what is trained: settings, and a hash of every scan
    state.safetensors       all that the next step depends on
    network-000.safetensors finished networks of the result
    lock                    held by the process that trains

``state.safetensors`` is replaced in one step, its numbers in its header: tensors and numbers
can't be of two different steps.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors
from torch import Tensor

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.io.atomic import replace_atomically, write_bytes_atomically
from napari_bayesseg.io.lock import exclusive_lock
from napari_bayesseg.training.identity import TrainingIdentity

__all__ = ["SavedState", "state_folder"]

_IDENTITY, _STATE, _NUMBERS = "training.json", "state.safetensors", "numbers"


def state_folder(out: Path) -> Path:
    """Return where the unfinished training of a model folder is kept."""
    return out.with_name(f"{out.name}.training")


class SavedState:
    """The folder of an unfinished training; open it with :meth:`opened`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    @contextmanager
    def opened(
        cls, folder: Path, identity: TrainingIdentity, *, overwrite: bool
    ) -> Iterator[SavedState]:
        """Make the folder, or take over the one that is there; no other process may meanwhile.

        Parameters
        ----------
        folder : Path
        identity : TrainingIdentity
            Of the training that is to be done.
        overwrite : bool
            Whether the state of another training may be replaced.

        Raises
        ------
        StoreError
            If the folder is something else, belongs to another training (it says what differs),
            or is in use.
        FormatError
            If the disk refuses.
        """
        state = cls(folder)
        if folder.exists() and not state._is_ours():
            raise StoreError(f"{folder}: exists and holds no training; rename it")
        folder.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(folder / "lock"):
            found = state._identity()
            difference = None if found is None else identity.difference(found)
            if difference is not None:
                if not overwrite:
                    raise StoreError(
                        f"{folder}: holds an unfinished training that differs: {difference}; "
                        "go on with what it was started with, or pass --overwrite to start anew"
                    )
                state._clear()
                found = None
            if found is None:
                content = json.dumps(identity.plain(), indent=1).encode()
                write_bytes_atomically(folder / _IDENTITY, content)
            yield state

    def _is_ours(self) -> bool:
        return self.folder.is_dir() and all(
            path.name in (_IDENTITY, _STATE, "lock")
            or path.name.startswith(("network-", ".napari-bayesseg-"))
            for path in self.folder.iterdir()
        )

    def _identity(self) -> dict[str, Any] | None:
        path = self.folder / _IDENTITY
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            raise StoreError(f"{path}: can't be read ({error}); remove {self.folder}") from None
        return found if isinstance(found, dict) else {}

    def _clear(self) -> None:
        # The identity last: a folder without it is taken for an empty one.
        for path in sorted(self.folder.iterdir(), key=lambda p: p.name == _IDENTITY):
            if path.name != "lock":
                path.unlink()

    def save(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Replace the state.

        Raises
        ------
        FormatError
            If the disk refuses; the state before is intact.
        """
        _write(self.folder / _STATE, tensors, numbers)

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return tensors and numbers of the state; None if none was saved yet.

        Raises
        ------
        StoreError
            If it can't be read.
        """
        return _read(self.folder / _STATE)

    def save_network(self, index: int, tensors: Mapping[str, Tensor]) -> None:
        """Write a finished network of the result.

        Raises
        ------
        FormatError
            If the disk refuses.
        """
        _write(self._network(index), tensors, {})

    def load_network(self, index: int) -> dict[str, Tensor]:
        """Return a finished network.

        Raises
        ------
        StoreError
            If it is missing or can't be read.
        """
        found = _read(self._network(index))
        if found is None:
            raise StoreError(f"{self._network(index)}: is missing; remove {self.folder}")
        return found[0]

    def _network(self, index: int) -> Path:
        return self.folder / f"network-{index:03d}.safetensors"

    @staticmethod
    def remove(folder: Path) -> None:
        """Remove the state of a training that is finished."""
        shutil.rmtree(folder, ignore_errors=True)


def _write(path: Path, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
    plain = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    content = save_tensors(plain, {_NUMBERS: json.dumps(numbers)})
    with replace_atomically(path) as temporary:
        temporary.write_bytes(content)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            numbers = json.loads((file.metadata() or {})[_NUMBERS])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, json.JSONDecodeError) as error:
        raise StoreError(
            f"{path}: can't be read ({error}); remove {path.parent} to start anew"
        ) from None
    return tensors, numbers
