"""How far a run is, as a number of draws and in words."""

from __future__ import annotations

from napari_bayesseg.inference.progress import RunProgress, duration

__all__ = ["ProgressMeter"]


class ProgressMeter:
    """Counts draws over all blocks, so that a bar moves smoothly within a block too.

    The time left follows the pace of this run alone: blocks of an earlier one cost nothing now.
    """

    def __init__(self) -> None:
        self._first_done: int | None = None

    def update(self, now: RunProgress) -> tuple[int, int, str]:
        """Take over a report.

        Parameters
        ----------
        now : RunProgress

        Returns
        -------
        done : int
            Draws, of all blocks.
        total : int
        text : str
            Such as ``"block 3 of 8 · draw 5 of 16 · 9 s left"``.
        """
        if self._first_done is None:
            self._first_done = now.blocks_done - (now.block is not None)
        within = 0 if now.block is not None else now.draws_done
        done = now.blocks_done * now.num_samples + within
        total = now.num_blocks * now.num_samples
        number = now.blocks_done + (now.block is None)
        text = f"block {number} of {now.num_blocks} \u00b7 draw {now.draws_done} of "
        text += f"{now.num_samples}"
        drawn = done - self._first_done * now.num_samples
        if drawn > 0 and done < total:
            left = now.seconds / drawn * (total - done)
            text += f" \u00b7 {duration(left)} left"
        return done, total, text
