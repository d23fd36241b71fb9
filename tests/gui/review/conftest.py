from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import napari
import pytest
from pytestqt.qtbot import QtBot

from tests.gui.review_window import ReviewWindow, open_review_window


@pytest.fixture
def window(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot, tmp_path: Path
) -> Iterator[ReviewWindow]:
    """A review of 18 cubes, in a window."""
    yield from open_review_window(make_napari_viewer, qtbot, tmp_path)
