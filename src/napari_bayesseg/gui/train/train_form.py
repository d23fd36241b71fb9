"""Everything that a training is asked with: data, classes, method, settings, name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_bayesseg.gui.rows import in_column
from napari_bayesseg.gui.train.class_names import ClassNames
from napari_bayesseg.gui.train.data_box import DataBox
from napari_bayesseg.gui.train.look import LabelsFound, Looked, Wish
from napari_bayesseg.gui.train.method import MethodBox
from napari_bayesseg.gui.train.name_box import NameBox
from napari_bayesseg.gui.train.settings_form import TrainingSettingsForm

if TYPE_CHECKING:
    import napari

__all__ = ["TrainForm"]


class TrainForm(QWidget):
    """The fields of the tab, from top to bottom.

    Parameters
    ----------
    viewer : napari.Viewer
    parent : QWidget, optional
    """

    changed = Signal()
    data_changed = Signal()
    """What is trained on, or how its labels are read; emitted before :attr:`changed`."""

    def __init__(self, viewer: napari.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.data = DataBox(viewer)
        self.classes = ClassNames()
        self.method = MethodBox()
        self.settings = TrainingSettingsForm()
        self.name = NameBox()
        boxes = (self.data, self.classes, self.method, self.settings, self.name)
        in_column(self, *boxes, spacing=8)
        self.data.changed.connect(self._on_data)
        self.method.changed.connect(self._on_method)
        for part in (self.classes, self.settings, self.name):
            part.changed.connect(self.changed)
        self._show_method()

    def wish(self, labelled_share: float = 1.0) -> Wish:
        """Return what the fields say.

        Parameters
        ----------
        labelled_share : float
            How many of the voxels are labelled, as far as is known.

        Raises
        ------
        BayesSegError
            If the layers can't be trained on.
        """
        return Wish(
            data=self.data.data(),
            method=self.method.method,
            is_scribbled=self.data.is_scribbled,
            labelled_share=labelled_share,
            class_names=self.classes.names,
            chosen=self.settings.chosen(),
            name="" if self.name.is_automatic else self.name.name,
            overwrite=self.name.overwrite,
        )

    def show_looked(self, looked: Looked, *, may_start_anew: bool) -> None:
        """Show the settings and the place that were found."""
        self.settings.propose(looked.request.settings)
        self.name.propose(looked.place.path.name)
        self.name.show_place(looked.place, may_start_anew=may_start_anew)

    def show_labels(self, found: LabelsFound) -> None:
        """Show what labels there are, and offer a name for each class."""
        self.data.show_found(found.text)
        self.classes.show_classes(found.num_classes, int(self.data.is_scribbled))

    def disconnect_viewer(self) -> None:
        """Follow the viewer no more."""
        self.data.disconnect_viewer()

    def _show_method(self) -> None:
        self.settings.set_method(self.method.method)
        self.data.set_method(self.method.method)
        self.settings.show_files(self.data.is_from_files)

    def _on_method(self) -> None:
        self._show_method()
        self.changed.emit()

    def _on_data(self) -> None:
        self.settings.show_files(self.data.is_from_files)
        self.data_changed.emit()
        self.changed.emit()
