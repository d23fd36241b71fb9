"""How long people worked on a review, as its journal tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

__all__ = ["WorkTime"]

_LONGEST_PAUSE = 60.0  # seconds; who writes nothing for longer is elsewhere
_SITTING = 1800.0  # seconds; after a longer gap somebody has sat down anew


@dataclass(frozen=True)
class WorkTime:
    """When a review was worked on, and by whom.

    Attributes
    ----------
    active_seconds : float
        Sum of the pauses up to a minute between rows of the journal.
    sittings : int
        Runs of rows without a gap of over half an hour.
    first_utc, last_utc : str
        ISO 8601; empty where there is no row.
    rows_by_user : mapping of str to int
        Who wrote most comes first.
    """

    active_seconds: float
    sittings: int
    first_utc: str
    last_utc: str
    rows_by_user: Mapping[str, int]

    @classmethod
    def of(cls, timeline: Sequence[tuple[str, str, str]]) -> WorkTime:
        """Read it off the time, user and action of every row of a journal, in order."""
        times = [datetime.fromisoformat(time) for time, _, _ in timeline]
        gaps = [(after - before).total_seconds() for before, after in pairwise(times)]
        # Clocks may be set back: such a gap tells nothing.
        return cls(
            sum(gap for gap in gaps if 0 <= gap <= _LONGEST_PAUSE),
            bool(times) + sum(gap > _SITTING for gap in gaps),
            timeline[0][0] if timeline else "",
            timeline[-1][0] if timeline else "",
            dict(Counter(user for _, user, _ in timeline).most_common()),
        )
