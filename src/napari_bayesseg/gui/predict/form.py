"""The settings as a form: one magicgui widget a field of :class:`InferenceSettings`.

Defaults, limits, help and validation are those of the fields. What the fields can't say, a short
label with its unit and whether a field is for the advanced, stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    FloatSpinBox,
    LineEdit,
    SpinBox,
    Widget,
)
from pydantic.fields import FieldInfo
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.gui.rows import Fold, add_row, form_layout
from napari_bayesseg.numerics.uncertainty import MEASURES

__all__ = ["COMMAND_LINE_ONLY", "FIELDS", "FormField", "SettingsForm"]

_GB = 10**9
_LARGEST = 2**63  # magicgui compares as floats, which have no 2**63 - 1


@dataclass(frozen=True)
class FormField:
    """How a field of the settings looks.

    Attributes
    ----------
    label : str
        Short, with the unit.
    is_advanced : bool
        Whether it is folded away at first.
    """

    label: str
    is_advanced: bool = False


FIELDS: Mapping[str, FormField] = {
    "num_samples": FormField("Draws"),
    "memory": FormField("Memory (GB)"),
    "device": FormField("Device"),
    "precision": FormField("Precision", is_advanced=True),
    "flips": FormField("Flips (axes)", is_advanced=True),
    "seed": FormField("Seed", is_advanced=True),
    "block_shape": FormField("Block (voxels)", is_advanced=True),
    "percentiles": FormField("Percentiles", is_advanced=True),
    "measures": FormField("Measures", is_advanced=True),
    "store_dtype": FormField("Stored as", is_advanced=True),
    "skip_below": FormField("Skip below (grey)", is_advanced=True),
}
"""In the order of the form. `roi` is missing: where to predict is chosen in the viewer."""

COMMAND_LINE_ONLY = ("skip_outside", "workers", "scheduler")
"""What speaks of files and other machines; whoever works so has a command line."""


class SettingsForm(QWidget):
    """The fields that everybody sets, and folded below them the others."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._editors = {name: _editor(name) for name in FIELDS}
        folded = QWidget()
        rows = {False: form_layout(simple := QWidget()), True: form_layout(folded)}
        for name, editor in self._editors.items():
            add_row(rows[FIELDS[name].is_advanced], FIELDS[name].label, editor.widget.native)
            editor.widget.changed.connect(self._on_changed)
        self.advanced = Fold("Advanced settings", folded)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(simple)
        layout.addWidget(self.advanced)

    def editor(self, name: str) -> Widget:
        """Return the magicgui widget of a field."""
        widget: Widget = self._editors[name].widget
        return widget

    def settings(self, roi: str | None = None) -> InferenceSettings:
        """Return what the form says.

        Parameters
        ----------
        roi : str, optional
            ``"Z0:Z1,Y0:Y1,X0:X1"`` in voxels; default the whole scan.

        Raises
        ------
        SettingsError
            If the values contradict each other or the limits.
        """
        values = {name: editor.get() for name, editor in self._editors.items()}
        return InferenceSettings.checked(roi=roi, **values)

    def set_settings(self, settings: InferenceSettings) -> None:
        """Fill the form; the roi is left out."""
        for name, editor in self._editors.items():
            editor.set(getattr(settings, name))

    def _on_changed(self, _: object) -> None:
        self.changed.emit()


class _Editor:
    """A widget for one field; by default it holds the field's own values."""

    def __init__(self, widget: Any) -> None:  # magicgui's base class has no `value`
        self.widget = widget

    def get(self) -> Any:
        return self.widget.value

    def set(self, value: Any) -> None:
        self.widget.value = value


class _Bytes(_Editor):
    """Bytes, shown in GB."""

    def get(self) -> int:
        return round(float(self.widget.value) * _GB)

    def set(self, value: int) -> None:
        self.widget.value = value / _GB


class _Number(_Editor):
    """A number or nothing, as text."""

    def get(self) -> str | None:
        return str(self.widget.value).strip() or None

    def set(self, value: float | None) -> None:
        self.widget.value = "" if value is None else f"{value:.17g}"


