"""Commands in napari's palette."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import napari
import pytest
from app_model.types import MenuItem
from napari._app_model import get_app_model
from napari._qt.widgets.qt_command_palette import QCommandPalette
from napari.utils.notifications import notification_manager
from pytestqt.qtbot import QtBot

from napari_bayesseg.gui import commands
from napari_bayesseg.gui.commands import find_review_tab
from napari_bayesseg.gui.main_widget import MainWidget
from napari_bayesseg.gui.review.keys.actions import ACTIONS
from napari_bayesseg.review.status import Status
from tests.gui.review_window import ReviewWindow, open_review_window

pytestmark = pytest.mark.viewer


def run(command: str) -> None:
    get_app_model().commands.execute_command(command).result()


@pytest.fixture
def window(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot, tmp_path: Path
) -> Iterator[ReviewWindow]:
    yield from open_review_window(make_napari_viewer, qtbot, tmp_path)


def test_all_of_them_are_in_the_palette(window: ReviewWindow) -> None:
    app = get_app_model()
    items = app.menus.get_menu(app.menus.COMMAND_PALETTE_ID)
    titles = {item.command.title for item in items if isinstance(item, MenuItem)}
    assert {f"{action.command_title} (BayesSeg)" for action in ACTIONS} <= titles
    palette = window.viewer.window._qt_window.findChild(QCommandPalette)
    listed = {command.id for command in palette._list.all_commands}
    assert {action.command for action in ACTIONS} <= listed


def test_a_command_does_what_its_key_does(window: ReviewWindow) -> None:
    run("napari-bayesseg.accept")
    assert window.desk.statuses[1] is Status.ACCEPTED
    run("napari-bayesseg.undo")
    assert window.desk.statuses[1] is Status.PENDING
    run("napari-bayesseg.hide_overlays")
    assert not window.reviewed.visible
    run("napari-bayesseg.hide_overlays")
    assert window.reviewed.visible
    run("napari-bayesseg.edit")
    assert window.desk.editing


def test_a_hidden_dock_is_shown(window: ReviewWindow) -> None:
    dock = window.widget.parentWidget()
    dock.hide()
    run("napari-bayesseg.next_region")
    assert dock.isVisible()
    docked = window.viewer.window.dock_widgets.values()
    assert [type(widget) for widget in docked].count(MainWidget) == 1


def test_without_a_review_the_dock_opens_and_says_so(
    make_napari_viewer: Callable[..., napari.Viewer],
) -> None:
    viewer = make_napari_viewer(show=True)
    notification_manager.records.clear()
    run("napari-bayesseg.accept")
    (widget,) = [
        widget for widget in viewer.window.dock_widgets.values() if isinstance(widget, MainWidget)
    ]
    assert "No review is open" in notification_manager.records[-1].message
    assert find_review_tab(viewer) is widget.review_tab
    widget.close_session()


def test_without_a_viewer_nothing_happens() -> None:
    commands.accept()
