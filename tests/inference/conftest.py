from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.models import METHODS, write_model


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {method: write_model(folder / method, method) for method in METHODS}


@pytest.fixture(scope="session")
def scan_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An odd-sized scan with structure, spacing and unit."""
    rng = np.random.default_rng(7)
    scan = (rng.gamma(3.0, 200.0, (13, 30, 37)) + 500).astype(np.uint16)
    path = tmp_path_factory.mktemp("scans") / "scan.ome.tif"
    tifffile.imwrite(
        path,
        scan,
        metadata={
            "axes": "ZYX",
            "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0,
            "PhysicalSizeXUnit": "\u00b5m", "PhysicalSizeYUnit": "\u00b5m",
            "PhysicalSizeZUnit": "\u00b5m",
        },
    )  # fmt: skip
    return path
