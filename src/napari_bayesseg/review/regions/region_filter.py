"""Which regions of a queue are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from napari_bayesseg.review.status import Status

__all__ = ["Mark", "Marks", "RegionFilter"]


class Mark(StrEnum):
    """What a region may have besides a status and classes."""

    MUST_SEE = "must be looked at"
    BORDER = "touches the border"
    NOTE = "has a note"
    CONFLICT = "conflicts with a new run"


@dataclass(frozen=True)
class Marks:
    """What a table alone doesn't say of its regions.

    Attributes
    ----------
    upper : float
        Regions whose maximum reaches it must be looked at, in the measure's unit.
    noted : frozenset of int
        Ids of regions with a note.
    conflicting : frozenset of int
        Ids of regions that were accepted and are predicted otherwise by a new run.
    """

    upper: float = float("inf")
    noted: frozenset[int] = field(default=frozenset())
    conflicting: frozenset[int] = field(default=frozenset())


@dataclass(frozen=True)
class RegionFilter:
    """Leaves regions out of a queue; all of its parts must agree.

    Attributes
    ----------
    statuses : frozenset of Status or None
        Only regions with one of these; None: all.
    classes : frozenset of int or None
        Only regions that hold a voxel of one of these predicted classes; None: all.
    marks : frozenset of Mark
        Only regions with every one of these.
    """

    statuses: frozenset[Status] | None = None
    classes: frozenset[int] | None = None
    marks: frozenset[Mark] = frozenset()

    @classmethod
    def of(
        cls,
        statuses: Iterable[Status] | None = None,
        classes: Iterable[int] | None = None,
        marks: Iterable[Mark] = (),
    ) -> RegionFilter:
        """Build from any iterables."""
        return cls(
            None if statuses is None else frozenset(statuses),
            None if classes is None else frozenset(classes),
            frozenset(marks),
        )
