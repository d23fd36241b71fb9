"""Which model predicts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QLabel, QPushButton, QWidget

from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.gui.layers import class_colours
from napari_bayesseg.gui.predict.model_card import ModelCardDialog
from napari_bayesseg.gui.rows import add_row, form_layout, let_shrink, side_by_side
from napari_bayesseg.networks.checkpoint import ModelCard, load_card
from napari_bayesseg.networks.model_folders import list_models, local_models_folder

__all__ = ["ModelBox"]


class ModelBox(QWidget):
    """Chooses one of the shipped and local models, or a model folder."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folders: list[Path] = []
        self._card: ModelCard | None = None
        self._error = ""
        self.choice = QComboBox()
        let_shrink(self.choice)
        self.choice.setToolTip("The model that predicts")
        self.card_button = QPushButton("Card\u2026")
        self.card_button.setToolTip("What the model was trained on, its classes, scores, licence")
        self.folder_button = QPushButton("Folder\u2026")
        self.folder_button.setToolTip(
            f"Add a model from a folder; those in {local_models_folder()} are always offered"
        )
        self.title = QLabel()
        self.title.setWordWrap(True)
        self.legend = QLabel()
        self.legend.setWordWrap(True)
        self.legend.setToolTip("The classes, in the colours of the labels")
        layout = form_layout(self)
        add_row(layout, "Model", side_by_side(self.choice, self.card_button, self.folder_button))
        layout.addRow(self.title)
        layout.addRow(self.legend)
        for name, folder in list_models().items():
            self._append(name, folder)
        self.choice.currentIndexChanged.connect(self._on_choice)
        self.card_button.clicked.connect(self.show_card)
        self.folder_button.clicked.connect(self._ask_folder)
        self._on_choice()

    @property
    def folder(self) -> Path | None:
        """Folder of the chosen model."""
        index = self.choice.currentIndex()
        return self._folders[index] if index >= 0 else None

    @property
    def card(self) -> ModelCard | None:
        """Card of the chosen model; None where there is none or it can't be read."""
        return self._card

    @property
    def error(self) -> str:
        """Why the chosen model can't be used; empty where it can."""
        return self._error

    def add_folder(self, folder: Path) -> None:
        """Offer the model of a folder and choose it; what its card says now counts."""
        if folder not in self._folders:
            self._append(folder.name, folder)
        index = self._folders.index(folder)
        if index == self.choice.currentIndex():
            self._on_choice()  # another model may lie there than before
        self.choice.setCurrentIndex(index)

    def show_card(self) -> None:
        """Open the card of the chosen model."""
        if self._card is not None and self.folder is not None:
            ModelCardDialog(self._card, self.folder, self).show()

    def _append(self, name: str, folder: Path) -> None:
        self._folders.append(folder)
        self.choice.addItem(name)
        self.choice.setItemData(self.choice.count() - 1, str(folder), Qt.ItemDataRole.ToolTipRole)

    def _ask_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Choose a model folder")
        if chosen:
            self.add_folder(Path(chosen))

    def _on_choice(self, _: int = 0) -> None:
        folder, self._card, self._error = self.folder, None, ""
        if folder is None:
            self._error = "no model is installed: add one with Folder\u2026"
        else:
            try:
                self._card = load_card(folder)
            except BayesSegError as error:
                self._error = str(error)
        self.title.setText(self._error or self._described())
        self.legend.setText("" if self._card is None else class_legend(self._card.class_names))
        self.legend.setVisible(self._card is not None)
        self.card_button.setEnabled(self._card is not None)
        self.changed.emit()

    def _described(self) -> str:
        card = self._card
        return "" if card is None else (card.title or card.name)


def class_legend(class_names: Sequence[str]) -> str:
    """Return the names of the classes as HTML, each behind a square in its colour."""
    colours = class_colours(len(class_names))
    entries = [f"\u25a1 {escape(class_names[0])}"]  # class 0 is transparent
    for label, name in enumerate(class_names[1:], start=1):
        entries.append(f"<span style='color: {colours[label]}'>\u25a0</span> {escape(name)}")
    return "&nbsp;&nbsp; ".join(entries)
