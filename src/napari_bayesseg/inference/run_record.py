"""What is known of a finished run without reading any of its arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.core.volume import VolumeSpec
from napari_bayesseg.inference.plan import BlockPlan
from napari_bayesseg.io.provenance import geometry_of
from napari_bayesseg.io.result_store import ResultStore

__all__ = ["RunRecord"]


class RunRecord:
    """The provenance of a result store, in the terms of this package.

    Parameters
    ----------
    store : ResultStore
    """

    def __init__(self, store: ResultStore) -> None:
        self._store = store

    @property
    def path(self) -> Path:
        """Folder of the result store."""
        return self._store.path

    @property
    def record(self) -> dict[str, Any]:
        """Provenance: scan, model, settings, versions, run id."""
        return self._store.record

    @property
    def spec(self) -> VolumeSpec:
        """Shape, geometry and source of the scan."""
        scan = self.record["scan"]
        z, y, x = scan["shape"]
        return VolumeSpec(
            (z, y, x),
            scan["dtype"],
            self.geometry,
            scan["name"],
            Path(scan["path"]) if scan["path"] else None,
            tuple(scan["notes"]),
        )

    @property
    def geometry(self) -> Geometry:
        """Place of the voxel grid in the world, as in the scan."""
        return geometry_of(self.record["scan"])

    @property
    def settings(self) -> InferenceSettings:
        """Settings of the run."""
        return InferenceSettings.checked(**self.record["settings"])

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the label values, from 0."""
        return tuple(self.record["class_names"])

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the stored measures."""
        return tuple(self.record["measures"])

    @property
    def plan(self) -> BlockPlan:
        """The blocks that the result is made of."""
        z, y, x = self.record["block_shape"]
        shape = self.spec.shape
        roi = self.settings.roi
        return BlockPlan(shape, Roi.parse(roi, shape) if roi else Roi.whole(shape), (z, y, x))
