"""How far the tiles of a network in full passes are from exact, measured on the scan itself."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.networks.foreign.engine import Engine
from napari_bayesseg.networks.foreign.operations import index3
from napari_bayesseg.posteriors.protocol import ScanReader

if TYPE_CHECKING:
    from napari_bayesseg.posteriors.foreign import ForeignPosterior

__all__ = ["Deviation", "deviation_of_tiles"]

_SMALL = 4


@dataclass(frozen=True)
class Deviation:
    """The largest difference of probability in a box, and what its tile was compared with."""

    largest: float
    box: Roi
    tile: Index3
    compared: str

    def __str__(self) -> str:
        return (
            f"full passes: in voxels {self.box} the probabilities of a draw differ by up to "
            f"{self.largest:.2g} between a tile of {self.tile} voxels and {self.compared}; "
            "the larger the block_shape, the smaller the difference"
        )


def _middle(core: Roi, extent: Index3) -> Roi:
    start = index3([(n - c) // 2 for n, c in zip(extent, core.shape, strict=True)])
    return Roi(start, index3([a + c for a, c in zip(start, core.shape, strict=True)]))


def _wider(engine: Engine, tile: Roi, extent: Index3) -> Engine:
    """Return the engine with larger tiles: a quarter more on each side, or a small scan whole."""
    wider = copy.copy(engine)
    if math.prod(extent) <= _SMALL * tile.size:
        more = extent
    else:
        steps = zip(tile.shape, engine.stride, strict=True)
        more = index3([-(-length // (4 * step)) * step for length, step in steps])
    low, high = engine.reach
    wider.reach = (
        index3([a + b for a, b in zip(low, more, strict=True)]),
        index3([a + b for a, b in zip(high, more, strict=True)]),
    )
    return wider


def deviation_of_tiles(
    posterior: ForeignPosterior, core: Roi, extent: Index3, read: ScanReader
) -> Deviation | None:
    """Compare a block's tile with a larger one at the same place, in one draw.

    Parameters
    ----------
    posterior : ForeignPosterior
        Of a network in full passes.
    core : Roi
        A block; a box of its shape in the middle of the scan is looked at.
    extent : (Z, Y, X)
        Of the padded scan.
    read : callable
        Gives boxes of the padded scan.

    Returns
    -------
    Deviation, or None where a tile is the whole scan, or shows nothing
    """
    engine, whole = posterior.engine, Roi.whole(extent)
    boxes = (_middle(core, extent), core)
    box = next((box for box in boxes if engine.read_roi(box, extent) != whole), None)
    if box is None:
        return None
    tile = engine.read_roi(box, extent)
    if np.ptp(read(tile)) == 0:  # an empty part would look exact
        return None
    wider = _wider(engine, tile, extent)
    draw = posterior.draw(0, seed=0)
    one, other = (
        draw.probabilities(posterior.features(each, box, extent, read)) for each in (engine, wider)
    )
    larger = wider.read_roi(box, extent)
    compared = "the whole scan" if larger == whole else f"one of {larger.shape}"
    return Deviation(float(np.abs(one - other).max()), box, tile.shape, compared)
