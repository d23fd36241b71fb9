"""What a review can be begun from, and what it can leave as files."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from napari_bayesseg.gui.review.buttons import Handler, button_grid, column

__all__ = ["FilesPanel"]

_FILES = (("save_mask", "save_decisions", "begin_from_mask"), ("compare",))


class FilesPanel(QWidget):
    """A button for every file."""

    def __init__(self, begin: Handler, end: Handler) -> None:
        super().__init__()
        files, self.buttons = button_grid(_FILES, begin, end)
        column(self).addWidget(files)
