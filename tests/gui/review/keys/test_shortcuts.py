from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.key_bindings import KeymapHandler

from napari_bayesseg.gui.review.keys.actions import ACTIONS, Action, get_action
from napari_bayesseg.gui.review.keys.key_choice import choose_keys, default_keys, with_keys
from napari_bayesseg.gui.review.keys.shortcuts import CanvasKeys, ModeKeys, napari_key


class Heard:
    """Who began and who ended."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []

    def begin(self, action: Action) -> None:
        self.begun.append(action.id)

    def end(self, action: Action) -> None:
        self.ended.append(action.id)


@pytest.fixture
def viewer() -> ViewerModel:
    viewer = ViewerModel()
    viewer.add_labels(np.zeros((4, 4), np.uint8))
    return viewer


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def keys(viewer: ViewerModel, heard: Heard) -> Iterator[CanvasKeys]:
    keys = CanvasKeys(viewer, ACTIONS, heard.begin, heard.end)
    yield keys
    keys.close()


def keyboard(*providers: object) -> KeymapHandler:
    handler = KeymapHandler()
    handler.keymap_providers = list(providers)
    return handler


def test_keys_are_written_as_napari_writes_them() -> None:
    assert napari_key("Ctrl+Shift+Z") == "Control-Shift-Z"
    assert napari_key("J") == "J"
    assert napari_key("Shift+PgUp") == "Shift-PageUp"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_layers_own_keys_give_way(
    keys: CanvasKeys, viewer: ViewerModel, heard: Heard, when: str
) -> None:
    layer = viewer.layers[0] if when == "before" else viewer.add_labels(np.zeros((4, 4), np.uint8))
    board = keyboard(layer, viewer)
    for key in ("J", "Control-Z", "Control-Shift-Z"):
        assert board.press_key(key)
    keyboard(viewer).press_key("N")
    assert heard.begun == ["accept", "undo", "redo", "next_region"]


def test_every_letter_is_free_in_naparis_own_maps() -> None:
    """Layers of all kinds and the viewer leave them alone, whatever they bind later."""
    from napari.utils.shortcuts import default_shortcuts

    taken = {str(key) for keys in default_shortcuts.values() for key in keys}
    assert not taken & {action.key for action in ACTIONS if len(action.key) == 1}


def test_a_key_to_hold_ends_when_it_comes_up(
    keys: CanvasKeys, viewer: ViewerModel, heard: Heard
) -> None:
    board = keyboard(viewer.layers[0], viewer)
    board.press_key("Q")
    assert (heard.begun, heard.ended) == (["hide_overlays"], [])
    board.release_key("Q")
    assert heard.ended == ["hide_overlays"]


def test_what_was_bound_before_comes_back(viewer: ViewerModel, heard: Heard) -> None:
    layer: Labels = viewer.layers[0]
    said: list[str] = []

    def theirs(_: object) -> None:
        said.append("theirs")

    layer.bind_key("J", theirs)
    viewer.bind_key("Control-Z", theirs)
    keys = CanvasKeys(viewer, (get_action("accept"), get_action("undo")), heard.begin, heard.end)
    assert (len(layer.keymap), len(viewer.keymap)) == (2, 2)
    keys.close()
    assert len(layer.keymap) == len(viewer.keymap) == 1
    keyboard(layer, viewer).press_key("J")
    keyboard(viewer).press_key("Control-Z")
    assert said == ["theirs", "theirs"]
    assert heard.begun == []
    viewer.add_labels(np.zeros((4, 4), np.uint8))
    assert len(viewer.layers[-1].keymap) == 0


def test_a_layer_that_was_removed_is_let_go(keys: CanvasKeys, viewer: ViewerModel) -> None:
    layer = viewer.layers[0]
    viewer.layers.remove(layer)
    assert len(layer.keymap) == 0


def test_keys_of_a_mode_work_only_in_it_also_when_they_change(
    viewer: ViewerModel, heard: Heard
) -> None:
    layer = viewer.layers[0]
    own: list[str] = []
    layer.bind_key("Shift-S", lambda _: own.append("layer"))
    keys = ModeKeys(viewer, heard.begin, heard.end)
    board = keyboard(layer, viewer)
    board.press_key("Shift-S")
    keys.set_active("editing", True)
    board.press_key("Shift-S")
    # What always works gets a key that a mode has, and the other way round.
    wanted, problems = choose_keys({"accept": "Shift+S", "smooth_region": "J"}, default_keys())
    assert problems == ()
    keys.set_actions(with_keys(wanted))
    assert keys.key_of("agree") == "Shift+S"
    for key in ("Shift-S", "J", "Escape"):
        board.press_key(key)
    keys.set_active("editing", False)
    board.press_key("Shift-S")
    board.press_key("J")
    keys.set_actions(with_keys(default_keys()))
    board.press_key("J")
    keys.close()
    board.press_key("Shift-S")
    assert heard.begun == [
        "smooth_region",
        "accept",
        "smooth_region",
        "finish_edit",
        "accept",
        "accept",
    ]
    assert own == ["layer", "layer"]
