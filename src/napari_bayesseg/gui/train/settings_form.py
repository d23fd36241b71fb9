"""The settings of a training as a form that follows what suits the scans, until one is touched."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import Widget
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QPushButton, QVBoxLayout, QWidget

from napari_bayesseg.gui.fields import Editor, plain_editor
from napari_bayesseg.gui.rows import Fold, add_row, form_layout, in_column
from napari_bayesseg.gui.train.training_fields import FIELDS, GROUPS, field_of, nested, value_of
from napari_bayesseg.networks.methods import Method
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["TrainingSettingsForm"]


class TrainingSettingsForm(QWidget):
    """The fields that everybody sets, and folded below them the others by group."""

    changed = Signal()
    """The person has chosen something."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._editors: dict[str, Editor] = {}
        self._rows: dict[str, QFormLayout] = {}
        self._touched: set[str] = set()
        self._is_filling = False
        self._method: Method = "bcnn"
        self._groups: dict[str, QWidget] = {}
        self.more = self._build()
        self.reset.clicked.connect(self._on_reset)
        self.set_method(self._method)

    def editor(self, name: str) -> Widget:
        """Return the magicgui widget of a field, by its name in ``training_fields``."""
        widget: Widget = self._editors[name].widget
        return widget

    def chosen(self) -> dict[str, Any]:
        """Return what the person has chosen for the method, in the groups of the settings.

        What stands in a line is not checked; an emptied one is not chosen.
        """
        values = {}
        for name in sorted(self._touched):
            value = self._editors[name].get() if self._counts(name) else None
            if value is not None:
                values[name] = value
        return nested(values)

    def propose(self, settings: TrainingSettings) -> None:
        """Show settings in all fields that the person has not touched."""
        self._is_filling = True
        for name, editor in self._editors.items():
            if name not in self._touched:
                editor.set(value_of(settings, name))
        self._is_filling = False

    def set_method(self, method: Method) -> None:
        """Show the fields that count for a method."""
        self._method = method
        for name, field in FIELDS.items():
            if field.methods:
                row = self._rows[name]
                row.setRowVisible(self._editors[name].widget.native, self._counts(name))

    def show_files(self, is_shown: bool) -> None:
        """Show the fields that speak of files."""
        self._groups["Files"].setVisible(is_shown)

    def _counts(self, name: str) -> bool:
        methods = FIELDS[name].methods
        return not methods or self._method in methods

    def _build(self) -> Fold:
        simple, folded = QWidget(), QWidget()
        inner = QVBoxLayout(folded)
        inner.setContentsMargins(8, 0, 0, 0)
        inner.setSpacing(2)
        layouts = {"": form_layout(simple)}
        for group in GROUPS:
            layouts[group] = form_layout(content := QWidget())
            self._groups[group] = Fold(group, content)
            inner.addWidget(self._groups[group])
        for name, field in FIELDS.items():
            editor = plain_editor(name, field_of(name), field.empty)
            add_row(layouts[field.group], field.label, editor.widget.native)
            editor.widget.changed.connect(lambda _, name=name: self._on_edited(name))
            self._editors[name], self._rows[name] = editor, layouts[field.group]
        self.reset = QPushButton("Take what suits the scans")
        self.reset.setToolTip("Undo what was changed here and above")
        self.reset.setEnabled(False)
        inner.addWidget(self.reset)
        more = Fold("More settings", folded)
        in_column(self, simple, more)
        return more

    def _on_edited(self, name: str) -> None:
        if self._is_filling:
            return
        if self._editors[name].get() is None and FIELDS[name].empty == "":
            self._touched.discard(name)  # an emptied line follows the scans again
        else:
            self._touched.add(name)
        self.reset.setEnabled(bool(self._touched))
        self.changed.emit()

    def _on_reset(self) -> None:
        self._touched.clear()
        self.reset.setEnabled(False)
        self.changed.emit()
