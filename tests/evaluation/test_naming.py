from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from napari_bayesseg.evaluation.naming import name_results
from napari_bayesseg.inference.result import Result


def result(path: str, model: str | None, scan: str, sha256: str = "a") -> Result:
    made_by: dict[str, Any] = {"kind": "probabilities"}
    if model is not None:
        made_by = {"kind": "network", "name": model}
    record = {"model": made_by, "scan": {"sha256": sha256}}
    spec = SimpleNamespace(name=scan)
    return cast("Result", SimpleNamespace(path=Path(path), record=record, spec=spec))


CASES = {
    "models on a scan": (
        [result("r1.zarr", "bcnn", "ct"), result("r2.zarr", "dropout", "ct")],
        [("bcnn", "ct"), ("dropout", "ct")],
    ),
    "a model on scans": (
        [result("r1.zarr", "bcnn", "ct1"), result("r2.zarr", "bcnn", "ct2", "b")],
        [("bcnn", "ct1"), ("bcnn", "ct2")],
    ),
    "scans of one name": (
        [
            result("p1/r.zarr", "bcnn", "image", "a"),
            result("p2/r.zarr", "bcnn", "image", "b"),
            result("p2/s.zarr", "dropout", "image", "b"),
        ],
        [("bcnn", "image (1)"), ("bcnn", "image (2)"), ("dropout", "image (2)")],
    ),
    "runs of a model": (
        [
            result("seed1.zarr", "bcnn", "ct"),
            result("seed2.zarr", "bcnn", "ct"),
            result("d.zarr", "dropout", "ct"),
        ],
        [("seed1", "ct"), ("seed2", "ct"), ("dropout", "ct")],
    ),
    "made elsewhere": (
        [result("nnunet.zarr", None, "ct", "x"), result("r.zarr", "bcnn", "ct", "a")],
        [("nnunet", "ct"), ("bcnn", "ct")],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_methods_and_cases_are_named(name: str) -> None:
    results, expected = CASES[name]
    assert name_results(results) == expected


def test_names_that_are_given_are_taken() -> None:
    results, _ = CASES["runs of a model"]
    assert name_results(results, ["a", "b", "b"]) == [("a", "ct"), ("b", "ct"), ("b", "ct")]
