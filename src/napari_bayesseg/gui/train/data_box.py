"""What is trained on: layers or folders, and what label 0 means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QLabel, QSizePolicy, QWidget

from napari_bayesseg.gui.rows import add_row, form_layout, in_column
from napari_bayesseg.gui.train.folder_rows import FolderRows
from napari_bayesseg.gui.train.layer_rows import LayerRows
from napari_bayesseg.networks.methods import Method
from napari_bayesseg.session.training import TrainingFolders
from napari_bayesseg.training.pairs import TrainingPair

if TYPE_CHECKING:
    import napari

__all__ = ["DataBox"]

_LAYERS, _FOLDERS = "Layers of this window", "Folders"
_BACKGROUND, _UNLABELLED = "Background", "Not labelled (scribbles)"


class DataBox(QWidget):
    """Chooses scans with their labels.

    Parameters
    ----------
    viewer : napari.Viewer
    parent : QWidget, optional
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.source = QComboBox()
        self.source.addItems([_LAYERS, _FOLDERS])
        self.source.setToolTip("Where the scans and their labels are")
        self.layers = LayerRows(viewer)
        self.folders = FolderRows()
        self.unpainted = QComboBox()
        self.unpainted.addItems([_BACKGROUND, _UNLABELLED])
        self.unpainted.setToolTip(
            "What label 0 says.\n"
            f"{_BACKGROUND}: these voxels are background, class 0.\n"
            f"{_UNLABELLED}: nobody has said what they are, and nothing is learnt from them;\n"
            "label 1 is then class 0, label 2 is class 1, and so on"
        )
        self.found = QLabel()
        self.found.setWordWrap(True)
        for choice in (self.source, self.unpainted):
            choice.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        first, last = QWidget(), QWidget()
        add_row(form_layout(first), "Train on", self.source)
        add_row(form_layout(last), "Unpainted", self.unpainted)
        in_column(self, first, self.layers, self.folders, last, self.found)
        for part in (self.layers, self.folders):
            part.changed.connect(self.changed)
        self.unpainted.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.source.currentIndexChanged.connect(self._on_source)
        self._show_source()

    @property
    def is_from_files(self) -> bool:
        """Whether folders are chosen."""
        return self.source.currentText() == _FOLDERS

    @property
    def is_scribbled(self) -> bool:
        """Whether label 0 says nothing."""
        return self.unpainted.currentText() == _UNLABELLED

    def set_scribbled(self, is_scribbled: bool) -> None:
        """Choose what label 0 says."""
        self.unpainted.setCurrentText(_UNLABELLED if is_scribbled else _BACKGROUND)

    def take_folders(self) -> None:
        """Choose folders."""
        self.source.setCurrentText(_FOLDERS)

    def set_method(self, method: Method) -> None:
        """Allow scans without labels where the method learns from them."""
        self.layers.allow_unlabelled(method == "ua-mt")

    def data(self) -> tuple[TrainingPair, ...] | TrainingFolders:
        """Return what is chosen.

        Raises
        ------
        BayesSegError
            Saying what must be chosen otherwise.
        """
        return self.folders.folders() if self.is_from_files else self.layers.pairs()

    def show_found(self, text: str) -> None:
        """Say what labels there are."""
        self.found.setText(text)
        self.found.setVisible(bool(text))

    def disconnect_viewer(self) -> None:
        """Follow the viewer no more."""
        self.layers.disconnect_viewer()

    def _on_source(self, _: int = 0) -> None:
        self._show_source()
        self.changed.emit()

    def _show_source(self) -> None:
        self.layers.setVisible(not self.is_from_files)
        self.folders.setVisible(self.is_from_files)
