"""napari's reader: results, and scans with their spacing, orientation and unit."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from napari_bayesseg.core.errors import BayesSegError, BayesSegWarning
from napari_bayesseg.gui.layers import result_layers, volume_layer
from napari_bayesseg.gui.preferences import stored_preferences
from napari_bayesseg.io.readers import all_readers, read_volume
from napari_bayesseg.io.result_store import is_result_store

if TYPE_CHECKING:
    from napari.types import LayerData, PathOrPaths, ReaderFunction

    from napari_bayesseg.core.volume import Volume
    from napari_bayesseg.inference.result import Result

__all__ = ["get_reader", "read_layers"]


def get_reader(path: PathOrPaths) -> ReaderFunction | None:
    """Return the function that reads `path`, or None where it isn't ours.

    A list of paths, which is to become a stack, is declined. So is a folder that no reader
    claims: napari asks about every folder that is dropped on it. A file is never declined: napari
    asks only where the manifest's patterns match, and whoever chose this reader for a damaged
    file should be told what is wrong with it.
    """
    if not isinstance(path, str | Path) or "://" in str(path):
        return None
    place = Path(path)
    if place.is_dir() and not any(reader.claims(place) for reader in all_readers()):
        return None
    return read_layers


def read_layers(path: PathOrPaths) -> list[LayerData]:
    """Return a scan or a result as layer data.

    Raises
    ------
    BayesSegError
        If there is nothing of either kind at `path`.
    """
    place = Path(str(path))
    if not is_result_store(place):
        return [volume_layer(read_volume(place))]
    # Only a result needs the engine, and with it torch: a scan opens without.
    from napari_bayesseg.inference.result import load_result

    result = load_result(place)
    return result_layers(result, _scan_of(result), stored_preferences().heat_colours)


def _scan_of(result: Result) -> Volume | None:
    """Return the scan that a result was made from, where it is still there."""
    source = result.spec.source
    if source is None:
        return None
    try:
        return read_volume(source, axes=result.record["scan"].get("axes"))
    except BayesSegError as error:
        text = f"{result.path.name} opens without its scan: {error}"
        warnings.warn(text, BayesSegWarning, stacklevel=2)
        return None
