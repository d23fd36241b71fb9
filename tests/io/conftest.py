"""Fixtures of the tests of files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


@pytest.fixture
def scan(rng: np.random.Generator) -> NDArray[np.uint16]:
    """A small (Z, Y, X) stack whose axes all differ in length."""
    return rng.integers(0, 60_000, (6, 17, 23), dtype=np.uint16)


@pytest.fixture
def data_folder() -> Path:
    folder = os.environ.get("NAPARI_BAYESSEG_DATA")
    if not folder:
        pytest.skip("NAPARI_BAYESSEG_DATA is not set: no real scans to read")
    return Path(folder)


@pytest.fixture
def hashes():
    """Return a function that hashes every file below a folder."""

    def compute(folder: Path) -> dict[str, str]:
        return {
            str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }

    return compute
