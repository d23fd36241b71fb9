from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from napari_bayesseg.core.volume import Volume
from napari_bayesseg.evaluation.error_picture import draw_errors, worst_slice
from tests.evaluation.cases import made
from tests.results import GEOMETRY


def test_the_worst_slice_is_the_one_with_the_most_wrong_voxels(tmp_path: Path) -> None:
    case = made()
    result = case.result(tmp_path / "r.zarr")
    expected = int(case.wrong.sum(axis=(1, 2)).argmax())
    assert worst_slice(result, case.labels()) == expected
    truth = case.truth.copy()
    truth[expected] = 9
    labels = Volume.from_array(truth.astype(np.uint8), GEOMETRY)
    others = case.wrong.sum(axis=(1, 2))
    others[expected] = 0
    assert worst_slice(result, labels, ignore_label=9) == int(others.argmax())


def test_wrong_voxels_are_drawn(tmp_path: Path) -> None:
    case = made()
    results = [("one", case.result(tmp_path / "r.zarr")), ("two", case.result(tmp_path / "s.zarr"))]
    z, png = draw_errors(results, case.labels(), "mutual_information")
    assert z == worst_slice(results[0][1], case.labels())
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    red = (np.abs(pixels - [255, 77, 46]) < 12).all(axis=2)
    # Two panels, of which the share of red is that of the wrong voxels of the slice.
    rows, columns = np.nonzero(red)
    assert len(np.unique(rows // (pixels.shape[0] // 2))) == 2
    share = case.wrong[z].mean()
    panel = (np.ptp(columns) + 1) ** 2 * 12 / 14
    assert 0.3 * share < red.sum() / 2 / panel < 2 * share
