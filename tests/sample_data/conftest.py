"""The scripts of `sample_data` are no package: their folder goes on the path."""

import sys
from pathlib import Path

import numpy as np
import pytest

SAMPLE_FOLDER = Path(__file__).resolve().parents[2] / "sample_data"
sys.path.insert(0, str(SAMPLE_FOLDER))

from tomography import Geometry  # noqa: E402


@pytest.fixture
def sample_folder() -> Path:
    return SAMPLE_FOLDER


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240)


@pytest.fixture
def small() -> Geometry:
    return Geometry(depth=16, width=64, num_angles=101)
