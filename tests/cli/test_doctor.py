from __future__ import annotations

import json

import pytest
import torch

from napari_bayesseg import __version__
from napari_bayesseg.cli import doctor
from tests.cli.conftest import Run


def test_what_is_installed_is_told(run: Run) -> None:
    code, out, err = run("doctor")
    assert (code, err) == (0, "")
    assert out.startswith(f"napari-bayesseg {__version__}, Python ")
    for name in ("torch", "zarr", "napari", "devices:", "display", "your own models"):
        assert name in out


def test_what_is_missing_comes_with_the_line_that_mends_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda _: None)
    monkeypatch.setattr(doctor, "qt_binding", lambda: None)
    monkeypatch.setattr(doctor, "has_display", lambda: True)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    remedies = json.loads(run("doctor", "--json").out)["remedies"]
    text = "\n".join(remedies)
    for extra in ("medical", "train", "gui"):
        assert f'pip install "napari-bayesseg[{extra}]"' in text
    assert "nvidia-smi" in text
    assert len(remedies) == 4
    monkeypatch.setattr(doctor, "_remedies", list)
    assert run("doctor").out.endswith("nothing is missing\n")


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setattr(doctor, "_LIBRARIES", ("numpy", "no-such-library"))
    assert "no-such-library missing" in run("doctor").out
