"""What the canvas shows of editing: brush, keys, what may be painted, and a contour."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.gui.connections import Connections
from napari_bayesseg.gui.review.canvas_text import contour_text, edit_text
from napari_bayesseg.gui.review.editing.editing import Editing
from napari_bayesseg.gui.review.keys.shortcuts import ModeKeys
from napari_bayesseg.gui.review.layers import ReviewLayers
from napari_bayesseg.review.labels.edits import BrushReach, Contour, EditPlace
from napari_bayesseg.review.labels.replacement_labels import runner_up_labels
from napari_bayesseg.review.labels.voxels import VoxelSet
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.desk_editing import EditOptions

if TYPE_CHECKING:
    import napari

__all__ = ["EditCanvas"]


class EditCanvas(QObject):
    """Shows the editor of a desk on a viewer.

    Parameters
    ----------
    viewer : napari.Viewer
    desk : ReviewDesk
    layers : ReviewLayers
    keys : ModeKeys
        Those of the canvas.
    """

    changed = Signal()
    """The text of the canvas may be another one."""

    def __init__(
        self,
        viewer: napari.Viewer,
        desk: ReviewDesk,
        layers: ReviewLayers,
        keys: ModeKeys,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._desk = desk
        self._layers = layers
        self._keys = keys
        self._brush = Editing(viewer, desk, layers, self)
        editor = desk.editor
        self._connections = Connections(
            (desk.editing_changed, self._on_editing),
            (editor.options_changed, self._on_options),
            (editor.place_changed, self._on_place),
            (editor.contour_changed, self._on_contour),
        )

    def close(self) -> None:
        """Give brush and keys back."""
        self._connections.drop()
        self._keys.set_active("contour", False)
        self._keys.set_active("editing", False)
        self._brush.close()

    @property
    def text(self) -> str:
        """What the canvas says while a region is edited."""
        editor = self._desk.editor
        if editor.contour is not None:
            return contour_text(
                editor.class_name, editor.contour, self._keys.key_of("apply_contour")
            )
        return edit_text(editor.class_name, editor.options.reach, self._keys.key_of("edit"))

    def _on_editing(self, is_editing: bool) -> None:
        if is_editing:
            editor = self._desk.editor
            editor.choose(replace(editor.options, label=self._runner_up()))
            self._brush.begin()
        else:
            self._brush.end()
        self._keys.set_active("editing", is_editing)
        self.changed.emit()

    def _on_options(self, options: EditOptions) -> None:
        self._brush.take(options)
        self.changed.emit()

    def _on_place(self, place: EditPlace | None) -> None:
        """Outline what may be painted, unless that is everything."""
        if place is None or self._desk.editor.options.reach is BrushReach.ANYWHERE:
            self._layers.set_paintable(None)
        else:
            self._layers.set_paintable(place.box, place.may_change)

    def _on_contour(self, contour: Contour | None) -> None:
        if contour is None:
            self._layers.set_contour(None)
        else:
            self._layers.set_contour(contour.box, contour.within)
        self._keys.set_active("contour", contour is not None)
        self.changed.emit()

    def _runner_up(self) -> int:
        """Return the second likeliest class where the region is most uncertain."""
        region, in_hand = self._desk.current, self._desk.editor.options.label
        if region is None:
            return in_hand
        z, y, x = region.position
        voxel = VoxelSet.from_mask(Roi((z, y, x), (z + 1, y + 1, x + 1)), np.ones((1, 1, 1), bool))
        try:
            return int(runner_up_labels(self._desk.result, voxel)[0])
        except StoreError as error:
            self._desk.failed.emit(str(error))
            return in_hand
