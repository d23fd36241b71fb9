"""Which keys the actions have: what the person asked for, as far as no two want the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from qtpy.QtGui import QKeySequence

from napari_bayesseg.gui.review.keys.actions import (
    ACTIONS,
    ALL_ACTIONS,
    ANSWERS,
    FINISH_EDIT,
    Action,
    get_action,
)
from napari_bayesseg.gui.review.keys.shortcuts import is_known

__all__ = ["choose_keys", "default_keys", "key_problem", "standard_key", "with_keys"]

_MODIFIERS = ("Ctrl", "Alt", "Shift", "Meta")
_NOT_ALONE = {"Space", "Tab", "Backtab", "Enter"}


def default_keys() -> dict[str, str]:
    """Return the key of every action by its id; empty where it has none."""
    return {action.id: action.key for action in ACTIONS}


def standard_key(text: str) -> str | None:
    """Return a key as Qt writes it (``"Ctrl+Shift+Z"``), or None where it is none.

    One stroke, with modifiers or without: napari knows no others. Both keys to enter with are one.
    """
    sequence = QKeySequence(text.strip(), QKeySequence.SequenceFormat.PortableText)
    key = sequence.toString(QKeySequence.SequenceFormat.PortableText)
    parts = key.removesuffix("+").split("+")
    if sequence.count() != 1 or not key or not key.isascii() or parts[-1] in _MODIFIERS:
        return None
    return "+".join([*parts[:-1], "Enter"]) if parts[-1] == "Return" else key


def key_problem(action: Action, text: str) -> str | None:
    """Return in one line why a text can't be the key of an action, or None."""
    key = standard_key(text) if text.strip() else ""
    if key is None:
        return (
            f"Key of {_name(action)!r}: must be one key, such as J, F5 or Ctrl+Shift+Z; "
            f"got {text!r}"
        )
    if key in (standard_key(FINISH_EDIT.key), *_NOT_ALONE) and key != action.key:
        return f"Key of {_name(action)!r}: {key} is needed elsewhere in the window"
    if key and key not in default_keys().values() and not is_known(key):
        return f"Key of {_name(action)!r}: napari can't tell {key} from others"
    if action.hold and "+" in key.removesuffix("+"):
        return f"Key of {_name(action)!r}: is held down, and must be a key without {key[:-2]}"
    return None


def choose_keys(
    wanted: Mapping[str, str], present: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Give every action the key that was asked for, where that can be.

    Parameters
    ----------
    wanted : mapping of str to str
        Keys as people write them by action id; empty for none. What is left out has its default.
    present : mapping of str to str
        The keys in use: where two actions want one key, it stays with the one that has it, and the
        other keeps its own.

    Returns
    -------
    keys : dict of str to str
        Of every action, as Qt writes them; no two are the same.
    problems : tuple of str
        One line for each that was refused.
    """
    keys, problems = {}, []
    for action in ACTIONS:
        text = wanted.get(action.id, action.key)
        problem = key_problem(action, text)
        if problem is not None:
            problems.append(f"{problem}; {_kept(present.get(action.id, action.key))}")
        asked = text.strip() if problem is None else present.get(action.id, action.key)
        keys[action.id] = (standard_key(asked) or "") if asked else ""
    refused = _settle(keys, present)
    for name, key in refused.items():
        (holder,) = [other for other in keys if keys[other] == key]
        problems.append(
            f"Key of {_name(get_action(name))!r}: {key} is that of {_name(get_action(holder))!r} "
            f"already; {_kept(keys[name])}"
        )
    return keys, tuple(problems)


def with_keys(keys: Mapping[str, str]) -> tuple[Action, ...]:
    """Return all actions with these keys; an audit's answers follow what they stand for."""
    asked = {**keys, **{ANSWERS[name]: keys[name] for name in ANSWERS if name in keys}}
    return tuple(replace(action, key=asked.get(action.id, action.key)) for action in ALL_ACTIONS)


def _settle(keys: dict[str, str], present: Mapping[str, str]) -> dict[str, str]:
    """Take keys from those that ask for another's until none is asked for twice; say which."""
    refused: dict[str, str] = {}
    while True:
        twice = {key for key, count in Counter(filter(None, keys.values())).items() if count > 1}
        if not twice:
            return refused
        for key in twice:
            rivals = [name for name in keys if keys[name] == key]
            owner = next((name for name in rivals if present.get(name) == key), rivals[0])
            for name in (rival for rival in rivals if rival != owner):
                refused.setdefault(name, key)
                former = present.get(name, "")
                # Its own key may be gone to another action by now: then it has none.
                taken = {keys[other] for other in keys if other != name}
                keys[name] = "" if former in taken else former


def _kept(key: str) -> str:
    return f"{key} is kept" if key else "it has no key"


def _name(action: Action) -> str:
    return action.name.rstrip("\u2026")
