"""Rules of the house that no linter holds."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "napari_bayesseg"
LEGACY = "src/napari_bayesseg/networks/foreign/legacy_file.py"
UNSAFE_MODULES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
# Written so that this file doesn't hold what it looks for.
MACHINE_PATHS = "|".join(f"/{folder}/" for folder in ("work", "opt", "root", "home"))

needs_git = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="not a git checkout: nothing says which files are tracked"
)


def unsafe_calls(source: str) -> list[str]:
    """Name what can execute code hidden in a file: pickles, and torch.load which reads them."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
                found += [name for name in modules if name.split(".")[0] in UNSAFE_MODULES]
            case ast.ImportFrom(module=str(module), names=names):
                if module.split(".")[0] in UNSAFE_MODULES:
                    found.append(module)
                if module == "torch" and any(alias.name == "load" for alias in names):
                    found.append("torch.load")
            case ast.Attribute(value=ast.Name(id="torch"), attr="load"):
                found.append("torch.load")
            case ast.keyword(arg="allow_pickle", value=value):
                if not (isinstance(value, ast.Constant) and value.value is False):
                    found.append("allow_pickle")
    return found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pickle", ["pickle"]),
        ("from pickle import loads", ["pickle"]),
        ("from torch import load", ["torch.load"]),
        ("import torch\ntorch.load('x')", ["torch.load"]),
        ("np.load('x', allow_pickle=True)", ["allow_pickle"]),
        ("np.load('x', allow_pickle=False)", []),
        ("from safetensors.torch import load", []),
    ],
)
def test_unsafe_calls_are_recognised(source: str, found: list[str]) -> None:
    assert unsafe_calls(source) == found


def test_nothing_unpickles_but_the_converter_of_legacy_files() -> None:
    offenders = {
        path.relative_to(ROOT).as_posix(): calls
        for path in SOURCE.rglob("*.py")
        if (calls := unsafe_calls(path.read_text(encoding="utf-8")))
    }
    assert offenders == {LEGACY: ["torch.load"]}
    calls = [
        {word.arg: ast.unparse(word.value) for word in node.keywords}
        for node in ast.walk(ast.parse((ROOT / LEGACY).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load"
    ]
    assert [call["weights_only"] for call in calls] == ["True"]


def run_python(code: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


VIEWER = ("PySide6", "PyQt6", "magicgui", "napari", "qtpy", "vispy")


@pytest.mark.parametrize(
    ("module", "kept_out"),
    [("napari_bayesseg", (*VIEWER, "torch")), ("napari_bayesseg.cli.main", VIEWER)],
)
def test_an_import_loads_only_what_it_needs(module: str, kept_out: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print(sorted(set({kept_out}) & set(sys.modules)))"
    assert run_python(code).strip() == "[]"


def test_import_is_fast() -> None:
    """0.3 s of processor time, the best of three: a busy machine is not the package's fault."""
    code = (
        "import time; start = time.process_time(); import napari_bayesseg; "
        "print(time.process_time() - start)"
    )
    assert min(float(run_python(code)) for _ in range(3)) < 0.3


def test_torchvision_is_absent() -> None:
    """With torch 2.13 without CUDA its presence breaks importing torchmetrics and lightning."""
    assert importlib.util.find_spec("torchvision") is None


@pytest.mark.skipif(os.name == "nt", reason="git for Windows writes links as text files")
def test_top_level_manifest_is_a_link_to_the_packages_own() -> None:
    assert (ROOT / "napari.yaml").readlink() == Path("src/napari_bayesseg/napari.yaml")
    assert (ROOT / "napari.yaml").is_file()


@needs_git
def test_no_tracked_file_names_a_folder_of_one_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    offenders = []
    for name in filter(None, listed.stdout.decode().split("\0")):
        path = ROOT / name
        if path.is_file() and not path.is_symlink():
            text = path.read_bytes()
            if b"\0" not in text[:8192] and re.search(MACHINE_PATHS.encode(), text):
                offenders.append(name)
    assert offenders == []
