"""Another result beside the canvas: the same plane, linked, and what differs in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from napari.layers import Labels, Layer
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QDockWidget

from napari_bayesseg.gui.docks import put_beside
from napari_bayesseg.gui.layers import RESULT_KEY, placement
from napari_bayesseg.gui.planes.comparison_panel import ComparisonPanel
from napari_bayesseg.gui.planes.linked_views import Axes, Linked, LinkedViews
from napari_bayesseg.gui.planes.looks import ImageLook, LabelsLook, Look, has_voxels, look_of
from napari_bayesseg.gui.result_layers import ResultLayers
from napari_bayesseg.gui.review.canvas import ReviewCanvas
from napari_bayesseg.gui.slices import same_place
from napari_bayesseg.session.background import Background
from napari_bayesseg.session.comparison import Compared
from napari_bayesseg.session.difference_array import DifferenceArray

if TYPE_CHECKING:
    import napari

__all__ = ["ComparisonView"]

DOCK_NAME = "Comparison"
_WIDTH = 400
_COLOUR = "#ff00ff"
"""Of what differs: in no heat map, and in no palette."""


class ComparisonView(QObject):
    """A dock with the other result and a layer of what differs, until it is closed.

    Parameters
    ----------
    viewer : napari.Viewer
    background : Background
    results : ResultLayers
    canvas : ReviewCanvas
        Of the result under review.
    compared : Compared
    beside : QDockWidget, optional
        The dock that it comes to the left of.
    """

    closed = Signal()
    failed = Signal(str)

    def __init__(
        self,
        viewer: napari.Viewer,
        background: Background,
        results: ResultLayers,
        canvas: ReviewCanvas,
        compared: Compared,
        beside: QDockWidget | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._results = results
        self._canvas = canvas
        self._compared = compared
        self._differences = DifferenceArray(compared.first, compared.second)
        self.layer: Labels = self._add_layer()
        self.panel = ComparisonPanel()
        self.panel.show_compared(compared)
        linked = Linked(self.panel.view, _axes, self._looks, self._caption)
        self.link = LinkedViews(viewer, background, lambda: canvas.place, [linked], self)
        self.link.failed.connect(self.failed)
        self.panel.place_chosen.connect(self._go)
        self._is_open = True
        viewer.window.add_dock_widget(
            self.panel, name=DOCK_NAME, area="right", add_vertical_stretch=False
        )
        put_beside(self.panel, beside, _WIDTH)
        self.panel.left.connect(self._let_go)

    @property
    def compared(self) -> Compared:
        """The two results."""
        return self._compared

    def show_compared(self, compared: Compared) -> None:
        """Show the same two results with another measure."""
        self._compared = compared
        self.panel.show_compared(compared)
        self.link.refresh()

    def close(self) -> None:
        """Take dock and layer away."""
        if self._is_open:
            self.panel.left.disconnect(self._let_go)
            self._viewer.window.remove_dock_widget(self.panel)
            self._let_go()

    def _let_go(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        self.link.close()
        if self.layer in self._canvas.guests:
            self._canvas.guests.remove(self.layer)
        if self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)
        self.panel.deleteLater()
        self.closed.emit()

    def _add_layer(self) -> Labels:
        active = self._viewer.layers.selection.active
        layer = Labels(
            self._differences,
            multiscale=False,
            name=f"differs from {self._compared.second.path.name}",
            colormap={None: "transparent", 0: "transparent", 1: _COLOUR},
            opacity=0.55,
            metadata={RESULT_KEY: str(self._compared.second.path)},
            **placement(self._compared.first.geometry),
        )
        layer.editable = False
        self._viewer.layers.append(layer)
        if active is not None:
            self._viewer.layers.selection.active = active
        self._canvas.guests.append(layer)
        return layer

    def _go(self, number: int) -> None:
        place = self._compared.difference.places[number]
        self._canvas.show_place(place.position, place.box)

    def _looks(self, place: Layer) -> tuple[Look, ...]:
        """Return what the canvas shows, with the other result's map and labels in their places."""
        looks = []
        for layer in self._viewer.layers:
            if layer.visible and has_voxels(layer) and same_place(self._viewer, layer, place):
                look = self._other(layer, look_of(layer))
                if look is not None:
                    looks.append(look)
        return tuple(looks)

    def _other(self, layer: Layer, look: Look | None) -> Look | None:
        compared = self._compared
        maps = {name: self._results.heat_map(name) for name in self._results.measures}
        name = next((name for name, heat_map in maps.items() if heat_map == layer), None)
        if name is not None and isinstance(look, ImageLook):
            is_there = name == compared.heat_name and bool(compared.heat_map)
            return replace(look, levels=compared.heat_map) if is_there else None
        # Compared as equal: the viewer that a plugin gets hands out proxies of its layers.
        if layer == self._canvas.layers.reviewed and isinstance(look, LabelsLook):
            return replace(look, levels=(self._differences.second_labels,))
        return None if layer == self._results.labels else look

    def _caption(self, axes: Axes, index: int) -> str:
        return f"{self._compared.second.path.name} \u00b7 {'zyx'[axes[0]]} {index}"


def _axes(displayed: Sequence[int]) -> Axes:
    """Return the plane that the canvas shows; in 3D the slices across the first axis."""
    if len(displayed) != 2:
        displayed = (1, 2)
    (hidden,) = {0, 1, 2} - set(displayed)
    return hidden, displayed[0], displayed[1]
