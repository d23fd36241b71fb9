"""Fixtures of the tests of reviews."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.inference.result import Result
from napari_bayesseg.review.review import Review
from tests.review.cases import write_random_result


@pytest.fixture
def result(tmp_path: Path) -> Result:
    return write_random_result(tmp_path / "scan.zarr")


@pytest.fixture
def review(result: Result) -> Iterator[Review]:
    with Review.open(result, user="ada") as opened:
        yield opened


@pytest.fixture
def predicted(result: Result) -> np.ndarray:
    return result.labels[...]
