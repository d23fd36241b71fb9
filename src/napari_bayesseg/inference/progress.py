"""What a run tells while it works, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.inference.plan import Block

__all__ = ["Cancelled", "RunProgress", "Teller", "duration"]


class Cancelled(BayesSegError):
    """The run was stopped on request; finished blocks are kept and the same call continues."""


@dataclass(frozen=True)
class RunProgress:
    """Where a run stands.

    Attributes
    ----------
    blocks_done, num_blocks : int
        Of this result, finished in earlier runs included. Finished is a block once it is on the
        disk.
    draws_done, num_samples : int
        Of the current block (of its current part, where memory cuts it).
    seconds : float
        Since the run started.
    block : Block or None
        The block that has just been written, else None.
    """

    blocks_done: int
    num_blocks: int
    draws_done: int
    num_samples: int
    seconds: float
    block: Block | None = None


class Teller:
    """Counts finished blocks and tells how a run stands.

    Parameters
    ----------
    num_blocks, num_missing : int
        Of the plan, and to be computed now.
    num_samples : int
    report : callable
        Receives a :class:`RunProgress`.
    """

    def __init__(
        self,
        num_blocks: int,
        num_missing: int,
        num_samples: int,
        report: Callable[[RunProgress], None],
    ) -> None:
        self._num_blocks = num_blocks
        self._done = num_blocks - num_missing
        self._num_samples = num_samples
        self._report = report
        self._started = perf_counter()

    def draws(self, draws_done: int) -> None:
        """Tell how many draws of the current block are finished."""
        self._tell(draws_done, None)

    def block(self, block: Block) -> None:
        """Tell of a block that is on the disk."""
        self._done += 1
        self._tell(self._num_samples, block)

    def _tell(self, draws_done: int, block: Block | None) -> None:
        seconds = perf_counter() - self._started
        self._report(
            RunProgress(self._done, self._num_blocks, draws_done, self._num_samples, seconds, block)
        )


def duration(seconds: float) -> str:
    """Say a length of time shortly: ``"9 s"``, ``"12 min"``, ``"1.5 h"``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
