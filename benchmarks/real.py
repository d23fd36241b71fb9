"""Real volumes: that everything runs on them, how long it takes, and that geometry survives."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.data import MODELS, REAL_DATA_VARIABLE, real_data_folder, workspace
from benchmarks.one_run import run_fresh
from benchmarks.predictions import NUM_SAMPLES
from benchmarks.rows import Row, at_least, at_most, skipped
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.inference.import_probabilities import import_probabilities
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.inference.result import load_result
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.io.writers import write_volume

__all__ = ["merged_probabilities", "run"]

_SCANS = {
    "cement, X-ray CT": "xray_ct_unlabelled/cement_128x128x128.tif",
    "battery cell, X-ray CT": "battery_cell_ct/cell_vol_100x364x364_binned2x2.tif",
}
_BODY = "body_ct/example_ct_sm.nii.gz"
_BODY_LABELS = "body_ct/example_seg.nii.gz"
_SPLEEN = "spleen_ct/spleen2_ct_crop.nii.gz"
_NUM_GROUPS = 6
_MEMBERS = ((0.6, 0), (1.0, 1), (1.6, 2))
"""Smoothing in voxels and seed of the noise of each member of the made-up ensemble."""


def run(quick: bool) -> list[Row]:
    """Predict, import and export; quick and full are the same."""
    folder = real_data_folder()
    if folder is None:
        return [skipped(f"{REAL_DATA_VARIABLE} is not set: no real volumes to read")]
    return [*_predictions(folder), *_imported(folder), *_exported(folder)]


def _predictions(folder: Path) -> list[Row]:
    """Predict scans that the model was not made for: time and memory, no truth."""
    rows: list[Row] = []
    for name, file in _SCANS.items():
        out = workspace() / f"{Path(file).stem}.zarr"
        found = run_fresh(
            scan=folder / file, model=MODELS[0], out=out, num_samples=NUM_SAMPLES, device="cpu"
        )
        result = load_result(out)
        size = " x ".join(map(str, result.spec.shape))
        unknown = int(np.isnan(np.asarray(result.measure("mutual_information"))).sum())
        values = (
            ("wall time (s)", found.seconds, None),
            ("first block (s)", found.first_block_seconds, None),
            ("peak memory (GB)", found.peak_bytes / 1e9, at_most(4.0)),
            ("voxels without a prediction", unknown, at_most(0)),
        )
        table = f"{MODELS[0]}, T = {NUM_SAMPLES}"
        rows += [
            Row.of(table, f"{name}, {size}", column, value=value, goal=goal)
            for column, value, goal in values
        ]
    return rows


def merged_probabilities(
    labels: NDArray[np.integer], sigma: float, seed: int
) -> NDArray[np.float32]:
    """Make softmax-like probabilities ``(C, Z, Y, X)`` from a label volume of many classes.

    Parameters
    ----------
    labels : (Z, Y, X) int
        0 is background; the rest is merged into groups of neighbouring labels.
    sigma : float
        Of the Gaussian that smooths each group, in voxels.
    seed : int
        Of the smooth noise that tells one member of the ensemble from another.
    """
    highest = max(int(labels.max()), 1)
    groups = np.where(labels > 0, 1 + (labels.astype(np.int64) - 1) * 5 // highest, 0)
    generator = np.random.default_rng(seed)
    scores = []
    for group in range(_NUM_GROUPS):
        smooth = ndimage.gaussian_filter((groups == group).astype(np.float32), sigma)
        noise = ndimage.gaussian_filter(generator.standard_normal(labels.shape), 2.0)
        scores.append(smooth * np.exp(2.0 * noise) + 1e-4)
    stacked = np.stack(scores)
    merged: NDArray[np.float32] = (stacked / stacked.sum(axis=0)).astype(np.float32)
    return merged


def _imported(folder: Path) -> list[Row]:
    """Import an ensemble of softmax arrays that another program could have written."""
    volume = read_volume(folder / _BODY_LABELS)
    labels = volume.read(Roi.whole(volume.shape))
    members, files = [], []
    for sigma, seed in _MEMBERS:
        members.append(merged_probabilities(labels, sigma, seed))
        files.append(workspace() / f"member-{seed}.npy")
        np.save(files[-1], members[-1])
    out = workspace() / "imported.zarr"
    started = time.perf_counter()
    result = import_probabilities(files, out, scan=folder / _BODY)
    seconds = time.perf_counter() - started
    mean = np.mean(members, axis=0, dtype=np.float64)
    error = float(np.abs(np.asarray(result.mean_probability) - mean).max())
    same = np.array_equal(result.geometry.matrix, read_volume(folder / _BODY).spec.geometry.matrix)
    size = " x ".join(map(str, volume.shape))
    table = f"import-probabilities, {len(files)} members, {_NUM_GROUPS} classes, {size} (CT)"
    return [
        Row.of(table, "wall time (s)", "value", value=seconds),
        Row.of(
            table, "largest error of the mean probability", "value", value=error, goal=at_most(1e-6)
        ),
        Row.of(table, "affine is that of the scan", "value", value=int(same), goal=at_least(1)),
    ]


def _exported(folder: Path) -> list[Row]:
    """Export a prediction as NIfTI and look whether it lies on its source."""
    source = folder / _SPLEEN
    result = predict(source, MODELS[0], workspace() / "spleen.zarr", num_samples=4, device="cpu")
    written = workspace() / "spleen_labels.nii.gz"
    write_volume(written, np.asarray(result.labels), result.geometry, sources=[source])
    before, after = _open_nifti(source), _open_nifti(written)
    error = float(np.abs(before.affine - after.affine).max())
    same = np.array_equal(np.asarray(after.dataobj).T, np.asarray(result.labels))
    table = f"NIfTI exported from a prediction, {' x '.join(map(str, result.spec.shape))} (CT)"
    return [
        Row.of(table, "largest difference of the affines", "value", value=error, goal=at_most(0.0)),
        Row.of(
            table,
            "shape is that of the source",
            "value",
            value=int(before.shape == after.shape),
            goal=at_least(1),
        ),
        Row.of(table, "labels read back are the same", "value", value=int(same), goal=at_least(1)),
    ]


def _open_nifti(path: Path) -> Any:
    """Open a file with the reference library; its stubs know no affine."""
    import nibabel

    return nibabel.load(path)
