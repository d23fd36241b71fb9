"""What people install: the wheel, the source archive and the editable checkout, without network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import npe2
import pytest

ROOT = Path(__file__).resolve().parents[1]

INSIDE_THE_INSTALLED_WHEEL = """
import json
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

import npe2
import numpy as np

import napari_bayesseg

manager = npe2.PluginManager.instance()
manager.discover()
manifest = manager.get_manifest("napari-bayesseg")
(sample,) = dict(manager.iter_sample_data())["napari-bayesseg"]
layers = sample.open()
models = Path(files("napari_bayesseg")) / "models"
(script,) = {point for point in entry_points(group="console_scripts", name="napari-bayesseg")}
print(json.dumps({
    "package": napari_bayesseg.__file__,
    "version": napari_bayesseg.__version__,
    "manifest": manifest.display_name,
    "layers": [[np.asarray(data).ndim, float(np.ptp(data))] for data, *_ in layers],
    "models": sorted(weights.parent.name for weights in models.glob("*/weights.safetensors")),
    "script": callable(script.load()),
}))
"""


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    finished = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert finished.returncode == 0, f"{finished.stdout}\n{finished.stderr}"
    return finished.stdout


def build(kind: str, source: Path, into: Path) -> Path:
    run(
        *(sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", into, source),
        cwd=into.parent,
    )
    (built,) = into.iterdir()
    return built


def file_list(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return sorted(archive.namelist())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel") / "dist")


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist") / "dist")


def test_wheel_works_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    run(
        *(sys.executable, "-m", "uv", "pip", "install", "--offline", "--no-deps"),
        *("--python", sys.executable, "--target", target, wheel),
        cwd=tmp_path,
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    env = {**os.environ, "PYTHONPATH": str(target)}
    seen = json.loads(run(sys.executable, "-c", INSIDE_THE_INSTALLED_WHEEL, cwd=elsewhere, env=env))
    assert Path(seen["package"]).is_relative_to(target)
    assert seen["version"] == metadata.version("napari-bayesseg")
    assert seen["manifest"] == "BayesSeg"
    assert [dimensions for dimensions, _ in seen["layers"]] == [3, 3]
    assert all(value_range > 0 for _, value_range in seen["layers"])
    assert seen["models"] == sorted(
        card.parent.name for card in ROOT.glob("src/napari_bayesseg/models/*/model.json")
    )
    assert seen["models"]
    assert seen["script"]


def test_wheel_holds_the_package_and_the_sample_alone(wheel: Path) -> None:
    names = file_list(wheel)
    assert {name.split("/")[0] for name in names} == {
        "napari_bayesseg",
        f"napari_bayesseg-{metadata.version('napari-bayesseg')}.dist-info",
    }
    assert [name for name in names if "/sample_data/" in name] == sorted(
        f"napari_bayesseg/sample_data/{path.name}"
        for path in (ROOT / "sample_data").glob("*.ome.tif")
    )
    assert {"napari_bayesseg/napari.yaml", "napari_bayesseg/py.typed"} <= set(names)


def test_sdist_rebuilds_the_same_wheel(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
        (folder,) = {name.split("/")[0] for name in archive.getnames()}
        link = archive.getmember(f"{folder}/napari.yaml")
    assert (link.issym(), link.linkname) == (True, "src/napari_bayesseg/napari.yaml")
    rebuilt = build("wheel", tmp_path / folder, tmp_path / "dist")
    assert file_list(rebuilt) == file_list(wheel)


def test_editable_install_is_found_by_napari() -> None:
    direct_url = metadata.distribution("napari-bayesseg").read_text("direct_url.json")
    assert json.loads(direct_url or "{}")["dir_info"] == {"editable": True}
    manifest = npe2.PluginManifest.from_distribution("napari-bayesseg")
    assert manifest.package_metadata is not None
    assert manifest.package_metadata.version == metadata.version("napari-bayesseg")
