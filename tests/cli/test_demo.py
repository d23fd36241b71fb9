from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from napari_bayesseg.cli import demo
from napari_bayesseg.inference.result import load_result
from tests.cli.conftest import Run, snapshot


@pytest.fixture
def small(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The demo with tiny models on a tiny scan; returns what would be shown in the viewer."""
    shown: list[Path] = []
    monkeypatch.setattr(demo, "_MODEL", str(places["bcnn"]))
    monkeypatch.setattr(demo, "_TWIN", str(places["mc-dropout"]))
    monkeypatch.setattr(demo, "sample_folder", lambda: places["root"])
    monkeypatch.setattr(demo, "ELECTRODE_CT", "scan.ome.tif")
    monkeypatch.setattr(demo, "can_show", lambda: True)
    monkeypatch.setattr(demo, "show", shown.append)
    return shown


def test_the_demo_leaves_result_mask_table_and_pictures(
    run: Run, small: list[Path], places: dict[str, Path], tmp_path: Path
) -> None:
    out, before = tmp_path / "demo", snapshot(places["root"])
    code, text, err = run("demo", "--out", out, "--no-viewer", "--json")
    assert code == 0, err
    entry = json.loads(text)
    assert "regions above" in entry["summary"]
    files = {Path(file).name for file in entry["files"]}
    assert {path.name for path in out.iterdir()} == files
    assert {"result.zarr", "mask.ome.tif", "regions.csv", "regions.png"} <= files
    assert sum(name.startswith("slice_") for name in files) == 3
    for path in out.glob("*.png"):
        with Image.open(path) as picture:
            assert min(picture.size) > 100
    assert load_result(out / "result.zarr").is_complete
    assert small == []
    # Again: nothing is computed, the files are written anew, and the viewer opens.
    code, text, err = run("demo", "--out", out)
    assert code == 0
    assert "of memory" not in err
    assert str(out / "regions.csv") in text.splitlines()
    assert small == [out / "result.zarr"]
    assert snapshot(places["root"]) == before


@pytest.mark.usefixtures("small")
def test_the_demo_replaces_no_files_of_others(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mask.ome.tif").write_text("months of work")
    code, _, err = run("demo", "--out", tmp_path, "--no-viewer", "--overwrite")
    assert code == 2
    assert "something else than the demo" in err
    assert [path.name for path in tmp_path.iterdir()] == ["mask.ome.tif"]
