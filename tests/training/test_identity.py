from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import torch

from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training.dataset import TrainingCase
from napari_bayesseg.training.identity import TrainingIdentity
from tests.training.cases import tiny_case, tiny_settings


def identity(
    cases: list[TrainingCase], initial: list[VNet] | None = None, **changes: Any
) -> TrainingIdentity:
    scans = {"training": cases, "held_out": [], "unlabelled": []}
    return TrainingIdentity.of(tiny_settings(**changes), 2, scans, initial or [])


def difference(new: TrainingIdentity, old: TrainingIdentity) -> str | None:
    return new.difference(json.loads(json.dumps(old.plain())))


def test_where_and_how_often_is_no_part_of_it() -> None:
    cases = [tiny_case("a")]
    first = identity(cases)
    assert difference(identity(cases, device="auto", save_every_s=1.0), first) is None
    assert difference(identity(cases, precision="bfloat16"), first) == (
        "precision was float32, is bfloat16"
    )


def test_settings_are_named_with_both_values() -> None:
    cases = [tiny_case("a")]
    found = difference(identity(cases, augmentation={"gain": 0.5}, steps=7), identity(cases))
    assert found == "augmentation.gain was 0.07, is 0.5; steps was 6, is 7"
    many = identity(cases, steps=7, seed=1, batch_size=3, rho_init=-2.0, channels=(4, 4))
    assert str(difference(many, identity(cases))).endswith(" and 2 more")


def test_scans_are_told_by_what_they_hold() -> None:
    case = tiny_case("a")
    first = identity([case, tiny_case("b")])
    assert difference(identity([case, tiny_case("c")]), first) == (
        "training scan b is gone; training scan c is new"
    )
    relabelled = replace(case, labels=1 - case.labels)
    brighter = replace(case, image=case.image + 1e-3)
    for changed in (relabelled, brighter):
        found = difference(identity([changed, tiny_case("b")]), first)
        assert found == "training scan a has changed"


def test_the_network_to_start_from_counts() -> None:
    torch.manual_seed(0)
    networks = [VNet(tiny_settings().network_spec(2)) for _ in range(2)]
    cases = [tiny_case("a")]
    first = identity(cases, networks[:1])
    assert difference(identity(cases, networks[:1]), first) is None
    assert difference(identity(cases, networks[1:]), first) == "it starts from other weights"
    assert difference(identity(cases), first) == "it starts from other weights"


def test_a_record_of_something_else_differs() -> None:
    assert identity([tiny_case("a")]).difference({}) is not None
