"""Tiny training cases and settings, in memory and on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.training.dataset import TrainingCase
from napari_bayesseg.training.settings import TrainingSettings

SPACING = (2.0, 0.5, 0.5)
OME: dict[str, Any] = {"axes": "ZYX"}
for letter, size in zip("ZYX", SPACING, strict=True):
    OME |= {f"PhysicalSize{letter}": size, f"PhysicalSize{letter}Unit": "µm"}


METHODS = ("bcnn", "mc-dropout", "heteroscedastic", "ua-mt", "sghmc", "ensemble")
LABELLED_METHODS = tuple(name for name in METHODS if name != "ua-mt")


def tiny_settings(method: str = "bcnn", **changes: object) -> TrainingSettings:
    values = {
        "method": method,
        "channels": (4, 8),
        "patch_shape": (8, 8, 8),
        "steps": 6,
        "validate_every": 2,
        "num_validation": 1,
        "device": "cpu",
        "num_members": 2,
        "sghmc": {"num_cycles": 1, "burn_in_cycles": 0},
        "mean_teacher": {"num_samples": 2},
        **changes,
    }
    return TrainingSettings.model_validate(values)


def tiny_case(
    name: str = "case",
    shape: tuple[int, int, int] = (8, 12, 12),
    seed: int = 0,
    spacing: tuple[float, float, float] = SPACING,
) -> TrainingCase:
    """A bright slab on dark ground: the grey value alone tells the class."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    labels[:, shape[1] // 3 : 2 * shape[1] // 3] = 1
    image = (2.0 * labels - 0.7 + rng.normal(0, 0.1, shape)).astype(np.float32)
    return TrainingCase(name, image, labels, Geometry.from_spacing(spacing, unit="micrometer"))


def unlabelled_case(name: str = "unlabelled", seed: int = 5) -> TrainingCase:
    return replace(tiny_case(name, seed=seed), labels=None)


def write_pairs(root: Path, count: int = 3, **changes: Any) -> tuple[Path, Path]:
    """Write scans and labels as OME-TIFF; returns both folders."""
    folders = root / "scans", root / "labels"
    for folder in folders:
        folder.mkdir(parents=True)
    for index in range(count):
        case = tiny_case(seed=index, **changes)
        grey = (case.image * 400 + 1000).astype(np.uint16)
        for folder, values in zip(folders, (grey, case.labels.astype(np.uint8)), strict=True):
            tifffile.imwrite(folder / f"s{index}.ome.tif", values, metadata=OME)
    return folders
