"""What the model is called, and what is there under that name already."""

from __future__ import annotations

from qtpy.QtWidgets import QLineEdit, QWidget

from napari_bayesseg.gui.place_box import PlaceBox
from napari_bayesseg.gui.train.place import Place
from napari_bayesseg.networks.model_folders import local_models_folder

__all__ = ["NameBox"]


class NameBox(PlaceBox):
    """A name that is found by itself until the person types one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self.edit = QLineEdit()
        self.edit.setToolTip(f"The model is written to {local_models_folder()}")
        super().__init__("Model", self.edit, self.edit, parent)
        self.replace.setToolTip("Start anew; what is there under this name is lost")

    @property
    def name(self) -> str:
        """The name as it stands."""
        return self.text

    def set_name(self, name: str) -> None:
        """Choose a name, as if the person had typed it."""
        self.set_text(name)

    def propose(self, name: str) -> None:
        """Show the name that is taken by itself."""
        self._propose(name, 0)

    def show_place(self, place: Place | None, *, may_start_anew: bool = False) -> None:
        """Say what lies at the model's place.

        Parameters
        ----------
        place : Place or None
            None while it isn't known.
        may_start_anew : bool
            Whether an unfinished training with these settings turned out to be of other scans.
        """
        is_other = place is not None and place.kind == "other"
        can_resume = place is not None and place.kind == "resume"
        self.replace.setText("Start anew" if can_resume else "Replace it")
        self._show_state(
            "" if place is None else place.message,
            is_other=is_other,
            can_replace=is_other or (can_resume and may_start_anew),
        )
