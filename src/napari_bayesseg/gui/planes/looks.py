"""How a layer looks at this moment: its values and colours, to be painted on another thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_bayesseg.core.volume import LazyArray

__all__ = ["ImageLook", "LabelsLook", "Look", "has_voxels", "label_colours", "look_of"]

Rgba = NDArray[np.float32]
_STEPS = 256
_TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, eq=False)
class ImageLook:
    """An image layer's values and colours.

    Attributes
    ----------
    levels : tuple of (Z, Y, X) arrays
        From the finest.
    colours : (256, 4) float32
        RGBA from the lower limit to the upper, from 0 to 1.
    limits : (float, float)
    gamma, opacity : float
    is_additive : bool
        Whether its light is added to what lies below.
    """

    levels: tuple[LazyArray, ...]
    colours: Rgba
    limits: tuple[float, float]
    gamma: float = 1.0
    opacity: float = 1.0
    is_additive: bool = False

    def paint(self, values: NDArray[Any]) -> Rgba:
        """Return values ``(h, w)`` as RGBA ``(h, w, 4)``; NaN is transparent."""
        low, high = self.limits
        numbers = values.astype(np.float32)
        position = (numbers - low) / max(high - low, _TINY)
        known = np.isfinite(position)
        position = np.clip(np.where(known, position, 0.0), 0.0, 1.0) ** self.gamma
        painted = self.colours[(position * (_STEPS - 1) + 0.5).astype(np.intp)]
        painted[..., 3] *= self.opacity * known
        return painted


@dataclass(frozen=True, eq=False)
class LabelsLook:
    """A labels layer's values and colours.

    Attributes
    ----------
    levels : tuple of (Z, Y, X) arrays
        From the finest.
    colour : callable
        Labels (n,) -> RGBA (n, 4).
    contour : int
        Width of the outlines in voxels; 0: areas.
    opacity : float
    """

    levels: tuple[LazyArray, ...]
    colour: Callable[[NDArray[Any]], Rgba]
    contour: int = 0
    opacity: float = 1.0
    is_additive: bool = False

    def paint(self, values: NDArray[Any]) -> Rgba:
        """Return labels ``(h, w)`` as RGBA ``(h, w, 4)``."""
        found, inverse = np.unique(values, return_inverse=True)
        painted = self.colour(found)[inverse.reshape(values.shape)]
        painted[..., 3] *= self.opacity
        if self.contour:
            painted[..., 3] *= _is_edge(values, self.contour)
        return painted


Look = ImageLook | LabelsLook


def has_voxels(layer: Layer) -> bool:
    """Whether a layer shows a volume of numbers or labels: no colour picture, no points."""
    is_plain = isinstance(layer, Image) and not layer.rgb
    return layer.ndim == 3 and (is_plain or isinstance(layer, Labels))


def look_of(layer: Layer) -> Look | None:
    """Return how a layer looks; None for kinds that have no voxels, and for colour pictures."""
    levels = tuple(layer.data) if getattr(layer, "multiscale", False) else (layer.data,)
    if isinstance(layer, Labels):
        colours = label_colours(layer.colormap)
        return LabelsLook(levels, colours, int(layer.contour), float(layer.opacity))
    if isinstance(layer, Image) and not layer.rgb:
        table = np.asarray(layer.colormap.map(np.linspace(0.0, 1.0, _STEPS)), np.float32)
        low, high = layer.contrast_limits
        return ImageLook(
            levels,
            table,
            (float(low), float(high)),
            float(layer.gamma),
            float(layer.opacity),
            str(layer.blending) == "additive",
        )
    return None


def label_colours(colormap: Any) -> Callable[[NDArray[Any]], Rgba]:
    """Return what gives labels their colours; it may be called on any thread."""
    if not isinstance(colormap, DirectLabelColormap):
        return lambda labels: np.array(colormap.map(labels), np.float32)
    # napari's own look-up keeps a cache that is not meant for several threads.
    known = {key: np.asarray(value, np.float32) for key, value in colormap.color_dict.items()}
    other = known.get(None, np.zeros(4, np.float32))

    def colour(labels: NDArray[Any]) -> Rgba:
        rows = [known.get(int(label), other) for label in labels]
        return np.stack(rows) if rows else np.zeros((0, 4), np.float32)

    return colour


def _is_edge(labels: NDArray[Any], width: int) -> NDArray[np.bool_]:
    """Return where another label is within `width` voxels along an axis."""
    edge = np.zeros(labels.shape, np.bool_)
    for axis in (0, 1):
        across = np.moveaxis(labels, axis, 0)
        marked = np.moveaxis(edge, axis, 0)
        for shift in range(1, min(width, across.shape[0] - 1) + 1):
            differs = across[shift:] != across[:-shift]
            marked[shift:] |= differs
            marked[:-shift] |= differs
    return edge
