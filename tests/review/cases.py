"""Results and regions with given numbers, and a journal read by other code than the package's."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from pathlib import Path

import numpy as np

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.inference.result import Result
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.regions.region_table import RegionTable
from tests.results import GEOMETRY, write_result

SHAPE = (5, 70, 130)  # 1 x 2 x 3 chunks of the reviewed mask
CLASSES = ("pore", "solid", "binder")
SETTINGS = RegionSettings("mutual_information", 0.2, 0.5)


def write_random_result(
    path: Path,
    seed: int = 0,
    shape=SHAPE,
    classes=CLASSES,
    roi: str | None = None,
    store_dtype: str = "float32",
) -> Result:
    """Labels in rough blobs, so that the three most probable classes vary from place to place."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((len(classes), *(-(-n // 5) for n in shape)))
    fine = coarse.repeat(5, 1).repeat(5, 2).repeat(5, 3)[:, : shape[0], : shape[1], : shape[2]]
    probability = fine + 0.2 * rng.random((len(classes), *shape))
    probability /= probability.sum(0)
    measures = {
        "mutual_information": rng.random(shape) * 0.3,
        "expected_error": 1 - probability.max(0),
    }
    return write_result(
        path, probability, measures, class_names=classes, roi=roi, store_dtype=store_dtype
    )


def blocks(shape=SHAPE, size=(3, 8, 9), step=(5, 14, 16), offset=(1, 2, 3)) -> np.ndarray:
    """Label image of boxes on a grid; every other one has a corner cut off."""
    labels = np.zeros(shape, np.int32)
    found = 0
    for z in range(offset[0], shape[0] - size[0] + 1, step[0]):
        for y in range(offset[1], shape[1] - size[1] + 1, step[1]):
            for x in range(offset[2], shape[2] - size[2] + 1, step[2]):
                found += 1
                labels[z : z + size[0], y : y + size[1], x : x + size[2]] = found
                if found % 2:
                    labels[z, y : y + 2, x : x + 3] = 0
    return labels


def table_of(labels: np.ndarray, maxima: dict[int, float] | None = None) -> RegionTable:
    """A table of the regions of a label image, the numbers made up from their ids."""
    regions = []
    for name in range(1, int(labels.max()) + 1):
        inside = np.argwhere(labels == name)
        box = Roi(tuple(inside.min(0).tolist()), tuple((inside.max(0) + 1).tolist()))
        regions.append(
            Region(
                id=name,
                box=box,
                voxel_count=len(inside),
                volume=len(inside) * GEOMETRY.voxel_volume,
                expected_error_volume=10.0 / name,
                mean=0.3,
                p95=0.4,
                maximum=(maxima or {}).get(name, 0.5),
                position=tuple(inside[len(inside) // 2].tolist()),
                classes=(name % 3,),
                touches_border=False,
            )
        )
    return RegionTable(
        "mutual_information",
        0.2,
        tuple(regions),
        RegionMap.of_labels(labels),
        100.0,
        0.4,
        CLASSES,
        "micrometer",
        "0123456789abcdef" * 4,
    )


def runner_up(result: Result) -> np.ndarray:
    """The second most probable class everywhere, by sorting."""
    order = np.argsort(-result.mean_probability[...], axis=0, kind="stable")
    return order[1].astype(result.labels.dtype)


def naive_replay(journal: Path, base: np.ndarray) -> np.ndarray:
    """The labels that a journal tells, decoded voxel by voxel and not by the package."""
    with sqlite3.connect(f"{journal.absolute().as_uri()}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "SELECT sequence, action, change FROM rows ORDER BY sequence"
        ).fetchall()
    connection.close()
    applied: list[bytes | None] = []
    undone: list[bytes | None] = []
    for _, action, change in rows:
        if action in ("accept", "reject", "defer", "reopen", "edit"):
            applied.append(change)
            undone.clear()
        elif action == "undo":
            undone.append(applied.pop())
        elif action == "redo":
            applied.append(undone.pop())
    labels = base.copy()
    for change in filter(None, applied):
        _, _, code, z, y, x, z1, y1, x1, count = struct.unpack_from("<4sB3s6IQ", change)
        shape = (z1 - z, y1 - y, x1 - x)
        size = shape[0] * shape[1] * shape[2]
        raw = zlib.decompress(change[struct.calcsize("<4sB3s6IQ") :])
        inside = np.unpackbits(np.frombuffer(raw, np.uint8, -(-size // 8)), count=size)
        kind = np.dtype("<" + code.rstrip(b"\0").decode())
        new = np.frombuffer(raw, kind, count, offset=-(-size // 8) + count * kind.itemsize)
        for flat, label in zip(np.flatnonzero(inside).tolist(), new.tolist(), strict=True):
            a, b, c = np.unravel_index(flat, shape)
            labels[z + a, y + b, x + c] = label
    return labels
