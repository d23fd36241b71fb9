from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg import __version__
from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.core.volume import VolumeSpec
from napari_bayesseg.io.provenance import (
    first_difference,
    geometry_of,
    making,
    run_id,
    scan_record,
)


def test_a_run_id_depends_on_content_and_not_on_order() -> None:
    first = run_id({"a": 1, "b": {"c": [1.5, "µ"], "d": None}})
    assert first == run_id({"b": {"d": None, "c": [1.5, "µ"]}, "a": 1})
    assert re.fullmatch("[0-9a-f]{64}", first)
    for other in ({"a": 2, "b": {"c": [1.5, "µ"], "d": None}}, {"a": 1}, {"a": 1, "b": None}):
        assert run_id(other) != first


def test_a_run_id_of_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        run_id({"a": float("nan")})


def test_geometry_survives_the_record_exactly(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    matrix = np.eye(4)
    matrix[:3] = rng.normal(size=(3, 4))
    geometry = Geometry.from_matrix(matrix, "millimeter")
    spec = VolumeSpec((2, 3, 4), "uint16", geometry, "a", tmp_path / "x" / ".." / "a.tif", ("n",))
    record = json.loads(json.dumps(scan_record(spec, "f" * 64)))
    assert geometry_of(record) == geometry
    assert record["path"] == str(tmp_path / "a.tif")
    assert (record["shape"], record["notes"]) == ([2, 3, 4], ["n"])
    assert scan_record(VolumeSpec((1, 1, 1), "uint8", geometry), "")["path"] is None


def test_how_a_result_was_made_is_told() -> None:
    found = making()
    assert found["versions"]["napari-bayesseg"] == __version__
    assert {"torch", "numpy", "numba", "zarr"} <= found["versions"].keys()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", found["created_utc"])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ({"a": 1}, {"a": 1}, None),
        ({"seed": 0}, {"seed": 1}, "seed 0 there, 1 now"),
        ({"s": {"roi": "x"}}, {"s": {"roi": "y"}}, "s roi x there, y now"),
        ({"scan": {"sha256": "1"}}, {"scan": {"sha256": "2"}}, "another scan"),
        ({"m": {"weights_sha256": "1"}}, {"m": {"weights_sha256": "2"}}, "another m weights"),
        ({"scan": {"affine": [1]}}, {"scan": {"affine": [2]}}, "another spacing or orientation"),
        (
            {"scan": {"affine": 1, "sha256": 1}},
            {"scan": {"affine": 2, "sha256": 2}},
            "another scan",
        ),
        ({}, {"new": 1}, "new None there, 1 now"),
        ({"a": {"b": 1}}, {"a": None}, "a {'b': 1} there, None now"),
    ],
)
def test_the_first_difference_is_told_in_words(
    old: dict[str, object], new: dict[str, object], words: str | None
) -> None:
    assert first_difference(old, new) == words
