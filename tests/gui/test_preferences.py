"""The page in napari's preferences: what the manifest says, and what a change does at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import napari
import pytest
import yaml
from napari._qt.dialogs.preferences_dialog import PreferencesDialog
from napari.settings import get_plugin_settings
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

import napari_bayesseg
from napari_bayesseg.gui import preferences as page
from napari_bayesseg.gui.heat import heat_colours
from napari_bayesseg.gui.preferences import KEYS, PAGES, page_schema
from napari_bayesseg.gui.review.keys.actions import PLUGIN
from napari_bayesseg.gui.review.outlines import CONTOUR, rgba
from napari_bayesseg.gui.review.status_style import PALETTES
from napari_bayesseg.review.labels.edits import BrushReach
from napari_bayesseg.review.status import Status
from napari_bayesseg.session.preferences import HeatColours, PaletteName, Preferences
from tests.gui.review_window import ReviewWindow, open_review_window
from tests.session.places import MEASURE

MANIFEST = Path(napari_bayesseg.__file__).parent / "napari.yaml"


def test_the_manifest_says_what_actions_and_preferences_say() -> None:
    found = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["contributions"]
    wanted = page_schema()
    lines = yaml.safe_dump({"configurations": wanted}, sort_keys=False, allow_unicode=True)
    assert found.get("configurations") == wanted, (
        f"in {MANIFEST.name}, under contributions, this must stand (indented by two):\n{lines}"
    )


def test_every_preference_is_on_the_page_and_names_are_not_naparis() -> None:
    listed = [name for _, names in PAGES.values() for name in names]
    assert sorted(listed) == sorted(Preferences.model_fields)
    special = {*PreferencesDialog.ui_schema, "dask", "highlight"}
    schema = page_schema()
    assert not special & {*schema, *(n for part in schema.values() for n in part["properties"])}


class Settings:
    """napari's settings of a plugin whose file holds something."""

    def __init__(self, path: Path) -> None:
        self.config_path = path


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("colours:\n  heat_colours: rainbow\n", "Heat maps: "),
        ("[1, 2]", "can't be read"),
        ("a: b: c", "can't be read"),
        ("colours: 5\nkeyboard: {}\n", None),
    ],
)
def test_what_is_wrong_in_the_file_is_told(tmp_path: Path, text: str, problem: str | None) -> None:
    path = tmp_path / f"{PLUGIN}.yaml"
    path.write_text(text, encoding="utf-8")
    found = page._file_problems(Settings(path))
    assert [problem in line for line in found] == ([True] if problem else [])


@pytest.fixture
def settings() -> Iterator[object]:
    settings = get_plugin_settings(PLUGIN)
    assert settings.config_path is None, "tests must not write a person's settings"
    yield settings
    settings.reset()


@pytest.fixture
def window(
    make_napari_viewer: Callable[..., napari.Viewer],
    qtbot: QtBot,
    tmp_path: Path,
    settings: object,
) -> Iterator[ReviewWindow]:
    yield from open_review_window(make_napari_viewer, qtbot, tmp_path)


@pytest.mark.viewer
def test_colours_and_sizes_follow_at_once(window: ReviewWindow, settings: SimpleNamespace) -> None:
    settings.colours.heat_colours = "cividis"
    settings.colours.palette = "high contrast"
    settings.colours.text_size = 15
    settings.review.edit_margin = 3
    settings.review.audit_places = 77
    wanted = heat_colours(HeatColours.CIVIDIS)
    for name in window.widget.layers.measures:
        assert window.widget.layers.heat_map(name).colormap.name == wanted["name"]
    regions = window.widget.review_tab.control.canvas.layers.regions
    palette = PALETTES[PaletteName.HIGH_CONTRAST]
    assert regions.colormap.color_dict[1][3] == pytest.approx(palette.faint)
    assert window.viewer.canvas.overlays.text.font_size == 15
    window.desk.editing = True
    editor, region = window.desk.editor, window.desk.current
    editor.choose(replace(editor.options, reach=BrushReach.BOX))
    assert regions.colormap.color_dict[CONTOUR] == pytest.approx(rgba(palette.contour, 1.0))
    for margin in (3, 4):
        settings.review.edit_margin = margin
        box = editor.place.box
        assert box.start == tuple(max(n - margin, 0) for n in region.box.start)
        ends = zip(region.box.stop, window.desk.result.spec.shape, strict=True)
        assert box.stop == tuple(min(n + margin, end) for n, end in ends)
    assert "4 voxels" in window.tab.edit.reach.itemText(1)
    assert window.tab.audits.count.value() == 77


