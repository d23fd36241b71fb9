from __future__ import annotations

import sys
from pathlib import Path

import pytest

from napari_bayesseg.review.regions import available_memory as module
from napari_bayesseg.review.regions.available_memory import available_memory


def test_this_machine_has_some() -> None:
    found = available_memory()
    assert found is not None
    assert 2**24 < found < 2**50


@pytest.mark.parametrize(
    ("limit", "used", "expected"),
    [("max", "1", 5000 * 1024), ("3000000", "1000000", 2_000_000), ("9000000", "1", 5000 * 1024)],
)
def test_a_containers_limit_counts(tmp_path: Path, monkeypatch, limit, used, expected) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9000 kB\nMemFree: 1 kB\nMemAvailable:    5000 kB\n")
    (tmp_path / "memory.max").write_text(limit + "\n")
    (tmp_path / "memory.current").write_text(used + "\n")
    monkeypatch.setattr(module, "_MEMINFO", meminfo)
    monkeypatch.setattr(module, "_GROUP", tmp_path)
    assert available_memory() == expected


def test_elsewhere_it_is_what_the_machine_has(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(module, "_MEMINFO", tmp_path / "none")
    monkeypatch.setattr(module, "_GROUP", tmp_path / "none")
    pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}
    monkeypatch.setattr(module.os, "sysconf", pages.__getitem__, raising=False)
    assert available_memory() == 4_096_000
