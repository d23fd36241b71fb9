"""Rows of two layers each: a scan and its labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels, Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget

from napari_bayesseg.core.errors import BayesSegError, SettingsError
from napari_bayesseg.gui.layer_choice import LayerChoice
from napari_bayesseg.gui.layers import placement
from napari_bayesseg.gui.rows import in_column, side_by_side
from napari_bayesseg.gui.scan_source import is_scan, volume_of
from napari_bayesseg.gui.train.layer_pair import is_labels, layer_pair
from napari_bayesseg.training.pairs import TrainingPair

if TYPE_CHECKING:
    import napari
    from napari.utils.events import EventEmitter

__all__ = ["LayerRows"]

_NO_SCAN = "open a scan first, or the sample: File > Open Sample > BayesSeg"
_NO_LABELS = "no labels layer is chosen: open labels, or press Paint and paint some of each class"
_BRUSH_SHARE = 1 / 40


class LayerRows(QWidget):
    """One row a scan; each scan has a labels layer, or none where scans without are learnt from.

    Parameters
    ----------
    viewer : napari.Viewer
    parent : QWidget, optional
    """

    changed = Signal()
    """Other layers are chosen, or their labels were painted on."""

    def __init__(self, viewer: napari.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._may_lack_labels = False
        self._rows: list[tuple[LayerChoice, LayerChoice, QPushButton]] = []
        self._watched: list[Labels] = []
        self._grid = QGridLayout(table := QWidget())
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(4)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(1, 1)
        self._grid.addWidget(QLabel("Scan"), 0, 0)
        self._grid.addWidget(QLabel("Labels"), 0, 1)
        self.paint = QPushButton("Paint")
        self.paint.setToolTip("Add an empty labels layer over the first scan and paint on it")
        self.add = QPushButton("Add a scan")
        self.add.setToolTip("Train on one more scan with its labels")
        in_column(self, table, side_by_side(self.paint, self.add, stretch=(0, 1)))
        self.paint.clicked.connect(self.start_painting)
        self.add.clicked.connect(self.add_row)
        self.add_row()

    @property
    def num_rows(self) -> int:
        """How many scans are chosen."""
        return len(self._rows)

    def row(self, index: int) -> tuple[LayerChoice, LayerChoice]:
        """Return the choices of scan and labels of a row."""
        scan, labels, _ = self._rows[index]
        return scan, labels

    def allow_unlabelled(self, is_allowed: bool) -> None:
        """Offer to choose no labels for a scan."""
        self._may_lack_labels = is_allowed
        for _, labels, _ in self._rows:
            labels.set_optional(is_allowed)

    def pairs(self) -> tuple[TrainingPair, ...]:
        """Return the scans and labels as their layers stand now.

        Raises
        ------
        BayesSegError
            Naming the layer that doesn't fit, and saying what to do.
        """
        pairs, used = [], set[int]()
        for scan, labels, _ in self._rows:
            if scan.layer is None:
                raise SettingsError(_NO_SCAN)
            if labels.layer is None and not self._may_lack_labels:
                raise SettingsError(_NO_LABELS)
            if id(scan.layer) in used:
                raise SettingsError(
                    f"{scan.layer.name!r} is chosen twice: choose another scan, or take a row away"
                )
            used.add(id(scan.layer))
            pairs.append(layer_pair(scan.layer, labels.layer))
        if all(pair.labels is None for pair in pairs):
            raise SettingsError(_NO_LABELS)
        return tuple(pairs)

    def add_row(self) -> None:
        """Add a row; it takes the first layers that no other row has."""
        scan = LayerChoice(self._viewer, is_scan)
        labels = LayerChoice(self._viewer, is_labels)
        labels.set_optional(self._may_lack_labels)
        scan.setToolTip("The image layer that is trained on")
        labels.setToolTip("The labels layer that says what its voxels are")
        remove = QPushButton("\u2212")
        remove.setToolTip("Train without this scan")
        remove.setFixedWidth(24)
        row = (scan, labels, remove)
        _choose_unused(scan, [other.layer for other, _, _ in self._rows])
        _choose_unused(labels, [other.layer for _, other, _ in self._rows])
        self._rows.append(row)
        self._match(row)
        scan.chosen.connect(lambda: self._match(row))
        remove.clicked.connect(lambda: self._remove(row))
        for choice in (scan, labels):
            choice.chosen.connect(self._on_chosen)
        self._place_rows()
        self._on_chosen()

    def start_painting(self) -> None:
        """Add an empty labels layer that lies on the first row's scan, choose it, and paint."""
        scan, labels = self.row(0)
        if scan.layer is None:
            return
        try:
            volume = volume_of(scan.layer)
        except BayesSegError:
            return  # told when the pairs are asked for
        layer = Labels(
            np.zeros(volume.shape, np.uint8),
            name=f"{volume.spec.name}: painted",
            opacity=0.7,
            **placement(volume.spec.geometry),
        )
        self._viewer.add_layer(layer)
        labels.choose(layer)
        self._viewer.dims.ndisplay = 2
        self._viewer.layers.selection.active = layer
        layer.brush_size = max(1, round(_BRUSH_SHARE * min(volume.shape[1:])))
        layer.mode = "paint"

    def disconnect_viewer(self) -> None:
        """Follow the viewer no more."""
        for scan, labels, _ in self._rows:
            scan.disconnect_viewer()
            labels.disconnect_viewer()
        self._watch([])

    def _match(self, row: tuple[LayerChoice, LayerChoice, QPushButton]) -> None:
        """Choose labels that are named after the row's scan, where others are chosen."""
        scan, labels, _ = row
        if scan.layer is None or (labels.layer and scan.layer.name in labels.layer.name):
            return
        used = [other.layer for _, other, _ in self._rows if other is not labels]
        named = [
            layer
            for layer in labels.layers
            if scan.layer.name in layer.name and all(layer is not other for other in used)
        ]
        if named:
            labels.choose(min(named, key=lambda layer: len(layer.name)))

    def _remove(self, row: tuple[LayerChoice, LayerChoice, QPushButton]) -> None:
        self._rows.remove(row)
        for choice in row[:2]:
            choice.disconnect_viewer()
        for widget in row:
            self._grid.removeWidget(widget)
            widget.deleteLater()
        self._place_rows()
        self._on_chosen()

    def _place_rows(self) -> None:
        for number, widgets in enumerate(self._rows, start=1):
            for column, widget in enumerate(widgets):
                self._grid.addWidget(widget, number, column)
            widgets[2].setVisible(len(self._rows) > 1)

    def _on_chosen(self) -> None:
        self._watch([labels.layer for _, labels, _ in self._rows if labels.layer is not None])
        self.paint.setEnabled(self.row(0)[0].layer is not None)
        self.changed.emit()

    def _watch(self, layers: list[Labels]) -> None:
        """Hear of strokes and new data of the chosen labels, and of no others any more."""
        for layer in self._watched:
            for emitter in _changes(layer):
                emitter.disconnect(self._on_painted)
        self._watched = list({id(layer): layer for layer in layers}.values())
        for layer in self._watched:
            for emitter in _changes(layer):
                emitter.connect(self._on_painted)

    def _on_painted(self, _: object = None) -> None:
        self.changed.emit()


def _choose_unused(choice: LayerChoice, used: list[Layer | None]) -> None:
    for layer in reversed(choice.layers):
        if all(layer is not other for other in used):
            if any(choice.layer is other for other in used):
                choice.choose(layer)
            return


def _changes(layer: Labels) -> tuple[EventEmitter, ...]:
    """Return what tells that a layer's voxels or their place are others than before."""
    events = layer.events
    place = (events.scale, events.translate, events.rotate, events.shear, events.affine)
    return events.paint, events.data, events.units, *place
