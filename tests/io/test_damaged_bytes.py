"""Small files with bytes changed at random: refused as bad input or read, never a crash."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import BayesSegWarning, FormatError, GeometryError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.io.probabilities import read_probabilities
from napari_bayesseg.io.readers import read_volume

pytest.importorskip("nibabel", reason="NIfTI needs the extra `medical`")
_spec = importlib.util.spec_from_file_location("bad_files", Path(__file__).parent / "bad_files.py")
bad_files = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bad_files)


def npz(folder: Path) -> Path:
    np.savez_compressed(folder / "p.npz", np.zeros((2, 4, 5, 6), np.float32))
    return folder / "p.npz"


def npy(folder: Path) -> Path:
    np.save(folder / "p.npy", np.zeros((2, 4, 5, 6), np.float32))
    return folder / "p.npy"


MAKERS = {
    **{f"tiff_{kind}": lambda folder, kind=kind: bad_files.tiff(folder, kind, bad_files.SCAN[:2])
       for kind in bad_files.TIFF_KINDS},
    "nifti": bad_files.nifti,
    "nifti_gz": lambda folder: bad_files.nifti(folder, packed=True),
    "zarr_v2": bad_files.plain_v2,
    "zarr_v3": bad_files.plain,
    "ome_zarr": bad_files.image,
    "hdf5": bad_files.hdf5,
    "hdf5_gzip": lambda folder: bad_files.hdf5(folder, compression="gzip", chunks=(3, 8, 8)),
    "npz": npz,
    "npy": npy,
}  # fmt: skip


def targets(path: Path) -> list[Path]:
    """Return the files whose bytes are changed: headers, or one chunk."""
    if path.is_file():
        return [path]
    return [file for file in sorted(path.rglob("*")) if file.is_file()][:6]


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Change a few bytes, mostly near either end, where headers are; or cut or double a piece."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        near = min(len(changed), int(rng.choice([64, 400, 2000, 10**9])))
        at = (
            int(rng.integers(near))
            if rng.random() < 0.7
            else len(changed) - 1 - int(rng.integers(near))
        )
        changed[at] = int(rng.choice([0, 1, 127, 128, 255, int(rng.integers(256))]))
    if rng.random() < 0.1:
        at = int(rng.integers(len(changed)))
        changed = changed[:at] + changed[int(rng.integers(at, len(changed))) :]
    return bytes(changed)


@pytest.mark.parametrize(
    "rounds", [25, pytest.param(1000, marks=pytest.mark.long)], ids=["short", "long"]
)
@pytest.mark.parametrize("kind", MAKERS)
def test_damaged_bytes_never_crash_a_reader(tmp_path, caplog, kind, rounds):
    caplog.set_level(logging.CRITICAL, logger="tifffile")
    messages = []
    path = MAKERS[kind](tmp_path)
    contents = {file: file.read_bytes() for file in targets(path)}
    rng = np.random.default_rng(len(kind))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BayesSegWarning)
        for number in range(rounds):
            file = list(contents)[number % len(contents)]
            file.write_bytes(damaged(contents[file], rng))
            try:
                if path.suffix in (".npz", ".npy"):
                    stack = read_probabilities([path])
                    stack.read(0, Roi.whole(stack.shape))
                else:
                    volume = read_volume(path)
                    z, y, x = volume.shape
                    volume.read(Roi((0, 0, 0), (min(z, 8), min(y, 64), min(x, 64))))
            except (FormatError, GeometryError) as error:
                messages.append(str(error))
            finally:
                file.write_bytes(contents[file])
    assert all(message.startswith(path.name) and "\n" not in message for message in messages)
    assert messages
