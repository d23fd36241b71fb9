from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.evaluation.comparison import SCORES, by_method, compare
from napari_bayesseg.evaluation.evaluation import Evaluation, class_mean
from napari_bayesseg.numerics.bootstrap import mean_interval
from tests.evaluation.cases import made


@pytest.fixture(scope="module")
def table() -> dict[str, list[Evaluation]]:
    """Two methods on five scans; the second is less sure of the same labels, in another order."""
    shape = (6, 8, 8)
    one, other = [], []
    for seed in range(5):
        settings = {"case": f"scan {seed}", "measure": "predictive_entropy"}
        sharp = made(seed, shape)
        one.append(sharp.evaluation(name="one", **settings))
        soft = dataclasses.replace(made(seed, shape, sharpness=2.0), truth=sharp.truth)
        other.append(soft.evaluation(name="other", **settings))
    return {"one": one, "other": other[::-1]}


def values(evaluations: list[Evaluation], key: str) -> np.ndarray:
    ordered = sorted(evaluations, key=lambda found: found.case)
    return np.array([SCORES[key].of(found) for found in ordered])


def test_means_and_paired_differences_have_their_intervals(
    table: dict[str, list[Evaluation]],
) -> None:
    compared = compare(table)
    assert compared.methods == ("one", "other")
    assert compared.cases == tuple(f"scan {seed}" for seed in range(5))
    for key in SCORES:
        one, other = values(table["one"], key), values(table["other"], key)
        assert compared.means["one"][key] == mean_interval(one)
        (difference,) = [found for found in compared.differences if found.score == key]
        assert (difference.method, difference.reference) == ("other", "one")
        paired = mean_interval((other - one)[: len(one)])
        assert difference.interval.mean == pytest.approx(np.nanmean(other - one), nan_ok=True)
        assert difference.interval.num_cases == paired.num_cases == 5
    same = {found.score: found for found in compared.differences}
    assert same["dice"].interval.mean == 0
    assert not same["dice"].is_clear
    assert same["negative_log_likelihood"].is_clear


def test_it_is_deterministic_by_seed(table: dict[str, list[Evaluation]]) -> None:
    assert compare(table, seed=3) == compare(table, seed=3)
    assert compare(table, seed=3) != compare(table, seed=4)
    assert compare(table, seed=3).as_json()["seed"] == 3


def test_cases_that_only_one_has_are_not_paired(table: dict[str, list[Evaluation]]) -> None:
    fewer = {"one": table["one"], "other": table["other"][:3]}
    compared = compare(fewer)
    assert compared.means["one"]["dice"].num_cases == 5
    assert {found.interval.num_cases for found in compared.differences} == {3}


def test_a_single_case_has_no_interval(table: dict[str, list[Evaluation]]) -> None:
    compared = compare({"one": table["one"][:1]})
    found = compared.means["one"]["dice"]
    assert found.mean == class_mean(table["one"][0].dice)
    assert math.isnan(found.low)
    assert compared.differences == ()


def test_three_methods_are_compared_pair_by_pair(table: dict[str, list[Evaluation]]) -> None:
    third = [dataclasses.replace(found, name="third") for found in table["one"]]
    compared = compare({**table, "third": third})
    pairs = {(found.method, found.reference) for found in compared.differences}
    assert pairs == {("other", "one"), ("third", "one"), ("third", "other")}
    assert all(f.interval.mean == 0 for f in compared.differences if f.method == "third"
               and f.reference == "one")  # fmt: skip


def test_evaluations_are_grouped_by_method(table: dict[str, list[Evaluation]]) -> None:
    mixed = [found for pair in zip(table["other"], table["one"], strict=True) for found in pair]
    assert by_method(mixed) == {"other": table["other"], "one": table["one"]}


def test_refusals(table: dict[str, list[Evaluation]]) -> None:
    with pytest.raises(SettingsError, match="got none"):
        compare({})
    with pytest.raises(SettingsError, match="one has the case scan 0 twice"):
        compare({"one": [table["one"][0]] * 2})
    other = dataclasses.replace(table["other"][0], class_names=("a", "b"))
    with pytest.raises(SettingsError, match="one class names; one on scan 0 has"):
        compare({"one": table["one"], "other": [other]})
