from __future__ import annotations

from pathlib import Path

import pytest

from napari_bayesseg.core.errors import CheckpointError, SettingsError, StoreError
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.inference.estimate import RunEstimate
from napari_bayesseg.inference.estimate_prediction import estimate_prediction
from napari_bayesseg.inference.predict import RunHooks, predict
from napari_bayesseg.inference.serial_runner import Cancelled
from napari_bayesseg.io.readers import read_volume

SETTINGS = InferenceSettings.checked(num_samples=3, block_shape=(8, 16, 16))


def test_it_is_what_the_run_says_itself_and_writes_nothing(
    models: dict[str, Path], scan_path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "folder" / "r.zarr"
    spec = read_volume(scan_path).spec
    early = estimate_prediction(spec, models["bcnn"], out, SETTINGS)
    assert list(tmp_path.iterdir()) == []
    told: list[RunEstimate] = []
    predict(
        scan_path,
        models["bcnn"],
        out,
        num_samples=3,
        block_shape=(8, 16, 16),
        hooks=RunHooks(estimated=told.append),
    )
    assert (early.memory_bytes, early.disk_bytes) == (told[0].memory_bytes, told[0].disk_bytes)
    assert early.seconds > 0
    finished = estimate_prediction(spec, models["bcnn"], out, SETTINGS)
    assert (finished.seconds, finished.disk_bytes) == (0, 0)
    again = estimate_prediction(spec, models["bcnn"], out, SETTINGS, overwrite=True)
    assert again.disk_bytes == early.disk_bytes


def test_finished_blocks_are_left_out(
    models: dict[str, Path], scan_path: Path, tmp_path: Path
) -> None:
    out, calls = tmp_path / "r.zarr", []

    def stop() -> bool:
        calls.append(None)
        return len(calls) > 10

    with pytest.raises(Cancelled):
        predict(
            scan_path,
            models["bcnn"],
            out,
            num_samples=3,
            block_shape=(8, 16, 16),
            hooks=RunHooks(should_stop=stop),
        )
    spec = read_volume(scan_path).spec
    part = estimate_prediction(spec, models["bcnn"], out, SETTINGS)
    whole = estimate_prediction(spec, models["bcnn"], tmp_path / "other.zarr", SETTINGS)
    assert 0 < part.disk_bytes < whole.disk_bytes


def test_it_refuses_what_the_prediction_refuses(
    models: dict[str, Path], scan_path: Path, tmp_path: Path
) -> None:
    spec = read_volume(scan_path).spec
    (tmp_path / "thesis").mkdir()
    with pytest.raises(StoreError, match="no result of napari-bayesseg"):
        estimate_prediction(spec, models["bcnn"], tmp_path / "thesis", SETTINGS)
    with pytest.raises(StoreError, match="overlaps"):
        estimate_prediction(spec, models["bcnn"], scan_path, SETTINGS)
    with pytest.raises(CheckpointError):
        estimate_prediction(spec, "absent", tmp_path / "r.zarr", SETTINGS)
    for wrong in ({"roi": "0:99,0:1,0:1"}, {"measures": ("doubt",)}, {"memory": 1}):
        with pytest.raises(SettingsError):
            estimate_prediction(
                spec, models["bcnn"], tmp_path / "r.zarr", InferenceSettings.checked(**wrong)
            )
