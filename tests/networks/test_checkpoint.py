from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from napari_bayesseg.core.errors import CheckpointError
from napari_bayesseg.networks.checkpoint import (
    CARD_NAME,
    WEIGHTS_NAME,
    ModelCard,
    load_card,
    load_network,
    load_networks,
    save_model,
)
from tests.models import METHODS, small_network, write_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


def change_card(folder: Path, **changes: object) -> None:
    path = folder / CARD_NAME
    card = json.loads(path.read_text())
    for key, value in changes.items():
        target, *rest = key.split("__")
        if rest:
            card[target][rest[0]] = value
        else:
            card[target] = value
    path.write_text(json.dumps(card))


def load(folder: Path) -> None:
    load_network(folder, load_card(folder))


@pytest.mark.parametrize("method", METHODS)
def test_a_model_survives_being_written_and_read(tmp_path: Path, method: str) -> None:
    network = small_network(method)
    folder = write_model(tmp_path / "model", method)
    card = load_card(folder)
    again = load_network(folder, card)
    assert again.spec == network.spec
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])


def test_the_members_of_an_ensemble_share_a_file_and_keep_their_order(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", "ensemble")
    loaded = load_networks(folder, load_card(folder))
    assert len(loaded) == 3
    for seed, network in enumerate(loaded):
        for name, tensor in small_network("ensemble", seed).state_dict().items():
            assert torch.equal(tensor, network.state_dict()[name])
    with pytest.raises(CheckpointError, match="holds 3 networks; expected one"):
        load_network(folder, load_card(folder))
    with pytest.raises(ValueError, match="3 members; got 1"):
        save_model(folder, load_card(folder), loaded[0])


@pytest.mark.parametrize("members", [2, 4])
def test_another_number_of_members_than_there_are_is_refused(tmp_path: Path, members: int) -> None:
    folder = write_model(tmp_path / "model", "sghmc")
    change_card(folder, members=members)
    with pytest.raises(CheckpointError, match=r"does not fit|larger than"):
        load_networks(folder, load_card(folder))


@pytest.mark.parametrize(
    ("method", "changes", "words"),
    [
        ("ensemble", {"members": 1}, "needs 2 members"),
        ("bcnn", {"members": 2}, "has one network"),
        ("ua-mt", {"network__dropout_rate": 0.0}, "ua-mt needs a network with dropout"),
        ("heteroscedastic", {"network__noise": "none"}, "predicts noise"),
    ],
)
def test_a_card_whose_method_and_network_disagree_is_refused(
    tmp_path: Path, method: str, changes: dict[str, object], words: str
) -> None:
    folder = write_model(tmp_path / "model", method)
    change_card(folder, **changes)
    with pytest.raises(CheckpointError, match=words):
        load_card(folder)


def test_the_card_survives_json(folder: Path) -> None:
    card = load_card(folder)
    assert ModelCard.model_validate_json(card.model_dump_json()) == card


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 2}, "format_version"),
        ({"method": "magic"}, "method"),
        ({"surprise": 1}, "surprise"),
        ({"name": "../../evil"}, "name"),
        ({"class_names": ["only one"]}, "class_names must name 3"),
        ({"method": "mc-dropout"}, "mc-dropout needs a network with dropout"),
        ({"network__network": "os.system"}, "network"),
        ({"network__channels": [4, 8, 4096]}, "channels"),
        ({"network__channels": [4, 8, 16]}, "hash|must have shape|larger"),
        ({"network__channels": [4, 8]}, "unexpected|larger"),
        ({"network__pooling": [1000000, 2, 2]}, "pooling"),
        ({"weights_sha256": "0" * 64}, "differs from the hash"),
        ({"weights_sha256": "not a hash"}, "weights_sha256"),
    ],
)
def test_cards_that_do_not_fit_are_refused(
    folder: Path, changes: dict[str, object], message: str
) -> None:
    change_card(folder, **changes)
    with pytest.raises(CheckpointError, match=message) as caught:
        load(folder)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000, b"null"])
def test_what_is_no_card_is_refused(folder: Path, content: bytes) -> None:
    (folder / CARD_NAME).write_bytes(content)
    with pytest.raises(CheckpointError, match=CARD_NAME):
        load(folder)


@pytest.mark.parametrize("content", [b"", b"junk", b"\xff" * 64, pickle.dumps({"a": 1})])
def test_what_are_no_weights_is_refused(folder: Path, content: bytes) -> None:
    change_card(folder, weights_sha256="")
    (folder / WEIGHTS_NAME).write_bytes(content)
    with pytest.raises(CheckpointError, match=WEIGHTS_NAME):
        load(folder)


def rewrite(folder: Path, **changes: torch.Tensor | None) -> None:
    tensors = load_file(folder / WEIGHTS_NAME)
    for name, tensor in changes.items():
        key = next(k for k in tensors if k.endswith(name))
        if tensor is None:
            del tensors[key]
        else:
            tensors[key] = tensor
    save_file(tensors, folder / WEIGHTS_NAME)
    change_card(folder, weights_sha256="")


def test_missing_weights_are_listed(folder: Path) -> None:
    rewrite(folder, rho=None)
    with pytest.raises(CheckpointError, match=r"missing \['.*rho'\]"):
        load(folder)


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    rewrite(folder, rho=torch.zeros(1))
    with pytest.raises(CheckpointError, match="must have shape"):
        load(folder)


def test_weights_that_are_not_numbers_are_refused(folder: Path) -> None:
    shape = next(t.shape for k, t in load_file(folder / WEIGHTS_NAME).items() if k.endswith("rho"))
    rewrite(folder, rho=torch.full(shape, float("nan")))
    with pytest.raises(CheckpointError, match="NaN"):
        load(folder)


def test_an_oversized_weights_file_is_refused_before_it_is_read(folder: Path) -> None:
    with (folder / WEIGHTS_NAME).open("r+b") as file:
        file.truncate(10**10)
    with pytest.raises(CheckpointError, match="larger than the network"):
        load(folder)


class Canary:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('the pickle was executed')",))


@pytest.mark.parametrize("name", ["weights.pt", "weights.pth", "weights.pkl", "weights.ckpt"])
def test_a_pickle_in_the_folder_is_refused_and_never_run(folder: Path, name: str) -> None:
    (folder / name).write_bytes(pickle.dumps(Canary()))
    with pytest.raises(CheckpointError, match="pickled files can run code"):
        load(folder)


@pytest.mark.parametrize("name", [CARD_NAME, WEIGHTS_NAME])
def test_links_out_of_the_folder_are_refused(folder: Path, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    (folder / name).rename(elsewhere)
    (folder / name).symlink_to(elsewhere)
    with pytest.raises(CheckpointError, match="outside"):
        load(folder)


@pytest.mark.parametrize("name", [CARD_NAME, WEIGHTS_NAME])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=f"{name} is missing"):
        load(folder)


def test_saving_over_a_model_replaces_it(folder: Path) -> None:
    network = small_network(seed=5)
    save_model(folder, load_card(folder), network)
    again = load_network(folder, load_card(folder))
    assert torch.equal(again.head.mean, network.head.mean)
