"""An audit on the canvas: the viewer at the voxel that is asked about, and the question."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari.layers import Layer
from qtpy.QtCore import QObject, Signal

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.gui.review.audit.audit_marker import AuditMarker
from napari_bayesseg.gui.review.keys.shortcuts import ModeKeys
from napari_bayesseg.gui.review.navigation import Navigator
from napari_bayesseg.review.audit.audit import AuditPlace
from napari_bayesseg.session.desk import ReviewDesk

if TYPE_CHECKING:
    import napari

__all__ = ["AuditView", "audit_text"]


class AuditView(QObject):
    """Follows the audits of a desk on a viewer, from :meth:`__init__` to :meth:`close`.

    Parameters
    ----------
    viewer : napari.Viewer
    desk : ReviewDesk
    navigator : Navigator
    find_layer : callable
        Returns any layer that lies where the result does, or None.
    keys : ModeKeys
        Those of the canvas.
    """

    changed = Signal()
    """The question has changed, or there is none any more."""
    over = Signal()
    """The audit is over: the review goes on."""

    def __init__(
        self,
        viewer: napari.Viewer,
        desk: ReviewDesk,
        navigator: Navigator,
        find_layer: Callable[[], Layer | None],
        keys: ModeKeys,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._desk = desk
        self._navigator = navigator
        self._find_layer = find_layer
        self._keys = keys
        self._marker = AuditMarker(viewer, desk.result.geometry)
        desk.audit.place_changed.connect(self._on_place)
        desk.audit.ended.connect(self._on_ended)
        desk.current_changed.connect(self._on_current)

    @property
    def text(self) -> str:
        """The question; empty where none is asked."""
        record, place = self._desk.audit.record, self._desk.audit.place
        if record is None or place is None:
            return ""
        names = self._desk.result.class_names
        count, answer = len(record.audit.places), record.answers.get(place.number)
        keys = self._keys.key_of("agree"), self._keys.key_of("disagree")
        return audit_text(place, count, names, answer, keys)

    def resume(self) -> None:
        """Ask on where an audit was interrupted."""
        if self._desk.audit.place is not None:
            self._on_place(self._desk.audit.place)

    def show(self, place: AuditPlace) -> None:
        """Mark a place and go there."""
        self._marker.show(place.position)
        layer = self._find_layer()
        if layer is not None:
            self._navigator.fly(layer, place.position, _box(place))

    def centre(self) -> None:
        """Bring the place back to the middle, zoomed to fit."""
        place, layer = self._desk.audit.place, self._find_layer()
        if place is not None and layer is not None:
            self._navigator.centre(layer, place.position, _box(place))

    def close(self) -> None:
        """Take the mark away and follow the desk no more."""
        self._desk.audit.place_changed.disconnect(self._on_place)
        self._desk.audit.ended.disconnect(self._on_ended)
        self._desk.current_changed.disconnect(self._on_current)
        self._leave()

    def _on_place(self, place: AuditPlace) -> None:
        self._keys.set_active("audit", True)
        self.show(place)
        self.changed.emit()

    def _on_current(self) -> None:
        """Mark no place of a former audit any more when the review goes on."""
        if not self._desk.audit.is_on:
            self._marker.hide()

    def _on_ended(self) -> None:
        self._leave()
        self.changed.emit()
        self.over.emit()

    def _leave(self) -> None:
        self._marker.hide()
        self._keys.set_active("audit", False)


def audit_text(
    place: AuditPlace,
    count: int,
    class_names: tuple[str, ...],
    answer: bool | None,
    keys: tuple[str, str],
) -> str:
    """Return the question about a place, on two lines.

    Parameters
    ----------
    place : AuditPlace
    count : int
        Places of the audit.
    class_names : tuple of str
    answer : bool or None
        What was answered before: whether the person agrees.
    keys : tuple of str
        To agree and to disagree with; empty where there is none.
    """
    label = class_names[place.label] if place.label < len(class_names) else str(place.label)
    before = {None: "", True: " (agreed)", False: " (disagreed)"}[answer]
    words = (f"{key} {word}".strip() for key, word in zip(keys, ("agree", "disagree"), strict=True))
    head = " \u00b7 ".join((f"Audit \u00b7 place {place.number + 1} of {count}{before}", *words))
    return f"{head}\nIs the label '{label}' right at the frame's centre?"


def _box(place: AuditPlace) -> Roi:
    z, y, x = place.position
    return Roi((z, y, x), (z + 1, y + 1, x + 1))
