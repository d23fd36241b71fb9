"""napari's reader: results, and scans with their spacing, orientation and unit."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_bayesseg.core.errors import BayesSegError, BayesSegWarning
from napari_bayesseg.gui.layers import labels_layer, result_layers, volume_layer
from napari_bayesseg.gui.preferences import stored_preferences
from napari_bayesseg.io.hdf5 import list_datasets
from napari_bayesseg.io.readers import all_readers, read_volume, reader_for
from napari_bayesseg.io.result_store import is_result_store

if TYPE_CHECKING:
    from napari.types import LayerData, PathOrPaths, ReaderFunction

    from napari_bayesseg.core.volume import Volume
    from napari_bayesseg.inference.result import Result

__all__ = ["get_reader", "read_layers"]

_MOST_DATASETS = 12  # of one HDF5 file, opened at once


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
        return _scan_layers(place)
    # Only a result needs the engine, and with it torch: a scan opens without.
    from napari_bayesseg.inference.result import load_result

    result = load_result(place)
    return result_layers(result, _scan_of(result), stored_preferences().heat_colours)


def _scan_layers(place: Path) -> list[LayerData]:
    """Return a scan; of an HDF5 file with several volumes each, those called labels as labels."""
    names: list[str] = []
    if place.is_file() and reader_for(place).name == "HDF5":
        names = [name for name, shape in list_datasets(place).items() if len(shape) == 3]
    if not 1 < len(names) <= _MOST_DATASETS:
        return [volume_layer(read_volume(place))]
    layers: list[LayerData] = []
    for name in sorted(names, key=_is_called_labels):  # labels come to lie on the scans
        volume = read_volume(place, dataset=name)
        title = f"{volume.spec.name} {name}"
        if _is_called_labels(name) and np.dtype(volume.data.dtype).kind in "iu":
            layers.append(labels_layer(volume.data, volume.spec.geometry, name=title))
        else:
            data, meta = volume_layer(volume)
            layers.append((data, {**meta, "name": title}))
    return layers


def _is_called_labels(dataset: str) -> bool:
    name = dataset.rsplit("/", 1)[-1].lower()
    return any(word in name for word in ("label", "mask", "segmentation", "scribble", "truth"))


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
