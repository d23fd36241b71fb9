from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.inference.predict import predict
from napari_bayesseg.io.writers import write_volume
from napari_bayesseg.review.files.crop_boxes import CropChoice, CropSettings
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.review import Review
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.desk import ReviewDesk
from tests.session.hearing import Heard
from tests.session.places import MEASURE

TIMEOUT = 60
SETTINGS = CropSettings(CropChoice.DECIDED, margin=1, least_shape=(8, 8, 8))


@pytest.fixture
def predicted(tmp_path: Path, model: Path, open_desk, scan) -> ReviewDesk:
    """A real prediction of a scan in a file."""
    write_volume(tmp_path / "scan.ome.tif", np.asarray(scan.data), scan.spec.geometry)
    result = predict(
        tmp_path / "scan.ome.tif", model, tmp_path / "r.zarr", num_samples=2, device="cpu"
    )
    values = result.read(MEASURE)
    lower = float(np.percentile(values, 95))
    with Review.open(result) as review:
        review.set_settings(RegionSettings(MEASURE, lower, float(values.max())))
    return open_desk(result.path)


def test_crops_are_written_while_the_review_goes_on(
    predicted: ReviewDesk, background: ThreadBackground, tmp_path: Path
) -> None:
    desk, shares, running = predicted, [], []
    desk.crops.progressed.connect(shares.append)
    desk.crops.running_changed.connect(running.append)
    desk.accept()
    heard = Heard(desk)
    desk.crops.write(tmp_path / "out", SETTINGS)
    assert desk.is_busy
    desk.defer()
    assert background.drain(TIMEOUT)
    assert heard["failed"] == []
    assert heard["notice"][0].startswith("out: 1 crop around 1 place written; train with")
    manifest = json.loads((tmp_path / "out" / "crops.json").read_text())
    assert len(manifest["crops"]) == 1
    assert shares == [1.0]
    assert running == [True, False]


def test_nothing_to_cut_and_a_stop_are_told(
    predicted: ReviewDesk, background: ThreadBackground, tmp_path: Path
) -> None:
    heard = Heard(predicted)
    predicted.crops.write(tmp_path / "out", SETTINGS)
    assert background.drain(TIMEOUT)
    assert "no place to cut out" in heard["failed"][0]
    predicted.accept()
    predicted.crops.write(tmp_path / "out", SETTINGS)
    predicted.crops.stop()
    assert background.drain(TIMEOUT)
    assert heard["notice"][-1] == "out: stopped, nothing was written"
    assert not (tmp_path / "out").exists()
