"""Planes that follow a viewer, and lead it: place, zoom and layers; read in the background."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Layer
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_bayesseg.gui.planes.framing import Frame, frame_of, plane_in
from napari_bayesseg.gui.planes.looks import Look, has_voxels
from napari_bayesseg.gui.planes.pictures import Picture, Plane, paint_plane
from napari_bayesseg.gui.planes.plane_view import PlaneView
from napari_bayesseg.gui.slices import full_shape, voxel_of, voxel_sides, world_points
from napari_bayesseg.gui.throttle import Throttle
from napari_bayesseg.session.background import Background
from napari_bayesseg.session.job import JobSlot, explain

if TYPE_CHECKING:
    import napari
    from napari.utils.events import Event

__all__ = ["Axes", "Linked", "LinkedViews"]

_REST_MS = 16
# What changes how a layer looks; painting and writing come as set_data.
_LOOKS = {
    "blending",
    "colormap",
    "contour",
    "contrast_limits",
    "data",
    "gamma",
    "opacity",
    "set_data",
    "visible",
}

Axes = tuple[int, int, int]
"""The axis across a plane, the one downwards, and the one to the right; of the volume."""
Job = tuple[PlaneView, Plane, tuple[Look, ...]]


@dataclass(frozen=True, eq=False)
class Linked:
    """A view, and what it shows.

    Attributes
    ----------
    view : PlaneView
    axes : callable
        Displayed axes of the volume, the last two downwards and to the right -> Axes.
    looks : callable
        The layer that gives the place -> what to paint, from below.
    caption : callable
        Axes and voxel along the hidden axis -> a line of text.
    """

    view: PlaneView
    axes: Callable[[Sequence[int]], Axes]
    looks: Callable[[Layer], tuple[Look, ...]]
    caption: Callable[[Axes, int], str]


class LinkedViews(QObject):
    """Views beside a viewer's canvas that show the same place at the same zoom.

    Parameters
    ----------
    viewer : napari.Viewer
    background : Background
        Reads and paints; one picture of each view at a time, so that none is waited for in vain.
    place : callable
        The layer whose voxels are shown; None where the person has deleted it.
    views : sequence of Linked
    """

    failed = Signal(str)
    """One line for the person: why nothing is shown."""
    moved = Signal(object)
    """The voxel (z, y, x) that the viewer is at now."""

    def __init__(
        self,
        viewer: napari.Viewer,
        background: Background,
        place: Callable[[], Layer | None],
        views: Sequence[Linked],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._place = place
        self._views = tuple(views)
        self._depths: dict[PlaneView, float] = {}
        self._slot = JobSlot(background, "planes")
        self._is_stale = False
        self._redrawing = Throttle(_REST_MS, self)
        self._redrawing.fired.connect(self._update)
        self._followed: list[Layer] = []
        for linked in self._views:
            view = linked.view
            view.resized.connect(self.refresh)
            view.picked.connect(partial(self._on_picked, linked))
            view.panned.connect(partial(self._on_panned, linked))
            view.stepped.connect(partial(self._on_stepped, linked))
            view.zoomed.connect(self._on_zoomed)
        self._emitters = (
            viewer.dims.events.point,
            viewer.dims.events.order,
            viewer.dims.events.ndisplay,
            viewer.scene.camera.events.zoom,
            viewer.scene.camera.events.center,
            viewer.layers.events.inserted,
            viewer.layers.events.removed,
            viewer.layers.events.reordered,
        )
        for emitter in self._emitters:
            emitter.connect(self.refresh)
        viewer.layers.events.inserted.connect(self._follow_layers)
        viewer.layers.events.removed.connect(self._follow_layers)
        self._follow_layers()
        self.refresh()

    @property
    def is_settled(self) -> bool:
        """Whether everything that was asked for is painted."""
        return not (self._slot.is_running or self._is_stale or self._redrawing.is_waiting)

    def close(self) -> None:
        """Follow the viewer no more."""
        self._redrawing.stop()
        self._slot.close()
        for emitter in self._emitters:
            emitter.disconnect(self.refresh)
        self._viewer.layers.events.inserted.disconnect(self._follow_layers)
        self._viewer.layers.events.removed.disconnect(self._follow_layers)
        for layer in self._followed:
            layer.events.disconnect(self._on_layer)
        self._followed = []

    def refresh(self, event: Event | None = None) -> None:
        """Paint everything again, soon."""
        self._redrawing.ask()

    def _follow_layers(self, event: Event | None = None) -> None:
        layers = [layer for layer in self._viewer.layers if has_voxels(layer)]
        for layer in self._followed:
            if layer not in layers:
                layer.events.disconnect(self._on_layer)
        for layer in layers:
            if layer not in self._followed:
                layer.events.connect(self._on_layer)
        self._followed = layers

    def _on_layer(self, event: Event) -> None:
        if event.type in _LOOKS:
            self.refresh()

    # Painting

    def _update(self) -> None:
        layer = self._place()
        if layer is None:
            for linked in self._views:
                linked.view.set_picture(None)
                linked.view.set_caption("no layer of the review is there")
            return
        position = self._position(layer)
        self.moved.emit(tuple(int(n) for n in position))
        jobs = [self._job(linked, layer, position) for linked in self._views]
        if self._slot.is_running:
            # What is under way is shown all the same: else a slider that never rests shows nothing.
            self._is_stale = True
            return
        self._is_stale = False
        wanted: list[Job] = [job for job in jobs if job is not None]
        self._slot.start(
            lambda _: [(view, paint_plane(plane, looks)) for view, plane, looks in wanted],
            self._show,
            self._fail,
        )

    def _job(
        self, linked: Linked, layer: Layer, position: NDArray[np.intp]
    ) -> tuple[PlaneView, Plane, tuple[Look, ...]] | None:
        view, shape = linked.view, full_shape(layer)
        axes = linked.axes(self._displayed(layer))
        frame = self._frame(linked, layer, position, axes)
        view.set_frame(frame.centre, frame.scale)
        view.set_cross(float(position[axes[1]]), float(position[axes[2]]))
        index = int(position[axes[0]])
        view.set_caption(linked.caption(axes, index))
        plane = plane_in(frame, shape, axes, index, (view.height(), view.width()))
        if plane is None:
            view.set_picture(None)
            return None
        return view, plane, linked.looks(layer)

    def _frame(self, linked: Linked, layer: Layer, position: NDArray[np.intp], axes: Axes) -> Frame:
        viewer, view = self._viewer, linked.view
        camera, displayed = viewer.scene.camera, self._displayed(layer)
        point = np.array(viewer.dims.point, float)
        if len(displayed) == 2:
            point[list(viewer.dims.displayed)] = camera.center[-2:]
        centre = voxel_of(viewer, layer, point)
        depth = self._depths.get(view) if view.is_held else None
        frame, self._depths[view] = frame_of(
            axes,
            displayed if len(displayed) == 2 else (),
            centre=centre,
            position=position,
            shape=full_shape(layer),
            scales=voxel_sides(viewer, layer) * camera.zoom,
            size=(view.height(), view.width()),
            former=self._depths.get(view),
            held=depth,
        )
        return frame

    def _show(self, painted: list[tuple[PlaneView, Picture]]) -> None:
        for view, picture in painted:
            view.set_picture(picture)
        self._go_on()

    def _fail(self, error: Exception) -> None:
        self.failed.emit(explain(error))
        self._go_on()

    def _go_on(self) -> None:
        if self._is_stale:
            self._is_stale = False
            self.refresh()

    # Where the viewer is, and where it is led

    def _displayed(self, layer: Layer) -> tuple[int, ...]:
        offset = self._viewer.dims.ndim - layer.ndim
        return tuple(axis - offset for axis in self._viewer.dims.displayed if axis >= offset)

    def _position(self, layer: Layer) -> NDArray[np.intp]:
        voxel = np.rint(voxel_of(self._viewer, layer, self._viewer.dims.point)).astype(np.intp)
        inside: NDArray[np.intp] = np.clip(voxel, 0, np.array(full_shape(layer)) - 1)
        return inside

    def _go(self, layer: Layer, voxel: NDArray[np.float64]) -> None:
        inside = np.clip(np.rint(voxel), 0, np.array(full_shape(layer)) - 1)
        world = world_points(self._viewer, layer, inside[None])[0]
        dims = self._viewer.dims
        dims.set_point(list(range(dims.ndim - layer.ndim, dims.ndim)), world.tolist())

    def _on_picked(self, linked: Linked, row: float, column: float) -> None:
        layer = self._place()
        if layer is not None:
            _, rows, columns = linked.axes(self._displayed(layer))
            voxel = self._position(layer).astype(float)
            voxel[[rows, columns]] = row, column
            self._go(layer, voxel)

    def _on_stepped(self, linked: Linked, slices: int) -> None:
        layer = self._place()
        if layer is not None:
            voxel = self._position(layer).astype(float)
            voxel[linked.axes(self._displayed(layer))[0]] += slices
            self._go(layer, voxel)

    def _on_panned(self, linked: Linked, down: float, right: float) -> None:
        """Pull the canvas along; for views of the plane that the canvas shows."""
        layer = self._place()
        if layer is None or len(self._displayed(layer)) != 2:
            return
        _, rows, columns = linked.axes(self._displayed(layer))
        ends = np.zeros((2, 3))
        ends[1, [rows, columns]] = down, right
        start, stop = world_points(self._viewer, layer, ends)
        by = (stop - start)[list(self._displayed(layer))]
        camera = self._viewer.scene.camera
        centre = np.array(camera.center, float)
        centre[-2:] -= by
        camera.center = tuple(centre.tolist())

    def _on_zoomed(self, factor: float) -> None:
        self._viewer.scene.camera.zoom *= factor
