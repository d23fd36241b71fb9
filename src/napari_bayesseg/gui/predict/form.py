"""The settings of a prediction as a form: one magicgui widget a field of `InferenceSettings`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from magicgui.widgets import CheckBox, Container, FloatSpinBox, Widget
from pydantic.fields import FieldInfo
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.gui.fields import Editor, fill_width, plain_editor, plain_type
from napari_bayesseg.gui.rows import Fold, add_row, form_layout, in_column
from napari_bayesseg.numerics.uncertainty import MEASURES

__all__ = ["COMMAND_LINE_ONLY", "FIELDS", "FormField", "SettingsForm"]

_GB = 10**9
_EMPTY = {"skip_below": "nothing", "block_shape": "automatic, else Z, Y, X"}


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
        in_column(self, simple, self.advanced)

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


class _Bytes(Editor):
    """Bytes, shown in GB."""

    def get(self) -> int:
        return round(float(self.widget.value) * _GB)

    def set(self, value: int) -> None:
        self.widget.value = value / _GB


class _Pair(Editor):
    """Two numbers, in two boxes."""

    def get(self) -> tuple[float, float]:
        low, high = (box.value for box in self.widget)
        return low, high

    def set(self, value: tuple[float, float]) -> None:
        for box, number in zip(self.widget, value, strict=True):
            box.value = number


class _Names(Editor):
    """Names to tick; all of them is the same as none said."""

    def get(self) -> tuple[str, ...]:
        ticked = tuple(box.name for box in self.widget if box.value)
        if not ticked:
            raise SettingsError("measures: none is ticked; tick at least one")
        return () if len(ticked) == len(self.widget) else ticked

    def set(self, value: tuple[str, ...]) -> None:
        for box in self.widget:
            box.value = not value or box.name in value


def _editor(name: str) -> Editor:
    """Make the widget of a field."""
    field = InferenceSettings.model_fields[name]
    look: dict[str, Any] = {"name": name, "tooltip": _tooltip(field)}
    editor: Editor
    if name == "memory":
        editor = _Bytes(FloatSpinBox(min=0.1, max=10_000.0, step=0.5, **look))
    elif name == "measures":
        editor = _Names(_measure_boxes(look))
    elif plain_type(field) == tuple[float, float]:
        editor = _Pair(_number_pair(look))
    else:
        return plain_editor(name, field, _EMPTY.get(name, ""))
    editor.set(field.default)
    fill_width(editor)
    return editor


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
