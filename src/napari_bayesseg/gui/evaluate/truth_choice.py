"""Which labels are the truth: a layer, a file, or the reviewed mask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels, Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QPushButton, QWidget
from superqt.utils import signals_blocked

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.gui.layers import RESULT_KEY
from napari_bayesseg.gui.rows import let_shrink
from napari_bayesseg.gui.scan_source import geometry_of, unwrapped
from napari_bayesseg.session.evaluated import Truth

if TYPE_CHECKING:
    import napari

__all__ = ["TruthChoice", "labels_volume"]

_REVIEWED = "the reviewed mask"
_FILTERS = "Labels (*.tif *.tiff *.nii *.nii.gz *.npy *.h5);;All files (*)"


class TruthChoice(QWidget):
    """Offers labels layers of the result's shape, files that were chosen, and the reviewed mask.

    Layers that show a result of ours are no truth.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    changed = Signal()
    """Another truth is chosen."""

    def __init__(self, viewer: napari.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._shape: Index3 | None = None
        self._files: list[Path] = []
        self._offers: list[Layer | Path | None] = []  # None: the reviewed mask
        self._is_wanted = False  # what is chosen, by the person
        self.choice = QComboBox()
        let_shrink(self.choice)
        tip = "The labels that are right: a labels layer, a file, or the mask as it was reviewed"
        self.choice.setToolTip(tip)
        self.setToolTip(tip)
        self.file_button = QPushButton("File\u2026")
        self.file_button.setToolTip("Choose a file with labels of the same shape")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.choice, 1)
        row.addWidget(self.file_button)
        events = viewer.layers.events
        self._emitters = (events.inserted, events.removed, events.reordered, events.renamed)
        for emitter in self._emitters:
            emitter.connect(self._reload)
        self.choice.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.choice.activated.connect(self._on_activated)
        self.file_button.clicked.connect(self._ask_file)

    def set_shape(self, shape: Index3 | None) -> None:
        """Offer what has the shape of a result; None: nothing is offered."""
        self._shape = shape
        self._files.clear()
        self._is_wanted = False
        self._reload()

    @property
    def chosen(self) -> Layer | Path | None:
        """The chosen layer or file; None for the reviewed mask, and where nothing is offered."""
        index = self.choice.currentIndex()
        return self._offers[index] if 0 <= index < len(self._offers) else None

    def truth(self) -> Truth | None:
        """Return the labels that are chosen; None for the reviewed mask.

        Raises
        ------
        GeometryError
            If the layer's transform places the voxels nowhere.
        """
        chosen = self.chosen
        if isinstance(chosen, Path):
            return Truth(chosen.name, path=chosen)
        return None if chosen is None else Truth(chosen.name, labels_volume(chosen))

    def add_file(self, path: Path) -> None:
        """Offer a file and choose it."""
        if path not in self._files:
            self._files.append(path)
        self._reload()
        self._is_wanted = True
        self.choice.setCurrentIndex(self._offers.index(path))

    def choose(self, wanted: Layer | None) -> None:
        """Choose a layer, or with None the reviewed mask, if it is offered."""
        self._is_wanted = True
        self.choice.setCurrentIndex(self._index_of(unwrapped(wanted)))

    def disconnect_viewer(self) -> None:
        """Follow the viewer no more."""
        for emitter in self._emitters:
            emitter.disconnect(self._reload)

    def _reload(self, _: object = None) -> None:
        """Look at the viewer again; keeps the choice where it is still offered."""
        before = self.chosen
        layers = reversed([unwrapped(layer) for layer in self._viewer.layers])
        fitting = [layer for layer in layers if self._is_offered(layer)]
        self._offers = [] if self._shape is None else [*fitting, *self._files, None]
        with signals_blocked(self.choice):
            self.choice.clear()
            self.choice.addItems([_REVIEWED if o is None else o.name for o in self._offers])
            # The reviewed mask is the last resort, unless somebody wants it.
            is_kept = before is not None or self._is_wanted
            self.choice.setCurrentIndex(max(self._index_of(before), 0) if is_kept else 0)
        if self.chosen is not before:
            self.changed.emit()

    def _index_of(self, wanted: Layer | Path | None) -> int:
        return next((i for i, offer in enumerate(self._offers) if offer is wanted), -1)

    def _is_offered(self, layer: Layer) -> bool:
        if not isinstance(layer, Labels) or RESULT_KEY in layer.metadata:
            return False
        array = layer.data[0] if layer.multiscale else layer.data
        return len(array.shape) in (2, 3) and (1, *array.shape)[-3:] == self._shape

    def _on_activated(self, _: int) -> None:
        self._is_wanted = True

    def _ask_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Choose the truth", "", _FILTERS)
        if name:
            self.add_file(Path(name))


def labels_volume(layer: Labels) -> Volume:
    """Return the labels that a layer shows; those in memory as they are now, for another thread.

    Raises
    ------
    GeometryError
        If the layer's transform places the voxels nowhere.
    """
    layer = unwrapped(layer)
    data = unwrapped(layer.data[0] if layer.multiscale else layer.data)
    if isinstance(data, np.ndarray):
        data = data.copy()
    return Volume.from_array(data, geometry_of(layer), name=layer.name)
