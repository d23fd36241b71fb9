from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from napari_bayesseg.evaluation.error_picture import draw_errors
from tests.evaluation.cases import made


def test_wrong_voxels_are_drawn(tmp_path: Path) -> None:
    case = made()
    results = [("one", case.result(tmp_path / "r.zarr")), ("two", case.result(tmp_path / "s.zarr"))]
    z = case.evaluation().worst_slice
    png = draw_errors(results, case.labels(), "mutual_information", z)
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    red = (np.abs(pixels - [255, 77, 46]) < 12).all(axis=2)
    # Two panels, of which the share of red is that of the wrong voxels of the slice.
    rows, columns = np.nonzero(red)
    assert len(np.unique(rows // (pixels.shape[0] // 2))) == 2
    share = case.wrong[z].mean()
    panel = (np.ptp(columns) + 1) ** 2 * 12 / 14
    assert 0.3 * share < red.sum() / 2 / panel < 2 * share
