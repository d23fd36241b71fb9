"""What a review can be begun from, and what it can leave as files."""

from __future__ import annotations

from dataclasses import replace

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QSpinBox, QWidget

from napari_bayesseg.gui.review.buttons import Handler, button_grid
from napari_bayesseg.gui.rows import in_column
from napari_bayesseg.review.files.crop_boxes import CropChoice, CropSettings

__all__ = ["FilesPanel"]

_FILES = (
    ("save_mask", "save_decisions", "save_summary"),
    ("save_journal_head", "check_journal"),
)
_CROPS = (("save_crops",),)
_OTHER = (("begin_from_mask", "compare"),)
_LARGEST_MARGIN = 256


class FilesPanel(QWidget):
    """A button for every file.

    Attributes
    ----------
    crops_changed : Signal(object)
        How crops are to be cut, a :class:`CropSettings`.
    """

    crops_changed = Signal(object)

    def __init__(self, begin: Handler, end: Handler) -> None:
        super().__init__()
        files, self.buttons = button_grid(_FILES, begin, end)
        crops, more = button_grid(_CROPS, begin, end)
        other, most = button_grid(_OTHER, begin, end)
        self.buttons |= more | most
        self.choice = QComboBox()
        self.choice.setToolTip(
            "Places that are cut out: rejected and edited ones, or the accepted, too"
        )
        for choice in CropChoice:
            self.choice.addItem(choice.value, choice)
        # It takes what the others leave: a dock is narrow.
        self.choice.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.margin = QSpinBox()
        self.margin.setToolTip("Voxels around each place; crops are at least a training patch")
        self.margin.setRange(0, _LARGEST_MARGIN)
        self.margin.setValue(CropSettings().margin)
        self.margin.setPrefix("margin ")
        self.choice.currentIndexChanged.connect(self._tell)
        self.margin.valueChanged.connect(self._tell)
        row = QHBoxLayout()
        row.setSpacing(3)
        row.addWidget(self.choice, 1)
        row.addWidget(self.margin)
        row.addWidget(crops)
        layout = in_column(self, files, spacing=3)
        layout.addLayout(row)
        layout.addWidget(other)

    def set_writing_crops(self, is_writing: bool) -> None:
        """Let the button stop what it began."""
        button = self.buttons["save_crops"]
        button.setText("Stop" if is_writing else button.action.button_text)

    def set_crops_share(self, share: float) -> None:
        """Say how much of the crops is written."""
        self.buttons["save_crops"].setText(f"Stop ({100 * share:.0f} %)")

    def _tell(self) -> None:
        self.crops_changed.emit(
            replace(
                CropSettings(),
                choice=CropChoice(self.choice.currentData()),
                margin=self.margin.value(),
            )
        )
