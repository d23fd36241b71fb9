"""Preferences from napari's own page: File > Preferences > BayesSeg."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from napari.settings import get_plugin_settings
from qtpy.QtCore import QObject, QTimer, Signal

from napari_bayesseg.gui.review.keys.actions import ACTIONS, PLUGIN
from napari_bayesseg.gui.review.keys.key_choice import choose_keys, default_keys
from napari_bayesseg.session.preferences import Preferences, read_preferences

__all__ = ["PAGES", "PagePreferences", "page_schema", "stored_preferences"]

PAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "colours": ("Colours and text", ("heat_colours", "palette", "text_size")),
    "review": (
        "Review: how it begins and goes on",
        (
            "order",
            "replacement",
            "goes_on",
            "edit_margin",
            "min_volume_voxels",
            "audit_places",
        ),
    ),
}
"""Title and fields of each part of the page; the keys are one more."""
KEYS = "keyboard"
_KEYS_TITLE = "Keys of the review (empty: none)"
_TYPES = {"string": "string", "integer": "integer", "boolean": "boolean"}
_SETTLED_MS = 300


class PagePreferences(QObject):
    """Follows the page; a value or key that can't be used is told, and the former one kept.

    A key is taken over when nothing was typed for a moment: half a key would clash with others.
    """

    changed = Signal(object)
    """The :class:`Preferences`, when they are others."""
    keys_changed = Signal(dict)
    """Key by action id, when one is another."""
    said = Signal(str)
    """One line for the person: what was refused."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = _plugin_settings()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLED_MS)
        self._timer.timeout.connect(self.refresh)
        self.preferences = Preferences()
        self.keys = default_keys()
        self.problems: tuple[str, ...] = ()
        """What can't be used at present, one line each."""
        self.refresh()
        if self._settings is not None:
            self._settings.events.changed.connect(self._on_change)

    def close(self) -> None:
        """Follow the page no more."""
        self._timer.stop()
        if self._settings is not None:
            self._settings.events.changed.disconnect(self._on_change)
            self._settings = None

    def refresh(self) -> None:
        """Read the page now."""
        preferences, wrong = read_preferences(_values(self._settings))
        wrong += _file_problems(self._settings)
        keys, refused = choose_keys(_wanted_keys(self._settings), self.keys)
        fresh = [line for line in (*wrong, *refused) if line not in self.problems]
        self.problems = (*wrong, *refused)
        if preferences != self.preferences:
            self.preferences = preferences
            self.changed.emit(preferences)
        if keys != self.keys:
            self.keys = keys
            self.keys_changed.emit(keys)
        for line in fresh:
            self.said.emit(line)

    def choose(self, name: str, value: object) -> None:
        """Set a preference, as the page does; without napari's settings for this session only."""
        page = next(page for page, (_, fields) in PAGES.items() if name in fields)
        if self._settings is None:
            self.preferences = self.preferences.model_copy(update={name: value})
            self.changed.emit(self.preferences)
            return
        try:
            setattr(getattr(self._settings, page), name, value)
        except OSError as error:  # napari saves at once; the value stands all the same
            self.said.emit(f"the preferences can't be saved ({error.strerror or error})")
        self.refresh()

    def _on_change(self, event: Any) -> None:
        if str(event.key).startswith(f"{KEYS}."):
            self._timer.start()
        elif not self._timer.isActive():
            self.refresh()


def stored_preferences() -> Preferences:
    """Return the preferences as they stand on the page; a wrong value gives way to its default."""
    return read_preferences(_values(_plugin_settings()))[0]


def page_schema() -> dict[str, Any]:
    """Return what the manifest has to say under ``configurations``: one entry a part."""
    schema = Preferences.model_json_schema()
    parts = {}
    for part, (title, names) in PAGES.items():
        fields = {name: _field(schema, name) for name in names}
        parts[part] = {"title": title, "properties": fields}
    keys = {
        action.id: {
            "title": (action.name[0].upper() + action.name[1:]).rstrip("\u2026"),
            "type": "string",
            "default": action.key,
        }
        for action in ACTIONS
    }
    return {**parts, KEYS: {"title": _KEYS_TITLE, "properties": keys}}


def _field(schema: Mapping[str, Any], name: str) -> dict[str, Any]:
    own = schema["properties"][name]
    reference = own.get("$ref", "").rpartition("/")[2]
    kind = schema["$defs"][reference] if reference else own
    limits = {limit: own[limit] for limit in ("minimum", "maximum") if limit in own}
    choices = {"enum": kind["enum"]} if "enum" in kind else {}
    field = Preferences.model_fields[name]
    return {
        "title": field.title,
        "type": _TYPES[kind["type"]],
        "default": own["default"],
        "description": field.description,
        **choices,
        **limits,
    }


def _plugin_settings() -> Any:
    """Return napari's settings of this plugin; None where it doesn't know of it, or can't read."""
    try:
        return get_plugin_settings(PLUGIN)
    except (KeyError, AssertionError, OSError, ValueError):
        # Disabled, used as a library, or the file of some plugin holds something else.
        return None


def _file_problems(settings: Any) -> tuple[str, ...]:
    """Say what of the file napari has put aside without a word in the window."""
    path = getattr(settings, "config_path", None)
    if not path or not Path(path).is_file():
        return ()
    try:
        parts = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    except (OSError, ValueError, yaml.YAMLError):
        parts = None
    if not isinstance(parts, dict):
        return (f"{Path(path).name}: these preferences can't be read; the defaults are used",)
    values: dict[str, object] = {}
    for page, (_, fields) in PAGES.items():
        part = parts.get(page)
        if isinstance(part, dict):
            values |= {name: part[name] for name in fields if name in part}
    return read_preferences(values)[1]


def _values(settings: Any) -> dict[str, object]:
    if settings is None:
        return {}
    parts = [getattr(settings, page).model_dump() for page in PAGES]
    return {name: value for part in parts for name, value in part.items()}


def _wanted_keys(settings: Any) -> dict[str, str]:
    return {} if settings is None else getattr(settings, KEYS).model_dump()
