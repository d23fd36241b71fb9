"""Two folders: scans, and labels of the same file names."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QLineEdit, QPushButton, QWidget

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.gui.rows import add_row, form_layout, side_by_side
from napari_bayesseg.session.training import TrainingFolders

__all__ = ["FolderRows"]


class FolderRows(QWidget):
    """Asks for both folders."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = form_layout(self)
        self.scans = self._row("Scans", "scans (TIFF, OME-Zarr, NIfTI, HDF5)")
        self.labels = self._row("Labels", "labels, with the file names of their scans")
        for caption, edit in (("Scans", self.scans), ("Labels", self.labels)):
            add_row(layout, caption, side_by_side(edit, self._button(edit, caption)))

    def folders(self) -> TrainingFolders:
        """Return both folders.

        Raises
        ------
        SettingsError
            If one is not said.
        """
        for what, edit in (("scans", self.scans), ("labels", self.labels)):
            if not edit.text().strip():
                raise SettingsError(f"no folder of {what} is chosen: press \u2026 beside its line")
        scans, labels = (
            Path(edit.text().strip()).expanduser() for edit in (self.scans, self.labels)
        )
        return TrainingFolders(scans, labels)

    def set_folders(self, scans: Path, labels: Path) -> None:
        """Choose both folders, as if the person had typed them."""
        self.scans.setText(str(scans))
        self.labels.setText(str(labels))

    def _row(self, caption: str, what: str) -> QLineEdit:
        edit = QLineEdit()
        edit.setToolTip(f"Folder of {what}")
        edit.setPlaceholderText(f"folder of {caption.lower()}")
        edit.textChanged.connect(lambda _: self.changed.emit())
        return edit

    def _button(self, edit: QLineEdit, caption: str) -> QPushButton:
        button = QPushButton("\u2026")
        button.setToolTip(f"Choose the folder of {caption.lower()}")
        button.clicked.connect(lambda: self._ask(edit, caption))
        return button

    def _ask(self, edit: QLineEdit, caption: str) -> None:
        chosen = QFileDialog.getExistingDirectory(self, f"Folder of {caption.lower()}", edit.text())
        if chosen:
            edit.setText(chosen)
