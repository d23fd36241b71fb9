"""The documentation names what there is, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from napari_bayesseg.cli.commands import COMMANDS
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.gui.review.keys.actions import ACTIONS
from napari_bayesseg.numerics.uncertainty import MEASURES

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#]+)(#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = [match[1] for match in LINK.finditer(page.read_text(encoding="utf-8"))]
    missing = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert not missing


def test_every_command_and_setting_is_in_the_reference() -> None:
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert all(f"`{name}" in text for name in COMMANDS)
    options = {name.replace("_", "-") for name in InferenceSettings.model_fields}
    named = set(re.findall(r"`--([a-z-]+)", text))
    assert options - named == {"percentiles"}  # a setting of the Python interface


def test_every_key_is_in_the_reference() -> None:
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert [a.key for a in ACTIONS if a.key and f"| {a.key_text} | {a.name} |" not in text] == []


def test_every_measure_is_explained() -> None:
    text = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in MEASURES)
