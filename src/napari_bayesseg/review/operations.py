"""One step of a review: what undo takes back at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.review.region_settings import RegionSettings
from napari_bayesseg.review.status import Replacement, Status
from napari_bayesseg.review.voxels import VoxelChange, VoxelSet

__all__ = ["IN_BULK", "KINDS", "Kind", "Operation", "RegionDecision"]

Kind = Literal["accept", "reject", "defer", "reopen", "edit"]
KINDS: tuple[Kind, ...] = get_args(Kind)
IN_BULK = "in bulk"
"""Note of a decision that was made for all regions on one side of a threshold."""


@dataclass(frozen=True)
class RegionDecision:
    """What was decided about one region, which is remembered by its voxels.

    Attributes
    ----------
    region_id : int
        Its id at that time; another threshold gives other ids.
    voxels : VoxelSet
        Of the region.
    position : (z, y, x)
        Voxel of the measure's maximum.
    before, after : Status
    expected_error_volume, volume : float
        In cubic units of the scan.
    maximum : float
        Of the measure.
    """

    region_id: int
    voxels: VoxelSet
    position: Index3
    before: Status
    after: Status
    expected_error_volume: float
    volume: float
    maximum: float

    @property
    def box(self) -> Roi:
        """Smallest box around the region."""
        return self.voxels.box


@dataclass(frozen=True)
class Operation:
    """One step of a review: a decision about one or many regions, or a stroke.

    Attributes
    ----------
    sequence : int
        Number of its row in the journal; it stays the same when undone and redone.
    time_utc : str
        ISO 8601.
    user : str
    kind : str
        ``"accept"``, ``"reject"``, ``"defer"``, ``"reopen"`` or ``"edit"``.
    decisions : tuple of RegionDecision
        None for a stroke outside every region.
    change : VoxelChange or None
        What was written into the reviewed mask.
    settings : RegionSettings or None
        What made the regions.
    replacement : Replacement or None
        Of a rejection.
    note : str
    """

    sequence: int
    time_utc: str
    user: str
    kind: Kind
    decisions: tuple[RegionDecision, ...]
    change: VoxelChange | None
    settings: RegionSettings | None
    replacement: Replacement | None
    note: str = ""

    @property
    def boxes(self) -> tuple[Roi, ...]:
        """Boxes of the regions and of the changed voxels, without repetition."""
        changed = () if self.change is None else (self.change.box,)
        return tuple(dict.fromkeys((*(decision.box for decision in self.decisions), *changed)))

    @property
    def is_look(self) -> bool:
        """Whether it tells that a person looked at the place: one decided by itself."""
        return len(self.decisions) == 1 and self.note != IN_BULK

    @property
    def position(self) -> Index3 | None:
        """Where the operation took place: the first region's maximum, or a stroke's middle."""
        if self.decisions:
            return self.decisions[0].position
        if self.change is None:
            return None
        sides = zip(self.change.box.start, self.change.box.stop, strict=True)
        z, y, x = ((low + high) // 2 for low, high in sides)
        return z, y, x

    @property
    def title(self) -> str:
        """What was done, for people."""
        if self.kind == "edit":
            count = 0 if self.change is None else self.change.count
            return f"paint {count} voxel{'' if count == 1 else 's'}"
        if len(self.decisions) == 1:
            return f"{self.kind} region {self.decisions[0].region_id}"
        return f"{self.kind} {len(self.decisions)} regions"
