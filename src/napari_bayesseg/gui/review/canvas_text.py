"""The text on the canvas that always says which mode the viewer is in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.status import Status

if TYPE_CHECKING:
    import napari

__all__ = ["HIDDEN", "CanvasText", "editing_text", "review_text"]

HIDDEN = "Overlays hidden"


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


def editing_text(key: str) -> str:
    """Return what the canvas says while the brush is out, with the key that puts it down."""
    return f"Edit \u00b7 brush stays inside the box\n{key or 'Escape'} to finish"


def review_text(
    region: Region | None,
    count: int,
    status: Status | None,
    class_names: tuple[str, ...],
    unit: str,
) -> str:
    """Return what the canvas says between decisions, on two lines.

    Parameters
    ----------
    region : Region or None
        The one that is looked at.
    count : int
        Number of regions.
    status : Status or None
        Of that region.
    class_names : tuple of str
        Names of the label values.
    unit : str
        Of the measure.
    """
    if region is None:
        return "Review \u00b7 no region chosen" if count else "Review \u00b7 no regions"
    classes = "/".join(class_names[index] for index in region.classes)
    # Two lines: a narrow canvas must not cut what is decided about.
    return (
        f"Review \u00b7 region {region.id} of {count} \u00b7 {status}\n"
        f"{classes} \u00b7 max {region.maximum:.2g} {unit}"
    )
