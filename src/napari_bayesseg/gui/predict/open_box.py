"""Two more ways to something to review: a result on disk, and probabilities made elsewhere."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QLabel, QPushButton, QWidget

from napari_bayesseg.gui.predict.out import ask_result_path
from napari_bayesseg.gui.rows import form_layout, side_by_side

__all__ = ["OpenBox"]

_ARRAYS = "Probabilities (*.npy *.npz *.tif *.tiff *.nii *.nii.gz);;All files (*)"


class OpenBox(QWidget):
    """Asks for the files; what is done with them is decided elsewhere."""

    result_chosen = Signal(object)
    """Path of a result."""
    probabilities_chosen = Signal(object, object)
    """Paths of the arrays, and the path of the result to make of them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.open = QPushButton("Open a result\u2026")
        self.open.setToolTip("Show a finished or unfinished result (*.zarr) and review it")
        self.probabilities = QPushButton("Import probabilities\u2026")
        self.probabilities.setToolTip(
            "Make a result of softmax arrays (C, Z, Y, X) that another program wrote,\n"
            "one file a member of an ensemble; the scan chosen above gives their place"
        )
        self.busy = QLabel("opening the result \u2026")
        layout = form_layout(self)
        layout.addRow(self.busy)
        layout.addRow(side_by_side(self.open, self.probabilities, stretch=(0, 1)))
        self.set_busy(False)
        self.open.clicked.connect(self._ask_result)
        self.probabilities.clicked.connect(self._ask_probabilities)

    def set_busy(self, is_busy: bool) -> None:
        """Accept nothing while something is being opened."""
        self.open.setEnabled(not is_busy)
        self.probabilities.setEnabled(not is_busy)
        self.busy.setVisible(is_busy)

    def _ask_result(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Open a result (a folder *.zarr)")
        if chosen:
            self.result_chosen.emit(Path(chosen))

    def _ask_probabilities(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Import probabilities", "", _ARRAYS)
        if not names:
            return
        first = Path(names[0])
        proposed = first.with_name(f"{first.name.split('.')[0]}_result.zarr")
        out = ask_result_path(self, str(proposed))
        if out is not None:
            self.probabilities_chosen.emit([Path(name) for name in names], out)
