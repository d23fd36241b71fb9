"""What the model is called, and what is there under that name already."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QLabel, QLineEdit, QWidget

from napari_bayesseg.gui.rows import add_row, form_layout
from napari_bayesseg.gui.train.place import Place
from napari_bayesseg.networks.model_folders import local_models_folder

__all__ = ["NameBox"]


class NameBox(QWidget):
    """A name that is found by itself until the person types one."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.is_automatic = True
        self.edit = QLineEdit()
        self.edit.setToolTip(f"The model is written to {local_models_folder()}")
        self.state = QLabel()
        self.state.setWordWrap(True)
        self.replace = QCheckBox("Replace it when this training ends")
        self.replace.setToolTip("Start anew; what is there under this name is lost")
        layout = form_layout(self)
        add_row(layout, "Model", self.edit)
        layout.addRow(self.state)
        layout.addRow(self.replace)
        self.edit.textEdited.connect(self._on_edited)
        self.replace.toggled.connect(lambda _: self.changed.emit())
        self.show_place(None)

    @property
    def name(self) -> str:
        """The name as it stands."""
        return self.edit.text().strip()

    @property
    def overwrite(self) -> bool:
        """Whether what is there under this name may be replaced."""
        return self.replace.isChecked() and not self.replace.isHidden()

    def set_name(self, name: str) -> None:
        """Choose a name, as if the person had typed it."""
        self.edit.setText(name)
        self._on_edited("")

    def propose(self, name: str) -> None:
        """Show the name that is taken by itself."""
        if self.is_automatic and self.edit.text() != name:
            self.edit.setText(name)
            self.edit.setCursorPosition(0)

    def show_place(self, place: Place | None, *, may_start_anew: bool = False) -> None:
        """Say what lies at the model's place.

        Parameters
        ----------
        place : Place or None
            None while it isn't known.
        may_start_anew : bool
            Whether an unfinished training with these settings turned out to be of other scans.
        """
        message = "" if place is None else place.message
        is_other = place is not None and place.kind == "other"
        self.state.setText(message + (": choose another name, or" if is_other else ""))
        self.state.setVisible(bool(message))
        can_resume = place is not None and place.kind == "resume"
        self.replace.setText("Start anew" if can_resume else "Replace it")
        self.replace.setVisible(is_other or (can_resume and may_start_anew))

    def _on_edited(self, _: str) -> None:
        # An emptied line names itself again.
        self.is_automatic = not self.name
        self.replace.setChecked(False)
        self.changed.emit()
