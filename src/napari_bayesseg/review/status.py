"""What was decided about a region, and what takes the place of a rejected label."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Replacement", "Status"]


class Status(StrEnum):
    """What was last decided about a region."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    EDITED = "edited"
    DEFERRED = "deferred"

    @property
    def is_decided(self) -> bool:
        """Whether nobody needs to look again: accepted, rejected or edited."""
        return self in (Status.ACCEPTED, Status.REJECTED, Status.EDITED)


class Replacement(StrEnum):
    """What the label of a rejected voxel becomes.

    Class 0, the class with the second largest mean probability, or the label of the starting mask
    (where the review began from one).
    """

    BACKGROUND = "background"
    RUNNER_UP = "runner-up"
    PREVIOUS = "previous"
