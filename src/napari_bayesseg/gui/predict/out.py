"""Where the result is written to, and what is there already."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFileDialog, QLabel, QLineEdit, QPushButton, QWidget

from napari_bayesseg.gui.predict.target import Target
from napari_bayesseg.gui.rows import add_row, form_layout, side_by_side

__all__ = ["OutBox"]

_SUFFIX = ".zarr"


class OutBox(QWidget):
    """A path that names itself until the person types one."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.path_edit = QLineEdit()
        self.path_edit.setToolTip("Folder that the result is written to, *.zarr")
        self.browse = QPushButton("\u2026")
        self.browse.setToolTip("Choose where the result is written to")
        self.state = QLabel()
        self.state.setWordWrap(True)
        self.replace = QCheckBox("Replace that result")
        self.replace.setToolTip("Delete the other run's result when this one starts")
        layout = form_layout(self)
        add_row(layout, "Result", side_by_side(self.path_edit, self.browse))
        layout.addRow(self.state)
        layout.addRow(self.replace)
        self.is_automatic = True
        self.path_edit.textEdited.connect(self._on_edited)
        self.path_edit.editingFinished.connect(self._on_finished)
        self.browse.clicked.connect(self._ask_path)
        self.replace.toggled.connect(lambda _: self.changed.emit())
        self.show_target(None)

    @property
    def path(self) -> Path | None:
        """The path as it stands; None where there is none."""
        text = self.path_edit.text().strip()
        if not text:
            return None
        path = Path(text).expanduser()
        return path if path.suffix == _SUFFIX else path.with_name(path.name + _SUFFIX)

    @property
    def overwrite(self) -> bool:
        """Whether the person wants another run's result at this place replaced."""
        return self.replace.isChecked() and not self.replace.isHidden()

    def set_path(self, path: Path) -> None:
        """Choose a path, as if the person had typed it."""
        self.path_edit.setText(str(path))
        self._on_edited("")

    def propose(self, path: Path) -> None:
        """Show the path that is taken by itself."""
        if self.is_automatic and self.path_edit.text() != str(path):
            self.path_edit.setText(str(path))
            self.path_edit.setCursorPosition(len(str(path)))
            self.path_edit.setToolTip(str(path))

    def show_target(self, target: Target | None) -> None:
        """Say what lies at the path."""
        message = "" if target is None else target.message
        is_other = target is not None and target.kind == "other"
        self.state.setText(message + (": choose another name, or" if is_other else ""))
        self.state.setVisible(bool(message))
        self.replace.setVisible(is_other)

    def _on_edited(self, _: str) -> None:
        # An emptied line names itself again.
        self.is_automatic = not self.path_edit.text().strip()
        self.replace.setChecked(False)
        self.changed.emit()

    def _on_finished(self) -> None:
        path = self.path
        if path is not None and not self.is_automatic and str(path) != self.path_edit.text():
            self.path_edit.setText(str(path))

    def _ask_path(self) -> None:
        start = "" if self.path is None else str(self.path)
        # Qt's question whether to overwrite would promise what a click on Run doesn't do.
        chosen, _ = QFileDialog.getSaveFileName(
            self,
            "Write the result to",
            start,
            "Results (*.zarr)",
            options=QFileDialog.Option.DontConfirmOverwrite,
        )
        if chosen:
            self.set_path(Path(chosen))
