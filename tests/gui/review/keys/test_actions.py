from __future__ import annotations

from pathlib import Path

import npe2
import pytest
import yaml

import napari_bayesseg
from napari_bayesseg.gui import commands
from napari_bayesseg.gui.review.control import ReviewControl
from napari_bayesseg.gui.review.keys.actions import ACTIONS, FINISH_EDIT, get_action

MANIFEST = Path(napari_bayesseg.__file__).parent / "napari.yaml"


def test_ids_and_keys_are_used_once() -> None:
    keys = [action.key for action in (*ACTIONS, FINISH_EDIT) if action.key]
    assert len(keys) == len(set(keys))
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)
    assert get_action("accept").key == "J"
    with pytest.raises(KeyError):
        get_action("dance")


@pytest.mark.parametrize("action", [*ACTIONS, FINISH_EDIT], ids=lambda action: action.id)
def test_every_action_can_be_carried_out(action: object) -> None:
    assert callable(getattr(ReviewControl, action.id))
    assert not action.hold or callable(getattr(ReviewControl, f"end_{action.id}"))


def test_the_manifest_holds_every_action_and_no_other() -> None:
    listed = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["contributions"]["commands"]
    found = {
        command["id"]: (command["title"], command["python_name"])
        for command in listed
        if command["python_name"].startswith("napari_bayesseg.gui.commands:")
    }
    assert found == {
        action.command: (action.command_title, f"napari_bayesseg.gui.commands:{action.id}")
        for action in ACTIONS
    }
    assert all(callable(getattr(commands, action.id)) for action in ACTIONS)


def test_the_manifest_is_valid() -> None:
    npe2.PluginManifest.from_file(MANIFEST).validate_imports()


def test_a_letter_stands_on_the_button_and_every_key_in_its_tooltip() -> None:
    assert get_action("accept").button_text == "Accept (J)"
    assert get_action("undo").button_text == "Undo"
    assert get_action("undo").button_tooltip.endswith("Key: Ctrl+Z")
    assert get_action("hide_overlays").button_tooltip.endswith("Key: hold Q")
    assert "Key" not in get_action("reopen").button_tooltip
