"""One step of a review: what undo takes back at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.review.labels.voxels import VoxelChange, VoxelSet
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.status import Replacement, Status

__all__ = ["IN_BULK", "KINDS", "TOOLS", "Kind", "Operation", "RegionDecision", "Tool"]

Kind = Literal["accept", "reject", "defer", "reopen", "edit"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Tool = Literal["brush", "fill", "smooth", "grow", "draw"]
TOOLS: tuple[Tool, ...] = get_args(Tool)
IN_BULK = "in bulk"
"""Note of a decision that was made for all regions on one side of a threshold."""

_TITLES = {"fill": "with", "smooth": "by", "grow": "to"}  # region and note, joined


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
        Of a fill or a growth: the class, and the level of its contour; of a draw: which.
    tool : str or None
        Of an edit: one of `TOOLS`.
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
    tool: Tool | None = None

    @property
    def boxes(self) -> tuple[Roi, ...]:
        """Boxes of the regions and of the changed voxels, without repetition."""
        changed = () if self.change is None else (self.change.box,)
        return tuple(dict.fromkeys((*(decision.box for decision in self.decisions), *changed)))

    @property
    def boxes_of_voxels(self) -> tuple[Roi, ...]:
        """Boxes that hold every voxel that it is about, as tight as can be.

        What a decision writes lies in its regions; the box around all that a bulk decision writes
        may be the scan.
        """
        regions = tuple(dict.fromkeys(decision.box for decision in self.decisions))
        return self.boxes if self.kind == "edit" or not regions else regions

    @property
    def extent(self) -> Roi:
        """Smallest box around everything that it is about; an empty one where that is nothing."""
        filled = [box for box in self.boxes if not box.is_empty]
        if not filled:
            return Roi((0, 0, 0), (0, 0, 0))
        starts, stops = zip(*((box.start, box.stop) for box in filled), strict=True)
        z, y, x = (min(values) for values in zip(*starts, strict=True))
        low: Index3 = (z, y, x)
        z, y, x = (max(values) for values in zip(*stops, strict=True))
        return Roi(low, (z, y, x))

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
        if self.tool == "draw" and self.decisions:
            return f"take {self.note} in region {self.decisions[0].region_id}"
        if self.tool in _TITLES and self.decisions:
            region = f"{self.tool} region {self.decisions[0].region_id}"
            return f"{region} {_TITLES[self.tool]} {self.note}" if self.note else region
        if self.kind == "edit":
            count = 0 if self.change is None else self.change.count
            return f"paint {count} voxel{'' if count == 1 else 's'}"
        if len(self.decisions) == 1:
            return f"{self.kind} region {self.decisions[0].region_id}"
        return f"{self.kind} {len(self.decisions)} regions"
