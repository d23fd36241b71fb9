"""The two layers of a review: the labels that are being corrected, and the regions' outlines."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from napari.layers import Labels, Layer
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Qt, Signal

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import VolumeSpec
from napari_bayesseg.gui.layers import RESULT_KEY, labels_layer, placement
from napari_bayesseg.gui.review.outlines import Outlines, outline_colours
from napari_bayesseg.gui.review.status_style import PALETTES, Palette
from napari_bayesseg.gui.slices import shows
from napari_bayesseg.numerics.region_list import RegionList
from napari_bayesseg.review.regions.region_table import RegionTable
from napari_bayesseg.review.status import Status
from napari_bayesseg.session.preferences import PaletteName

if TYPE_CHECKING:
    import napari
    from napari.utils.events import Event

__all__ = ["LINE_OPACITY", "ReviewLayers"]

LINE_OPACITY = 0.9
"""Of the reviewed labels' outlines."""


class ReviewLayers(QObject):
    """Layers ``reviewed`` (editable, written through to the mask) and ``regions``.

    Either may be deleted by the person at any time; :meth:`restore` brings it back.

    Parameters
    ----------
    viewer : napari.Viewer
    mask : zarr array
        ``(Z, Y, X)`` reviewed labels.
    spec : VolumeSpec
        Of the scan: name and place of the layers.
    class_names : tuple of str
    read_only : bool
        Whether nothing may be painted.
    """

    removed = Signal(str)
    """Name of a layer that the person deleted."""
    restored = Signal()
    """All layers are there again."""
    _became_stale = Signal()

    def __init__(
        self,
        viewer: napari.Viewer,
        mask: zarr.Array[Any],
        spec: VolumeSpec,
        class_names: tuple[str, ...],
        *,
        read_only: bool,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._mask = mask
        self._spec = spec
        self._class_names = class_names
        self._read_only = read_only
        self._outlines = Outlines(spec.shape)
        self._palette = PALETTES[PaletteName.OKABE_ITO]
        self._reviewed: Labels | None = None
        self._regions: Labels | None = None
        self._is_closing = False
        # Drawn once for all that one key changes, and not at all where the viewer has moved on to
        # another slice by then; before the window paints.
        self._stale_regions = False
        self._stale_boxes: list[Roi] = []
        self._stale_point: tuple[float, ...] = ()
        self._became_stale.connect(self._draw_stale, Qt.ConnectionType.QueuedConnection)
        viewer.layers.events.removed.connect(self._on_removed)
        # It says so at every drawing in 3D, where it shows the areas instead, as is meant.
        warnings.filterwarnings("ignore", "Contours are not displayed", UserWarning)
        self.restore()

    @property
    def reviewed(self) -> Labels | None:
        """The labels that are being corrected; None where the person deleted them."""
        return self._reviewed

    @property
    def regions(self) -> Labels | None:
        """The outlines; None where the person deleted them."""
        return self._regions

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Those that are there."""
        return tuple(layer for layer in (self._reviewed, self._regions) if layer is not None)

    def restore(self) -> None:
        """Add the layers that aren't there; the active layer stays active."""
        active = self._viewer.layers.selection.active
        if self._reviewed is None:
            self._reviewed = self._make_reviewed()
            self._viewer.add_layer(self._reviewed)
        if self._regions is None:
            self._regions = self._make_regions()
            self._viewer.add_layer(self._regions)
        if active is not None and active in self._viewer.layers:
            self._viewer.layers.selection.active = active
        self.restored.emit()

    def set_table(
        self, table: RegionTable, statuses: Mapping[int, Status], current: int | None
    ) -> None:
        """Outline the regions of a table."""
        ids = RegionList.of(table.regions).ids.tolist()
        self._outlines.set_regions(table.region_labels)
        self._outlines.set_statuses(statuses, ids)
        self._outlines.set_current(current)
        self._mark_stale()

    def set_statuses(self, statuses: Mapping[int, Status], changed: Iterable[int]) -> None:
        """Outline some regions in the colours of their new statuses."""
        self._outlines.set_statuses(statuses, changed)
        self._mark_stale()

    def set_current(self, region_id: int | None) -> None:
        """Outline one region brightly."""
        self._outlines.set_current(region_id)
        self._mark_stale()

    def set_palette(self, palette: Palette) -> None:
        """Outline in other colours."""
        if palette is not self._palette:
            self._palette = palette
            if self._regions is not None:
                self._regions.colormap = outline_colours(palette)

    def set_paintable(self, box: Roi | None, mask: NDArray[np.bool_] | None = None) -> None:
        """Outline the voxels of a box that may be painted, or none."""
        self._outlines.set_paintable(box, mask)
        self._mark_stale()

    def set_contour(self, box: Roi | None, mask: NDArray[np.bool_] | None = None) -> None:
        """Outline the voxels of a box that are within a contour, or none."""
        self._outlines.set_contour(box, mask)
        self._mark_stale()

    def refresh_mask(self, roi: Roi) -> None:
        """Draw the reviewed labels again, if a change in this box can be seen."""
        self._mark_stale(roi)

    def close(self) -> None:
        """Take the layers out of the viewer and follow it no more."""
        self._is_closing = True
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        # In one batch: napari collects garbage after each layer that goes by itself.
        with self._viewer.layers.batched_update():
            for layer in self.layers:
                if layer in self._viewer.layers:
                    self._viewer.layers.remove(layer)
        self._reviewed = self._regions = None

    def _mark_stale(self, roi: Roi | None = None) -> None:
        """Have the outlines, or the reviewed labels in a box, drawn again soon."""
        point = tuple(self._viewer.dims.point)
        if point != self._stale_point:
            # What was stale at another slice was drawn when the viewer came here.
            self._stale_regions, self._stale_boxes, self._stale_point = False, [], point
        if roi is None:
            self._stale_regions = True
        else:
            self._stale_boxes.append(roi)
        self._became_stale.emit()

    def _draw_stale(self) -> None:
        regions, boxes = self._stale_regions, self._stale_boxes
        self._stale_regions, self._stale_boxes = False, []
        if tuple(self._viewer.dims.point) != self._stale_point:
            return
        if regions and self._regions is not None:
            _refresh(self._regions)
        reviewed = self._reviewed
        if reviewed is not None and any(shows(self._viewer, reviewed, box) for box in boxes):
            _refresh(reviewed)

    def _make_reviewed(self) -> Labels:
        name = f"{self._spec.name}: reviewed"
        data, meta, _ = labels_layer(
            self._mask,
            self._spec.geometry,
            name=name,
            class_names=self._class_names,
            result=self._spec.name,
        )
        # As lines, so that scan and heat map can be judged beneath; filled only for the brush.
        layer = Labels(data, multiscale=False, **{**meta, "opacity": LINE_OPACITY})
        layer.contour = 1
        layer.editable = not self._read_only
        return layer

    def _make_regions(self) -> Labels:
        layer = Labels(
            self._outlines,
            multiscale=False,
            name=f"{self._spec.name}: regions",
            colormap=outline_colours(self._palette),
            opacity=1.0,
            metadata={RESULT_KEY: self._spec.name},
            **placement(self._spec.geometry),
        )
        layer.contour = 1
        layer.editable = False
        return layer

    def _on_removed(self, event: Event) -> None:
        layer = event.value
        if self._is_closing or not any(layer is ours for ours in self.layers):
            return
        self._reviewed = None if layer is self._reviewed else self._reviewed
        self._regions = None if layer is self._regions else self._regions
        self.removed.emit(layer.name)


def _refresh(layer: Labels) -> None:
    layer.refresh(thumbnail=False, highlight=False, extent=False)
