"""Form widgets for the fields of a settings record: one magicgui widget a field.

Defaults, limits, help and validation are those of the fields. What the fields can't say, a short
label with its unit and whether a field is for the advanced, is said by each form.
"""

from __future__ import annotations

from types import NoneType
from typing import Any, Literal, get_args, get_origin

from magicgui.widgets import CheckBox, ComboBox, LineEdit, SpinBox
from pydantic.fields import FieldInfo
from qtpy.QtWidgets import QSizePolicy

__all__ = [
    "Editor",
    "NumberEditor",
    "NumbersEditor",
    "TextEditor",
    "fill_width",
    "number_text",
    "plain_editor",
    "plain_type",
]

_LARGEST = 2**63  # magicgui compares as floats, which have no 2**63 - 1


class Editor:
    """A widget for one field; by default it holds the field's own values."""

    def __init__(self, widget: Any) -> None:  # magicgui's base class has no `value`
        self.widget = widget

    def get(self) -> Any:
        """Return what the person has chosen; the settings check it."""
        return self.widget.value

    def set(self, value: Any) -> None:
        """Show a value of the field."""
        self.widget.value = value


class TextEditor(Editor):
    """A text; an empty one is nothing."""

    def get(self) -> str | None:
        """Return the text as it stands, None where there is none."""
        return str(self.widget.value).strip() or None

    def set(self, value: str | None) -> None:
        """Show a text."""
        self.widget.value = "" if value is None else value


class NumberEditor(TextEditor):
    """A number or nothing, as text."""

    def set(self, value: Any) -> None:
        """Show a number, so that it is read back to the last bit."""
        self.widget.value = "" if value is None else number_text(value)


class NumbersEditor(TextEditor):
    """Some whole numbers or nothing, as text."""

    def set(self, value: Any) -> None:
        """Show the numbers."""
        self.widget.value = "" if value is None else ", ".join(map(str, value))


class _SplitNumbersEditor(NumbersEditor):
    """Whole numbers for a field that doesn't read text itself."""

    def get(self) -> Any:
        text = super().get()
        return None if text is None else tuple(map(_whole, text.split(",")))


def plain_editor(name: str, field: FieldInfo, empty: str = "") -> Editor:
    """Make the widget of a field from its type, limits, default and description.

    Parameters
    ----------
    name : str
        Of the widget.
    field : FieldInfo
    empty : str
        What is shown in place of nothing.
    """
    kind, default = plain_type(field), field.default
    look: dict[str, Any] = {"name": name, "tooltip": field.description or ""}
    editor: Editor
    if kind is bool:
        editor = Editor(CheckBox(text="", **look))
    elif kind is int and default is not None:
        low, high = _limits(field)
        editor = Editor(SpinBox(min=low, max=high, step=1, **look))
    elif get_origin(kind) is Literal:
        editor = Editor(ComboBox(choices=get_args(kind), **look))
    elif kind in (int, float):
        editor = NumberEditor(LineEdit(**look))
    elif kind is str:
        editor = TextEditor(LineEdit(**look))
    else:
        reads_text = any(hasattr(entry, "func") for entry in field.metadata)
        editor = (NumbersEditor if reads_text else _SplitNumbersEditor)(LineEdit(**look))
    if empty:
        editor.widget.native.setPlaceholderText(empty)
    editor.set(default)
    fill_width(editor)
    return editor


def plain_type(field: FieldInfo) -> Any:
    """Return the type of a field that may also be nothing."""
    kinds = [kind for kind in get_args(field.annotation) if kind is not NoneType]
    if NoneType in get_args(field.annotation) and len(kinds) == 1:
        return kinds[0]
    return field.annotation


def fill_width(editor: Editor) -> None:
    """Let a widget take all of its row."""
    policy = editor.widget.native.sizePolicy()
    policy.setHorizontalPolicy(QSizePolicy.Policy.Expanding)
    editor.widget.native.setSizePolicy(policy)


def number_text(value: float) -> str:
    """Return the shortest text from which a number is read back to the last bit."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _whole(text: str) -> int | str:
    """Read a whole number; what is none is left to the settings to refuse."""
    try:
        return int(text)
    except ValueError:
        return text.strip()


def _limits(field: FieldInfo) -> tuple[int, int]:
    """Return the smallest and largest value of a spin box; the settings refuse the rest."""
    low, high = 0, _LARGEST
    for limit in field.metadata:
        low = getattr(limit, "ge", low)
        high = min(high, getattr(limit, "le", high), getattr(limit, "lt", high))
    return low, high
