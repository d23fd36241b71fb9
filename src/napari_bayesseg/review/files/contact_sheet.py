"""Small pictures of the places whose labels were changed: before and after, side by side."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.core.volume import LazyArray, Volume
from napari_bayesseg.review.journal.operations import Operation, RegionDecision
from napari_bayesseg.review.status import Status

if TYPE_CHECKING:
    from napari_bayesseg.review.review_view import ReviewView

__all__ = ["CLASS_COLOURS", "ChangedPlace", "changed_places", "draw_place"]

# Okabe and Ito's colours for the colour-blind; class 0, the background, has no outline.
CLASS_COLOURS = ("#56b4e9", "#009e73", "#cc79a7", "#0072b2", "#f0e442", "#d55e00", "#e69f00")
REGION_COLOUR = "#ffe600"

_MARGIN = 8  # voxels of surroundings
_LEAST = 40  # voxels along a side that are shown at least
_PIXELS = 200  # along the longer side of one half
_GAP = 4  # pixels between the halves


@dataclass(frozen=True)
class ChangedPlace:
    """A region that was rejected or edited, as it was decided last.

    Attributes
    ----------
    decision : RegionDecision
    sequence : int
        Number of the journal's row.
    user, time_utc : str
    """

    decision: RegionDecision
    sequence: int
    user: str
    time_utc: str


def changed_places(operations: Iterable[Operation]) -> list[ChangedPlace]:
    """Return the places that were rejected or edited last, the most expected error first."""
    latest: dict[tuple[Roi, tuple[int, int, int]], ChangedPlace] = {}
    for operation in operations:
        for decision in operation.decisions:
            place = ChangedPlace(decision, operation.sequence, operation.user, operation.time_utc)
            latest[decision.box, decision.position] = place
    changed = [
        place
        for place in latest.values()
        if place.decision.after in (Status.REJECTED, Status.EDITED)
    ]
    return sorted(changed, key=lambda place: -place.decision.expected_error_volume)


def draw_place(
    decision: RegionDecision, review: ReviewView, scan: Volume | None, after: LazyArray
) -> bytes:
    """Return a PNG of the slice of a region's maximum: labels before left, reviewed right.

    Outlines of the classes in :data:`CLASS_COLOURS`, that of the region dashed in yellow; grey
    values are stretched over what is shown.

    Parameters
    ----------
    decision : RegionDecision
    review : Review
    scan : Volume or None
        None: outlines on black.
    after : (Z, Y, X) int
        Reviewed labels.
    """
    box = _shown_box(decision, review.result.spec.shape)
    grey = _grey(scan, box)
    region = _region_plane(decision, box)
    halves = [
        _half(grey, np.asarray(labels[box.slices])[0], region, review.result.geometry)
        for labels in (review.began_from, after)
    ]
    gap = np.full((halves[0].shape[0], _GAP, 3), 255, np.uint8)
    return _png(np.concatenate([halves[0], gap, halves[1]], axis=1))


def _shown_box(decision: RegionDecision, shape: tuple[int, int, int]) -> Roi:
    """Return the part of one slice that is shown: the region and what is around it."""
    z = decision.position[0]
    ends = []
    for low, high, length in zip(
        decision.box.start[1:], decision.box.stop[1:], shape[1:], strict=True
    ):
        side = min(max(high - low + 2 * _MARGIN, _LEAST), length)
        start = min(max(0, (low + high - side) // 2), length - side)
        ends.append((start, start + side))
    (y0, y1), (x0, x1) = ends
    return Roi((z, y0, x0), (z + 1, y1, x1))


def _grey(scan: Volume | None, box: Roi) -> NDArray[np.uint8]:
    if scan is None:
        return np.zeros(box.shape[1:], np.uint8)
    values = scan.read(box)[0].astype(np.float64)
    known = values[np.isfinite(values)]
    if known.size == 0:
        return np.zeros(box.shape[1:], np.uint8)
    low, high = np.percentile(known, (1.0, 99.0))
    stretched = (np.nan_to_num(values, nan=low) - low) / max(high - low, 1e-12)
    grey: NDArray[np.uint8] = (255 * np.clip(stretched, 0, 1)).astype(np.uint8)
    return grey


def _region_plane(decision: RegionDecision, box: Roi) -> NDArray[np.bool_]:
    """Return where the region lies in the slice that is shown."""
    plane: NDArray[np.bool_] = np.zeros(box.shape, np.bool_)
    part = decision.voxels.intersection(box)
    plane[part.box.relative_to(box.start).slices] = part.mask()
    inside: NDArray[np.bool_] = plane[0]
    return inside


def _half(
    grey: NDArray[np.uint8],
    labels: NDArray[np.integer[Any]],
    region: NDArray[np.bool_],
    geometry: Geometry,
) -> NDArray[np.uint8]:
    """Return one half as ``(H, W, 3)``, enlarged so that outlines don't hide what they surround."""
    from scipy.ndimage import binary_dilation  # slow to load, and only wanted here
    from skimage.segmentation import find_boundaries

    zoom = max(1, _PIXELS // max(grey.shape))
    tall = max(1, round(zoom * geometry.spacing[1] / geometry.spacing[2]))

    def large(plane: NDArray[Any]) -> NDArray[Any]:
        return plane.repeat(tall, axis=0).repeat(zoom, axis=1)

    picture = np.repeat(large(grey)[..., None], 3, axis=2)
    classes, inside = large(labels), large(region)
    edges = find_boundaries(classes, mode="inner", background=0)  # type: ignore[no-untyped-call]
    edges = binary_dilation(edges)  # two pixels: one is lost on bright ground
    for label in (n for n in np.unique(classes[edges]).tolist() if n > 0):
        colour = CLASS_COLOURS[(label - 1) % len(CLASS_COLOURS)]
        picture[edges & (classes == label)] = _rgb(colour)
    frame = find_boundaries(inside, mode="outer")  # type: ignore[no-untyped-call]
    rows, columns = np.indices(frame.shape)
    picture[frame & ((rows + columns) // 3 % 2 == 0)] = _rgb(REGION_COLOUR)  # dashed
    return picture


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _png(picture: NDArray[np.uint8]) -> bytes:
    from matplotlib.image import imsave  # slow to load, and only wanted here

    file = io.BytesIO()
    imsave(file, picture, format="png")
    return file.getvalue()
