"""Where the result is written to, and what is there already."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QLineEdit, QPushButton, QWidget

from napari_bayesseg.gui.place_box import PlaceBox
from napari_bayesseg.gui.predict.target import Target
from napari_bayesseg.gui.rows import side_by_side

__all__ = ["OutBox", "ask_result_path"]

_SUFFIX = ".zarr"


class OutBox(PlaceBox):
    """A path that names itself until the person types one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self.path_edit = QLineEdit()
        self.path_edit.setToolTip("Folder that the result is written to, *.zarr")
        self.browse = QPushButton("\u2026")
        self.browse.setToolTip("Choose where the result is written to")
        super().__init__(
            "Result", self.path_edit, side_by_side(self.path_edit, self.browse), parent
        )
        self.replace.setText("Replace that result")
        self.replace.setToolTip("Delete the other run's result when this one starts")
        self.path_edit.editingFinished.connect(self._on_finished)
        self.browse.clicked.connect(self._ask_path)

    @property
    def path(self) -> Path | None:
        """The path as it stands; None where there is none."""
        if not self.text:
            return None
        path = Path(self.text).expanduser()
        return path if path.suffix == _SUFFIX else path.with_name(path.name + _SUFFIX)

    def set_path(self, path: Path) -> None:
        """Choose a path, as if the person had typed it."""
        self.set_text(str(path))

    def propose(self, path: Path) -> None:
        """Show the path that is taken by itself."""
        if self.is_automatic:
            self.path_edit.setToolTip(str(path))
        self._propose(str(path), len(str(path)))

    def show_target(self, target: Target | None) -> None:
        """Say what lies at the path."""
        is_other = target is not None and target.kind == "other"
        self._show_state(
            "" if target is None else target.message, is_other=is_other, can_replace=is_other
        )

    def _on_finished(self) -> None:
        path = self.path
        if path is not None and not self.is_automatic and str(path) != self.path_edit.text():
            self.path_edit.setText(str(path))

    def _ask_path(self) -> None:
        chosen = ask_result_path(self, "" if self.path is None else str(self.path))
        if chosen is not None:
            self.set_path(chosen)


def ask_result_path(parent: QWidget, start: str) -> Path | None:
    """Ask where a result is to be written to; None where nothing is chosen."""
    # Qt's question whether to overwrite would promise what a click on Run doesn't do.
    chosen, _ = QFileDialog.getSaveFileName(
        parent,
        "Write the result to",
        start,
        "Results (*.zarr)",
        options=QFileDialog.Option.DontConfirmOverwrite,
    )
    return Path(chosen) if chosen else None
