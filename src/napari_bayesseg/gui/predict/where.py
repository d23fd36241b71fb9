"""Which part of the scan is predicted: all of it, what is in view, or a drawn box."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Layer, Shapes
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QLabel, QPushButton, QSpinBox, QWidget

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.gui.layers import placement
from napari_bayesseg.gui.rows import add_row, form_layout, side_by_side
from napari_bayesseg.gui.scan_source import drawn_box, unwrapped, view_box

if TYPE_CHECKING:
    import napari
    from napari.utils.events import Event

__all__ = ["WhereBox"]

WHOLE, VIEW, BOX = "Whole volume", "Current view", "Drawn box"
_SHAPES_NAME = "box to predict"
_EDGE_COLOUR = "#f0e442"  # stands out from grey scans


class WhereBox(QWidget):
    """Chooses a box of voxels of the scan.

    Parameters
    ----------
    viewer : napari.Viewer
    parent : QWidget, optional
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Layer | None = None
        self._volume: Volume | None = None
        self._shapes: Shapes | None = None
        self.choice = QComboBox()
        self.choice.addItems([WHOLE, VIEW, BOX])
        self.choice.setToolTip("The part of the scan that is predicted")
        self.draw = QPushButton("Draw")
        self.draw.setToolTip("Draw a rectangle over the scan; it reaches through the slices below")
        self.first, self.last = QSpinBox(), QSpinBox()
        for box, end in ((self.first, "First"), (self.last, "Last")):
            box.setToolTip(f"{end} slice (z) that is predicted")
            box.valueChanged.connect(self._on_changed)
        self._slices = side_by_side(self.first, QLabel("to"), self.last, stretch=(0, 2))
        self._layout = form_layout(self)
        add_row(self._layout, "Where", side_by_side(self.choice, self.draw))
        add_row(self._layout, "Slices (z)", self._slices)
        self.choice.currentIndexChanged.connect(self._on_choice)
        self.draw.clicked.connect(self.start_drawing)
        viewer.layers.events.removed.connect(self._on_removed)
        camera = viewer.scene.camera.events
        for emitter in (camera.center, camera.zoom, viewer.dims.events.order):
            emitter.connect(self._on_view)
        self._on_choice()

    def set_scan(self, layer: Layer | None, volume: Volume | None) -> None:
        """Take over another scan; the slices are all of its slices again.

        Parameters
        ----------
        layer : Layer or None
        volume : Volume or None
            What the layer shows.
        """
        self._layer, self._volume = layer, volume
        depth = 1 if volume is None else volume.shape[0]
        for box, value in ((self.first, 0), (self.last, depth - 1)):
            box.blockSignals(True)
            box.setRange(0, depth - 1)
            box.setValue(value)
            box.blockSignals(False)

    @property
    def roi(self) -> Roi | None:
        """The chosen box, in voxels of the scan; None for the whole scan.

        Raises
        ------
        SettingsError
            If no voxel is chosen.
        """
        layer, volume = self._layer, self._volume
        if layer is None or volume is None or self.choice.currentText() == WHOLE:
            return None
        box = self._flat_box(layer)
        low, high = self.first.value(), self.last.value() + 1
        if low >= high:
            raise SettingsError(f"the first slice, {low}, must not lie behind the last, {high - 1}")
        slices = Roi((low, 0, 0), (high, *volume.shape[1:]))
        roi = box.intersection(slices)
        if roi.is_empty:
            raise SettingsError("no voxel of the scan is in view: move the view, or choose another")
        return None if roi == Roi.whole(volume.shape) else roi

    def start_drawing(self) -> None:
        """Add a shapes layer, or take the one that is there, and let a rectangle be drawn."""
        if self._volume is None:
            return
        if self._shapes is None:
            shapes = Shapes(
                ndim=3,
                name=_SHAPES_NAME,
                face_color="transparent",
                edge_color=_EDGE_COLOUR,
                edge_width=max(self._volume.shape) / 150,
                **placement(self._volume.spec.geometry),
            )
            self._viewer.add_layer(shapes)
            self._shapes = shapes
            shapes.events.data.connect(self._on_changed)
            shapes.selected_data.events.items_changed.connect(self._on_changed)
        self._viewer.dims.ndisplay = 2
        self._viewer.layers.selection.active = self._shapes
        self._shapes.mode = "add_rectangle"
        self.choice.setCurrentText(BOX)

    def disconnect_viewer(self) -> None:
        """Follow the viewer no more."""
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        camera = self._viewer.scene.camera.events
        for emitter in (camera.center, camera.zoom, self._viewer.dims.events.order):
            emitter.disconnect(self._on_view)

    def _flat_box(self, layer: Layer) -> Roi:
        """Return the chosen box over all slices."""
        if self.choice.currentText() == VIEW:
            return view_box(self._viewer, layer)
        box = None if self._shapes is None else drawn_box(self._shapes, layer)
        if box is None:
            raise SettingsError("no box is drawn: press Draw and drag a rectangle over the scan")
        return box

    def _on_choice(self, _: int = 0) -> None:
        chosen = self.choice.currentText()
        self.draw.setVisible(chosen == BOX)
        self._layout.setRowVisible(self._slices, chosen != WHOLE)
        self.changed.emit()

    def _on_changed(self, _: object = None) -> None:
        self.changed.emit()

    def _on_view(self, _: Event) -> None:
        if self.choice.currentText() == VIEW:
            self.changed.emit()

    def _on_removed(self, event: Event) -> None:
        if self._shapes is not None and unwrapped(event.value) is self._shapes:
            self._shapes = None
            self._on_changed()