class _Triple(_Editor):
    """Three whole numbers or nothing, as text."""

    def get(self) -> str | None:
        return str(self.widget.value).strip() or None

    def set(self, value: tuple[int, int, int] | None) -> None:
        self.widget.value = "" if value is None else ", ".join(map(str, value))


class _Pair(_Editor):
    """Two numbers, in two boxes."""

    def get(self) -> tuple[float, float]:
        low, high = (box.value for box in self.widget)
        return low, high

    def set(self, value: tuple[float, float]) -> None:
        for box, number in zip(self.widget, value, strict=True):
            box.value = number


class _Names(_Editor):
    """Names to tick; all of them is the same as none said."""

    def get(self) -> tuple[str, ...]:
        ticked = tuple(box.name for box in self.widget if box.value)
        if not ticked:
            raise SettingsError("measures: none is ticked; tick at least one")
        return () if len(ticked) == len(self.widget) else ticked

    def set(self, value: tuple[str, ...]) -> None:
        for box in self.widget:
            box.value = not value or box.name in value


def _editor(name: str) -> _Editor:
    """Make the widget of a field from its type, limits, default and description."""
    field = InferenceSettings.model_fields[name]
    kind = _plain_type(field)
    look: dict[str, Any] = {"name": name, "tooltip": _tooltip(field)}
    editor: _Editor
    if name == "memory":
        editor = _Bytes(FloatSpinBox(min=0.1, max=10_000.0, step=0.5, **look))
    elif name == "measures":
        editor = _Names(_measure_boxes(look))
    elif kind is int:
        low, high = _limits(field)
        editor = _Editor(SpinBox(min=low, max=high, step=1, **look))
    elif get_origin(kind) is Literal:
        editor = _Editor(ComboBox(choices=get_args(kind), **look))
    elif kind == tuple[float, float]:
        editor = _Pair(_number_pair(look))
    elif kind is float:
        editor = _Number(LineEdit(**look))
        editor.widget.native.setPlaceholderText("nothing")
    else:
        editor = _Triple(LineEdit(**look))
        editor.widget.native.setPlaceholderText("automatic, else Z, Y, X")
    editor.set(field.default)
    policy = editor.widget.native.sizePolicy()
    policy.setHorizontalPolicy(QSizePolicy.Policy.Expanding)
    editor.widget.native.setSizePolicy(policy)
    return editor


def _plain_type(field: FieldInfo) -> Any:
    kinds = [kind for kind in get_args(field.annotation) if kind is not NoneType]
    if NoneType in get_args(field.annotation) and len(kinds) == 1:
        return kinds[0]
    return field.annotation


def _limits(field: FieldInfo) -> tuple[int, int]:
    """Return the smallest and largest value of a spin box; the settings refuse the rest."""
    low, high = 0, _LARGEST
    for limit in field.metadata:
        low = getattr(limit, "ge", low)
        high = min(high, getattr(limit, "lt", high))
    return low, high


def _tooltip(field: FieldInfo) -> str:
    return (field.description or "").replace(", e.g. 4GB", "")


def _measure_boxes(look: Mapping[str, Any]) -> Container[CheckBox]:
    boxes = [
        CheckBox(
            name=measure.name,
            text=measure.title,
            tooltip=f"{measure.kind} uncertainty, in {measure.unit}; {measure.reference}",
        )
        for measure in MEASURES.values()
    ]
    container = Container(widgets=boxes, labels=False, **look)
    container.margins = (0, 0, 0, 0)
    return container


def _number_pair(look: Mapping[str, Any]) -> Container[FloatSpinBox]:
    boxes = [
        FloatSpinBox(name=end, min=0.0, max=100.0, step=5.0, tooltip=look["tooltip"])
        for end in ("low", "high")
    ]
    for box in boxes:
        box.native.setDecimals(1)
        box.native.setSuffix(" %")
    container = Container(widgets=boxes, labels=False, layout="horizontal", **look)
    container.margins = (0, 0, 0, 0)
    return container