@pytest.mark.viewer
def test_keys_buttons_and_texts_follow(window: ReviewWindow, settings: SimpleNamespace) -> None:
    tab, keyboard = window.tab, getattr(settings, KEYS)
    first = window.desk.current.id
    keyboard.accept = "K"  # on the way to a swap: told only where it stays so
    keyboard.reject = "J"
    keyboard.edit = "Y"
    window.wait(lambda: window.widget.preferences.keys["accept"] == "K")
    assert tab.decisions.buttons["accept"].text() == "Accept (K)"
    assert tab.messages.message.text() == ""
    window.press(Qt.Key.Key_K)
    assert window.desk.statuses[first] is Status.ACCEPTED
    window.press(Qt.Key.Key_Y)
    assert window.desk.editing
    assert "Y to finish" in window.text
    window.press(Qt.Key.Key_W)  # napari's, or nobody's, again
    assert window.desk.editing
    window.press(Qt.Key.Key_Y)
    tab.control.show_keys()
    assert "<b>K</b>" not in tab.control._cheat_sheet.text.toPlainText()
    assert "K" in tab.control._cheat_sheet.text.toPlainText().split("Accept this region")[0]
    tab.control._cheat_sheet.close()
    settings.keyboard.fill_region = "F8"
    settings.keyboard.apply_contour = "F9"
    window.wait(lambda: window.widget.preferences.keys["apply_contour"] == "F9")
    fill = tab.edit.buttons["fill_region"]
    assert fill.toolTip().endswith("Key: F8")
    window.press(Qt.Key.Key_Y)  # while the brush is out, other keys are bound at once
    settings.keyboard.fill_region = "F6"
    window.wait(lambda: fill.toolTip().endswith("Key: F6"))
    assert tab.audits.buttons["agree"].text() == "Agree (K)"
    window.desk.editor.choose(replace(window.desk.editor.options, label=1))
    before = len(window.desk.review.history.applied)
    window.press(Qt.Key.Key_F6)
    assert len(window.desk.review.history.applied) == before + 1
    window.press(Qt.Key.Key_Y)
    settings.keyboard.defer = "K"
    window.wait(lambda: "K is that of" in tab.messages.message.text())
    assert window.widget.preferences.keys["defer"] == "U"


@pytest.mark.viewer
def test_after_a_decision_one_may_stay(window: ReviewWindow, settings: SimpleNamespace) -> None:
    settings.review.goes_on = False
    first = window.desk.current.id
    window.press(Qt.Key.Key_J)
    assert window.desk.statuses[first] is Status.ACCEPTED
    assert window.desk.current.id == first


@pytest.mark.viewer
def test_a_file_that_can_not_be_written_does_no_harm(
    window: ReviewWindow, settings: SimpleNamespace, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    settings.config_path = blocked / "below" / f"{PLUGIN}.yaml"
    try:
        window.widget.preferences.choose("heat_colours", "magma")
    finally:
        settings.config_path = None
    wanted = heat_colours(HeatColours.MAGMA)["name"]
    assert window.widget.layers.heat_map(MEASURE).colormap.name == wanted
    assert "can't be saved" in window.tab.messages.message.text()
    assert blocked.is_file()


@pytest.mark.viewer
def test_the_page_opens_and_shows_every_field(window: ReviewWindow, qtbot: QtBot) -> None:
    dialog = PreferencesDialog(window.viewer.window._qt_window)
    qtbot.addWidget(dialog)
    names = [dialog._list.item(row).text() for row in range(dialog._list.count())]
    dialog._list.setCurrentRow(names.index("BayesSeg"))
    form = dialog._stack.currentWidget()
    parts = page_schema().values()
    titles = {field["title"] for part in parts for field in part["properties"].values()}
    assert titles <= {label.text() for label in form.findChildren(QLabel)}
    dialog.close()
