"""How heat maps look: colours that let the scan through, and limits that follow the values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from napari.layers import Image
from napari.utils.colormaps import ensure_colormap
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import LazyArray
from napari_bayesseg.inference.result import Result
from napari_bayesseg.io.store_layout import COMPUTED
from napari_bayesseg.session.preferences import HeatColours

__all__ = ["HeatContrast", "full_level", "heat_colours", "recolour", "sampled_blocks"]

_PERCENTILE = 99.5
_OPAQUE_FROM = 0.4  # of the range; below, the scan shines through more and more
_OPACITY = 0.9
_STEPS = 256
_SAMPLED_BLOCKS = 4


def heat_colours(name: HeatColours = HeatColours.INFERNO) -> dict[str, Any]:
    """Return a colour map, transparent at its lower end: readable on dark and bright scans."""
    colours = np.array(ensure_colormap(name.value).colors, dtype=np.float32)
    position = np.linspace(0.0, 1.0, _STEPS)
    # Some of napari's have but two colours, and opacity is no straight line.
    steps = np.linspace(0.0, 1.0, len(colours))
    colours = np.stack([np.interp(position, steps, part) for part in colours.T], axis=1)
    colours[:, 3] = _OPACITY * np.clip(position / _OPAQUE_FROM, 0.0, 1.0)
    return {"colors": colours.astype(np.float32), "name": f"uncertainty ({name})"}


class HeatContrast:
    """Sets the upper contrast limit of a heat map from the values that were seen.

    All possible values would leave most maps dark: their largest is far from the largest possible
    one. Once somebody else sets the limits, they are left alone.

    Parameters
    ----------
    layer : Image
        Its limits span all possible values.
    """

    def __init__(self, layer: Image) -> None:
        self._layer = layer
        self._own = tuple(layer.contrast_limits)
        self._seen = 0.0

    def include(self, values: NDArray[Any]) -> None:
        """Take over some of the map's values; NaN is left out."""
        if tuple(self._layer.contrast_limits) != self._own:
            return
        finite = values[np.isfinite(values)]
        if finite.size == 0:
            return
        low, high = self._layer.contrast_limits_range
        usual = float(np.percentile(finite, _PERCENTILE))
        self._seen = float(np.clip(max(self._seen, usual), low + 0.02 * (high - low), high))
        self._layer.contrast_limits = (self._own[0], self._seen)
        self._own = tuple(self._layer.contrast_limits)

    def follow(self, boxes: Iterable[Roi]) -> None:
        """Take over every second value of some boxes of the map, along each axis."""
        data = full_level(self._layer)
        for box in boxes:
            self.include(np.asarray(data[box.slices])[::2, ::2, ::2])


def recolour(layers: Iterable[Image], name: HeatColours) -> None:
    """Draw heat maps in other colours."""
    colours = heat_colours(name)
    for layer in layers:
        if layer.colormap.name != colours["name"]:
            layer.colormap = colours


def full_level(layer: Image) -> LazyArray:
    """Return a map's values, the finest ones where it has coarser levels too."""
    values: LazyArray = layer.data[0] if layer.multiscale else layer.data
    return values


def sampled_blocks(result: Result) -> list[Roi]:
    """Return a few blocks that hold numbers, spread over the result."""
    plan, mask = result.plan, np.asarray(result.block_mask).ravel()
    cores = [plan.block(int(index)).core for index in np.flatnonzero(mask == COMPUTED)]
    return cores[:: max(1, len(cores) // _SAMPLED_BLOCKS)][:_SAMPLED_BLOCKS]
