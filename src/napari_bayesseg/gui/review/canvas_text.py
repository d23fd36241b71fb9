"""The text on the canvas that always says which mode the viewer is in."""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING

from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.labels.edits import BrushReach, Contour
from napari_bayesseg.review.status import Status

if TYPE_CHECKING:
    import napari

__all__ = ["HIDDEN", "CanvasText", "contour_text", "edit_text", "protected_text", "review_text"]

_NOTE_LENGTH = 36  # characters
HIDDEN = "Overlays hidden"
_REACHES = {
    BrushReach.REGION: "brush stays at the region",
    BrushReach.BOX: "brush stays inside the box",
    BrushReach.ANYWHERE: "brush paints anywhere",
}


class CanvasText:
    """Writes on a viewer's canvas; what stood there comes back with :meth:`close`."""

    def __init__(self, viewer: napari.Viewer) -> None:
        self._overlay = viewer.canvas.overlays.text
        self._former = (
            self._overlay.text,
            self._overlay.visible,
            self._overlay.box,
            self._overlay.position,
            self._overlay.font_size,
        )
        self._overlay.position = "top_left"
        self._overlay.box = True

    def set_size(self, points: int) -> None:
        """Write larger or smaller."""
        self._overlay.font_size = points

    def show(self, text: str) -> None:
        """Write a text of one or two lines."""
        # napari measures a line a little too short; the box must hold all of it.
        self._overlay.text = "\n".join(f"{line}\u00a0\u00a0" for line in text.split("\n"))
        self._overlay.visible = True

    def close(self) -> None:
        """Write again what stood there before."""
        overlay = self._overlay
        overlay.text, overlay.visible, overlay.box, overlay.position, size = self._former
        overlay.font_size = size


def review_text(
    region: Region | None,
    place: int,
    count: int,
    status: Status | None,
    class_names: tuple[str, ...],
    unit: str,
    note: str = "",
) -> str:
    """Return what the canvas says between decisions, on two lines, and the note on a third.

    Parameters
    ----------
    region : Region or None
        The one that is looked at.
    place : int
        Its place in the order, from 1; its number says nothing about that.
    count : int
        Number of regions.
    status : Status or None
        Of that region.
    class_names : tuple of str
        Names of the label values.
    unit : str
        Of the measure.
    note : str
        On the region; cut where it is long.
    """
    if region is None:
        return "Review \u00b7 no region chosen" if count else "Review \u00b7 no regions"
    classes = "/".join(class_names[index] for index in region.classes)
    why = shorten(note, _NOTE_LENGTH, placeholder="\u2026")
    # Two lines: a narrow canvas must not cut what is decided about.
    return (
        f"Review \u00b7 region {region.id} \u00b7 {place} of {count} \u00b7 {status}\n"
        f"{classes} \u00b7 max {region.maximum:.2g} {unit}" + (f"\nWhy: {why}" if why else "")
    )


def edit_text(class_name: str, reach: BrushReach, key: str) -> str:
    """Return what the canvas says while the brush is out, with the key that puts it down."""
    finish = f"{key or 'Escape'} to finish"
    return f"Edit \u00b7 {class_name} \u00b7 {_REACHES[reach]}\n{finish}"


def contour_text(class_name: str, contour: Contour, key: str) -> str:
    """Return what the canvas says while a contour is shown, with the key that takes it over."""
    changes = f"+{contour.grown:,} \u2212{contour.shrunk:,} voxels"
    return (
        f"Edit \u00b7 {class_name} to its {100 * contour.level:.0f} % contour \u00b7 {changes}\n"
        + " \u00b7 ".join([*([f"{key} to apply"] if key else []), "Escape to drop"])
    )


def protected_text(region_id: int) -> str:
    """Return what the canvas says after the brush has hit what is accepted."""
    return f"Region {region_id} is accepted: it is protected\nReopen it to paint there"
