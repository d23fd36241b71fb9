"""The sample data that napari's File menu offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_bayesseg.gui.layers import labels_layer, volume_layer
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.io.sample_data import ELECTRODE_CT, ELECTRODE_LABELS, sample_folder

if TYPE_CHECKING:
    from napari.types import LayerData

__all__ = ["open_electrode"]

_CLASSES = ("pore", "particle", "binder")


def open_electrode() -> list[LayerData]:
    """Return the electrode's CT scan, and below its eye symbol its true labels, hidden at first."""
    folder = sample_folder()
    truth = read_volume(folder / ELECTRODE_LABELS)
    hidden = labels_layer(
        truth.data,
        truth.spec.geometry,
        name=truth.spec.name,
        visible=False,
        class_names=_CLASSES,
    )
    return [volume_layer(read_volume(folder / ELECTRODE_CT)), hidden]
