"""Tiny scans, models, softmax arrays and training sets, and a way to run commands on them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tifffile
from safetensors.numpy import load_file, save_file

from napari_bayesseg.cli.main import main
from napari_bayesseg.inference.predict import predict
from tests.models import write_model

SHAPE = (8, 16, 16)
OME: dict[str, Any] = {"axes": "ZYX"}
for letter, size in (("X", 0.5), ("Y", 0.5), ("Z", 2.0)):
    OME |= {f"PhysicalSize{letter}": size, f"PhysicalSize{letter}Unit": "µm"}
SETTINGS: dict[str, Any] = {
    "channels": [4, 8],
    "patch_shape": [8, 8, 8],
    "steps": 4,
    "validate_every": 2,
    "num_validation": 1,
    "class_names": ["air", "solid"],
}


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process; arguments are turned into text."""

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return call


def snapshot(*folders: Path) -> dict[str, str]:
    """Every file below the folders with its hash, and every folder."""
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            content = path.read_bytes() if path.is_file() else b"folder"
            found[str(path)] = hashlib.sha256(content).hexdigest()
    return found


def write_scan(path: Path, values: np.ndarray, **changes: Any) -> Path:
    tifffile.imwrite(path, values, ome=True, metadata={**OME, **changes})
    return path


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What commands read, by name; no test changes it."""
    root = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(7)
    scan = (rng.gamma(3.0, 200.0, SHAPE) + 500).astype(np.uint16)
    write_scan(root / "scan.ome.tif", scan)
    nan = scan.astype(np.float32)
    nan[2, 3, 4] = np.nan
    write_scan(root / "nan.ome.tif", nan)
    write_scan(root / "constant.ome.tif", np.full(SHAPE, 7, np.uint8))
    write_scan(root / "all_nan.ome.tif", np.full(SHAPE, np.nan, np.float32))
    (root / "holiday").mkdir()
    (root / "holiday" / "readme.txt").write_text("no scan, no model, no result")
    _write_models(root)
    _write_softmax(root, rng)
    _write_training_sets(root, rng)
    (root / "settings.json").write_text(json.dumps(SETTINGS))
    predict(root / "scan.ome.tif", root / "bcnn", root / "result.zarr", num_samples=3)
    return {"root": root, **{path.name.split(".")[0]: path for path in root.iterdir()}}


def _write_models(root: Path) -> None:
    bcnn = write_model(root / "bcnn", channels=(4, 8))
    write_model(root / "mc-dropout", "mc-dropout", channels=(4, 8))
    for name in ("no_card", "no_json", "no_weights", "pickled", "cut", "nan", "other", "unknown"):
        shutil.copytree(bcnn, root / f"model_{name}")
    (root / "model_no_card" / "model.json").unlink()
    (root / "model_no_json" / "model.json").write_text("{half")
    (root / "model_no_weights" / "weights.safetensors").unlink()
    (root / "model_pickled" / "weights.pt").write_bytes(b"\x80\x04.")
    weights = root / "model_cut" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:500])
    weights = root / "model_nan" / "weights.safetensors"
    tensors = load_file(weights)
    tensors["head.bias"][0] = np.nan
    save_file(tensors, weights)
    _edit(root / "model_nan", weights_sha256="")
    _edit(root / "model_other", weights_sha256="0" * 64)
    _edit(root / "model_unknown", method="oracle")
    shutil.copytree(root / "mc-dropout", root / "model_no_dropout")
    card = json.loads((root / "model_no_dropout" / "model.json").read_text())
    _edit(root / "model_no_dropout", network={**card["network"], "dropout_rate": 0.0})


def _edit(model: Path, **changes: Any) -> None:
    card = model / "model.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), **changes}))


def softmax(rng: np.random.Generator, *shape: int) -> np.ndarray:
    values = rng.random(shape, dtype=np.float32) + 0.1
    return values / values.sum(axis=-4, keepdims=True)


def _write_softmax(root: Path, rng: np.random.Generator) -> None:
    np.save(root / "one.npy", softmax(rng, 3, *SHAPE))
    np.save(root / "another.npy", softmax(rng, 3, *SHAPE))
    np.save(root / "members.npy", softmax(rng, 4, 3, *SHAPE))
    np.save(root / "small.npy", softmax(rng, 3, 4, 16, 16))
    np.save(root / "logits.npy", rng.normal(size=(3, *SHAPE)).astype(np.float32))
    late = softmax(rng, 4, 3, *SHAPE)
    late[3, :, 7, 15, 15] = 0.9
    np.save(root / "late.npy", late)
    invalid = softmax(rng, 4, 3, *SHAPE)
    invalid[:, :, 2, 3, 4] = np.nan
    np.save(root / "invalid.npy", invalid)
    np.save(root / "whole.npy", np.ones((3, *SHAPE), np.int32))
    np.save(root / "objects.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    (root / "softmax.docx").write_bytes(b"PK a letter")


def _write_training_sets(root: Path, rng: np.random.Generator) -> None:
    names = ("scans", "labels", "labels_few", "labels_shape", "labels_spacing", "labels_half")
    for name in (*names, "labels_negative"):
        (root / name).mkdir()
    for index in range(3):
        labels = np.zeros(SHAPE, np.uint8)
        labels[:, index : 8 + index] = 1
        values = (labels * 500.0 + rng.normal(500, 50, SHAPE)).astype(np.uint16)
        file = f"s{index}.ome.tif"
        write_scan(root / "scans" / file, values)
        write_scan(root / "labels" / file, labels)
        if index != 1:
            write_scan(root / "labels_few" / file, labels)
        write_scan(root / "labels_shape" / file, labels[:, :, : 16 - index])
        write_scan(root / "labels_spacing" / file, labels, PhysicalSizeX=0.5 + index)
        write_scan(root / "labels_half" / file, labels * np.float32(0.5))
        write_scan(root / "labels_negative" / file, -labels.astype(np.int16))
