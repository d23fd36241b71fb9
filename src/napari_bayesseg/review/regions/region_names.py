"""Names of regions that stay: a region keeps its id when a handle moves or the model runs again."""

from __future__ import annotations

import base64
import binascii
import threading
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.numerics.region_groups import RegionGroups
from napari_bayesseg.review.labels.voxels import unpacked

__all__ = ["RegionNames"]

Indices = NDArray[np.int64]


class RegionNames:
    """Which id each place has: a place is known by the voxel of its maximum.

    A region takes the id of its own maximum if that is known; else the smallest id among the known
    maxima that lie inside it, as where two regions have grown together or another run has moved
    the maximum by a voxel; else a new one. Where two regions would take the same id, the one with
    the larger expected error does. Names are only added, so an id never comes to mean another
    place. Threads may use it in turn.

    Parameters
    ----------
    shape : (Z, Y, X)
        Of the volume.
    """

    def __init__(self, shape: Index3) -> None:
        self.shape = shape
        self._ids: dict[int, int] = {}
        self._next = 1
        self._lock = threading.Lock()

    @property
    def count(self) -> int:
        """Number of places that are known."""
        return len(self._ids)

    def name(self, groups: RegionGroups) -> NDArray[np.int32]:
        """Return the id of each region ``(r,)``, and remember the new ones.

        Parameters
        ----------
        groups : RegionGroups
            By falling expected error: so are new ids given.
        """
        with self._lock:
            return self._name(groups)

    def _name(self, groups: RegionGroups) -> NDArray[np.int32]:
        peaks = groups.voxels.indices[groups.peaks].tolist()
        inherited = self._inherited(groups)
        # First those that are known by their own maximum: nobody may take their ids.
        taken = {self._ids[peak] for peak in peaks if peak in self._ids}
        own: set[int] = set()
        ids = np.empty(groups.size, np.int32)
        for group, peak in enumerate(peaks):
            known = self._ids.get(peak)
            if known is not None and known not in own:
                own.add(known)
                ids[group] = known
                continue
            heir = next((name for name in inherited.get(group, ()) if name not in taken), None)
            ids[group] = self._next if heir is None else heir
            self._next += heir is None
            taken.add(int(ids[group]))
            self._ids[peak] = int(ids[group])
        return ids

    def _inherited(self, groups: RegionGroups) -> dict[int, list[int]]:
        """Return the known ids inside each region, the smallest first."""
        if not self._ids or groups.size == 0:
            return {}
        voxels = np.fromiter(self._ids.keys(), np.int64, len(self._ids))
        ids = np.fromiter(self._ids.values(), np.int64, len(self._ids))
        order = np.argsort(ids, kind="stable")
        voxels, ids = voxels[order], ids[order]
        places = np.searchsorted(groups.voxels.indices, voxels)
        places[places == groups.voxels.count] = 0
        inside = groups.voxels.indices[places] == voxels
        found = groups.group_of_places()[places]
        heirs: dict[int, list[int]] = {}
        for group, name in zip(found[inside].tolist(), ids[inside].tolist(), strict=True):
            if group >= 0:
                heirs.setdefault(group, []).append(name)
        return heirs

    def as_json(self) -> dict[str, Any]:
        """Return the names as JSON values."""
        with self._lock:
            voxels = np.fromiter(self._ids.keys(), "<i8", len(self._ids))
            ids = np.fromiter(self._ids.values(), "<i4", len(self._ids))
        packed = zlib.compress(voxels.tobytes() + ids.tobytes(), 1)
        return {"count": voxels.size, "places": base64.b64encode(packed).decode("ascii")}

    @classmethod
    def from_json(cls, shape: Index3, values: Mapping[str, Any]) -> RegionNames:
        """Read what :meth:`as_json` gave.

        Raises
        ------
        StoreError
            If it is something else, or of another volume.
        """
        names = cls(shape)
        try:
            count = int(values["count"])
            raw = unpacked(base64.b64decode(values["places"], validate=True), 12 * count)
            voxels = np.frombuffer(raw, "<i8", count)
            ids = np.frombuffer(raw, "<i4", count, offset=8 * count)
            size = int(np.prod(shape, dtype=np.int64))
            if count and not (voxels.min() >= 0 and voxels.max() < size and ids.min() > 0):
                raise ValueError("names of another volume")
        except (KeyError, TypeError, ValueError, binascii.Error, zlib.error) as error:
            raise StoreError(f"these are no names of regions ({error})") from None
        names._ids = dict(zip(voxels.tolist(), ids.tolist(), strict=True))
        names._next = int(ids.max(initial=0)) + 1
        return names
