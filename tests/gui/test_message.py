from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt

from napari_bayesseg.gui.message import MessageLine, WarningBox, for_window

pytestmark = pytest.mark.viewer


def test_a_message_can_be_read_copied_and_taken_away(qtbot: QtBot) -> None:
    line = MessageLine()
    qtbot.addWidget(line)
    assert line.isHidden()
    line.show_message("error", "a.tif: is empty: copy it again")
    assert line.text() == "Error: a.tif: is empty: copy it again"
    assert line.textInteractionFlags() & Qt.TextInteractionFlag.TextSelectableByMouse
    line.clear_message()
    assert line.isHidden()


def test_a_long_path_does_not_widen_the_dock(qtbot: QtBot) -> None:
    line = MessageLine()
    qtbot.addWidget(line)
    line.show_message("note", "/".join(["folder"] * 40))
    assert line.minimumSizeHint().width() < 200
    assert line.heightForWidth(300) > line.heightForWidth(3000)


def test_the_window_does_not_speak_of_the_command_line() -> None:
    said = for_window("r.zarr: exists and is no result of napari-bayesseg; name another --out")
    assert said.endswith("choose another path for the result")
    assert "--" not in for_window("x; name another --out, or pass --overwrite to replace it")


def test_the_warning_lists_what_is_unusual(qtbot: QtBot) -> None:
    box = WarningBox()
    qtbot.addWidget(box)
    assert box.isHidden()
    box.show_lines(("voxels of 1 x 1 x 1 pixel", "grey values reach far"))
    assert box.text.text().startswith("Warning:")
    assert box.text.text().count("\u2022") == 2
    box.set_colour("#ff0000")
    box.show_lines(())
    assert box.isHidden()
