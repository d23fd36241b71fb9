"""A real window: what only napari itself can tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.gui import window
from napari_bayesseg.io.sample_data import ELECTRODE_CT, sample_folder

pytestmark = pytest.mark.viewer


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., napari.Viewer]) -> napari.Viewer:
    return make_napari_viewer(show=True)


def shown_colours(viewer: napari.Viewer) -> int:
    """Count the different pixels on the canvas; a blank one has one."""
    QApplication.processEvents()
    picture = viewer.screenshot(canvas_only=True)
    return len(np.unique(picture.reshape(-1, picture.shape[-1]), axis=0))


def test_the_menus_sample_opens_and_is_drawn(viewer: napari.Viewer) -> None:
    blank = shown_colours(viewer)
    scan, labels = viewer.open_sample("napari-bayesseg", "electrode")
    assert (scan._type_string, labels._type_string) == ("image", "labels")
    assert [str(unit) for unit in scan.units] == ["micrometer"] * 3
    assert viewer.dims.axis_labels == ("z", "y", "x")
    assert shown_colours(viewer) > blank + 20


def test_the_command_lines_window_shows_what_it_was_given(
    viewer: napari.Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = []
    monkeypatch.setattr(napari, "Viewer", lambda title: viewer)
    monkeypatch.setattr(napari, "run", lambda: waited.append(len(viewer.layers)))
    window.show_result(sample_folder() / ELECTRODE_CT)
    assert waited == [1]
    assert viewer.layers[0].name == "electrode_ct"


def test_no_window_opens_for_what_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(napari, "Viewer", pytest.fail)
    with pytest.raises(FormatError, match=r"gone\.tif"):
        window.show_result(tmp_path / "gone.tif")
