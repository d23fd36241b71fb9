"""Everything that a prediction is asked with: scan, model, place, settings, result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_bayesseg.core.errors import BayesSegError, SettingsError
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.gui.layer_choice import LayerChoice
from napari_bayesseg.gui.predict.form import SettingsForm
from napari_bayesseg.gui.predict.model import ModelBox
from napari_bayesseg.gui.predict.out import OutBox
from napari_bayesseg.gui.predict.target import default_place
from napari_bayesseg.gui.predict.where import WhereBox
from napari_bayesseg.gui.rows import add_row, form_layout, in_column
from napari_bayesseg.gui.scan_source import focus_voxel, is_scan, source_folder, volume_of
from napari_bayesseg.networks.checkpoint import ModelCard
from napari_bayesseg.session.prediction import PredictionRequest

if TYPE_CHECKING:
    import napari

__all__ = ["PredictForm"]

_NO_SCAN = "open a scan first, or the sample: File > Open Sample > BayesSeg"


class PredictForm(QWidget):
    """The fields of the tab, from top to bottom."""

    changed = Signal()

    def __init__(self, viewer: napari.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.scan = LayerChoice(viewer, is_scan)
        self.model = ModelBox()
        self.where = WhereBox(viewer)
        self.settings = SettingsForm()
        self.out = OutBox()
        first = QWidget()
        add_row(form_layout(first), "Scan", self.scan)
        in_column(self, first, self.model, self.where, self.settings, self.out, spacing=8)
        self.scan.chosen.connect(self._on_scan)
        for part in (self.model, self.where, self.settings, self.out):
            part.changed.connect(self.changed)
        self._on_scan()

    @property
    def scan_layer(self) -> Layer | None:
        """The layer that is to be segmented."""
        return self.scan.layer

    def volume(self) -> Volume:
        """Return the scan as its layer stands now.

        Raises
        ------
        BayesSegError
            If there is none, or the layer can't be segmented.
        """
        return volume_of(self._chosen_layer())

    def request(self) -> PredictionRequest:
        """Return what the fields ask for; a result that names itself goes to its default place.

        Raises
        ------
        BayesSegError
            Saying which field must be set otherwise.
        """
        layer = self._chosen_layer()
        volume = volume_of(layer)
        card, folder = self._chosen_model()
        roi = self.where.roi
        settings = self.settings.settings(None if roi is None else str(roi))
        out = None if self.out.is_automatic else self.out.path
        return PredictionRequest(
            volume,
            str(folder),
            out or default_place(source_folder(layer), volume.spec.name, card.name),
            settings,
            focus=focus_voxel(self._viewer, layer),
            overwrite=self.out.overwrite,
        )

    def disconnect_viewer(self) -> None:
        """Follow the viewer no more."""
        self.scan.disconnect_viewer()
        self.where.disconnect_viewer()

    def _chosen_layer(self) -> Layer:
        if self.scan.layer is None:
            raise SettingsError(_NO_SCAN)
        return self.scan.layer

    def _chosen_model(self) -> tuple[ModelCard, Path]:
        card, folder = self.model.card, self.model.folder
        if card is None or folder is None:
            raise SettingsError(self.model.error)
        return card, folder

    def _on_scan(self) -> None:
        try:
            volume = self.volume()
        except BayesSegError:  # told when the request is made
            volume = None
        self.where.set_scan(self.scan.layer, volume)
        self.changed.emit()
