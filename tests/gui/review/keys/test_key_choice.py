from __future__ import annotations

import pytest

from napari_bayesseg.gui.review.keys.actions import ALL_ACTIONS, get_action
from napari_bayesseg.gui.review.keys.key_choice import (
    choose_keys,
    default_keys,
    key_problem,
    standard_key,
    with_keys,
)

DEFAULTS = default_keys()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("j", "J"),
        (" Ctrl+shift+z ", "Ctrl+Shift+Z"),
        ("F5", "F5"),
        ("?", "?"),
        ("+", "+"),
        ("Ctrl+", None),
        ("Shift", None),
        ("Jx", None),
        ("J, K", None),
        ("\u03b1", None),
    ],
)
def test_keys_are_read_as_people_write_them(text: str, key: str | None) -> None:
    assert standard_key(text) == key


def test_the_defaults_are_the_tables() -> None:
    keys, problems = choose_keys({}, DEFAULTS)
    assert keys == DEFAULTS
    assert problems == ()
    assert with_keys(keys) == ALL_ACTIONS


def test_two_keys_can_change_places() -> None:
    keys, problems = choose_keys({"accept": "K", "reject": "J"}, DEFAULTS)
    assert (keys["accept"], keys["reject"], problems) == ("K", "J", ())
    assert with_keys(keys)[0].button_text == "Accept (K)"


def test_a_key_that_is_taken_is_refused_and_told() -> None:
    keys, (problem,) = choose_keys({"accept": "K"}, DEFAULTS)
    assert keys == DEFAULTS
    assert problem == (
        "Key of 'accept this region': K is that of 'reject this region' already; J is kept"
    )


def test_it_stays_with_the_one_that_has_it_now() -> None:
    moved, _ = choose_keys({"accept": "Y"}, DEFAULTS)
    keys, (problem,) = choose_keys({"accept": "Y", "reject": "Y"}, moved)
    assert (keys["accept"], keys["reject"]) == ("Y", "K")
    assert "'reject this region'" in problem


def test_whoever_lost_its_key_to_another_has_none() -> None:
    """Accept wants the key of undo, and reject has taken accept's own."""
    keys, problems = choose_keys({"accept": "Ctrl+Z", "reject": "J"}, DEFAULTS)
    assert (keys["accept"], keys["reject"], keys["undo"]) == ("", "J", "Ctrl+Z")
    assert "it has no key" in problems[0]


def test_no_key_is_a_choice() -> None:
    keys, problems = choose_keys({"accept": "", "reopen": "Y"}, DEFAULTS)
    assert (keys["accept"], keys["reopen"], problems) == ("", "Y", ())


@pytest.mark.parametrize("text", ["Escape", "Space", "Tab", "Ctrl+Alt", "+"])
def test_what_the_window_needs_is_refused(text: str) -> None:
    assert key_problem(get_action("accept"), text) is not None
    keys, (problem,) = choose_keys({"accept": text}, DEFAULTS)
    assert keys["accept"] == "J"
    assert problem.endswith("J is kept")


def test_answers_of_an_audit_follow_what_they_stand_for() -> None:
    keys, problems = choose_keys({"accept": "Y", "reject": "F7", "previous_region": ""}, DEFAULTS)
    found = {action.id: action.key for action in with_keys(keys)}
    assert (found["agree"], found["disagree"], found["audit_back"]) == ("Y", "F7", "")
    assert (found["stop_audit"], found["finish_edit"], problems) == ("Escape", "Escape", ())


def test_keys_of_editing_clash_with_those_that_always_work() -> None:
    keys, (problem,) = choose_keys({"smooth_region": "J"}, DEFAULTS)
    assert keys == DEFAULTS
    assert problem.endswith("J is that of 'accept this region' already; Shift+S is kept")
    keys, problems = choose_keys({"apply_contour": "Return", "lower_level": "Y"}, DEFAULTS)
    assert (keys["apply_contour"], keys["lower_level"], problems) == ("Enter", "Y", ())


def test_a_key_to_hold_has_no_modifier() -> None:
    assert key_problem(get_action("hide_overlays"), "Ctrl+Q") is not None
    assert key_problem(get_action("hide_overlays"), "Y") is None
    assert key_problem(get_action("accept"), "PgUp") is None
