from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import napari
import pytest
from pytestqt.qtbot import QtBot

from tests.gui.evaluate_window import EvaluateWindow
from tests.gui.review_window import open_review_window
from tests.session.truths import truth_labels


@pytest.fixture
def window(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot, tmp_path: Path
) -> Iterator[EvaluateWindow]:
    """A review of 18 cubes with its truth as a layer; the tab Evaluate is in front."""
    for opened in open_review_window(make_napari_viewer, qtbot, tmp_path):
        window = EvaluateWindow(opened.viewer, opened.widget, opened.qtbot)
        result = window.desk.result
        window.viewer.add_labels(
            truth_labels(result), name="truth", scale=result.geometry.spacing, units=("um",) * 3
        )
        window.bring_to_front()
        window.settle()
        yield window
        vars(window).clear()
