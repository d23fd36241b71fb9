"""How the draws of a run disagree about the current region: made again, and leafed through."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import sleep
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.regions.region_draws import RegionDraws, make_region_draws, read_region
from napari_bayesseg.review.regions.region_table import RegionTable
from napari_bayesseg.session.background import Background, lower_priority
from napari_bayesseg.session.job import Job, JobSlot, explain

if TYPE_CHECKING:
    from napari_bayesseg.session.desk_state import DeskState

__all__ = ["DrawsDesk"]

_REST_S = 0.15
"""Before a region's draws are begun: whoever decides quickly is not slowed by draws nobody sees."""
_STEP_S = 0.01
_CACHE_BYTES = 64 * 2**20
_ONE_DRAW = "this result was made of one draw: there is nothing that could disagree"
_NO_REGION = "there is no region"


class DrawsDesk:
    """The draws of a desk's current region.

    Nothing is made until :meth:`show`, or while :attr:`follows` is off; from then on each region
    that becomes current is taken up, and while nothing else is to be done the next one of the
    queue. What was begun for a region that the person has left goes on when they come back.

    Signals:

    - ``draws_changed(RegionDraws | None)``: one draw more, another region, or none.
    - ``index_changed(int)``: another draw is looked at; 0 is the predicted label.
    - ``runner_up_changed(bool)``: whether the runner-up classes are to be outlined.
    - ``message_changed(str)``: why there are no draws; empty where there are.

    Parameters
    ----------
    desk : DeskState
    background : Background
    """

    draws_changed = Signal(object)
    index_changed = Signal(int)
    runner_up_changed = Signal(bool)
    message_changed = Signal(str)

    def __init__(self, desk: DeskState, background: Background) -> None:
        self._desk = desk
        self._slot = JobSlot(background, "draws")
        self._making: Region | None = None
        self._cache: OrderedDict[Region, RegionDraws] = OrderedDict()
        self._table: RegionTable = desk.table
        self._follows = False
        self._index = 0
        self._wanted = False
        self._runner_up = False
        self._message = ""
        self._failure = ""  # why scan or model can't be opened: true for all regions
        desk.current_changed.connect(self._on_current)
        desk.statuses_changed.connect(self._on_statuses)
        desk.regions_changed.connect(self._on_regions)

    @property
    def draws(self) -> RegionDraws | None:
        """The current region, and those of its draws that have been made."""
        region = self._desk.current
        return None if region is None else self._cache.get(region)

    @property
    def index(self) -> int:
        """The draw that is looked at, from 1; 0 is the predicted label."""
        return self._index

    @property
    def message(self) -> str:
        """Why there are no draws; empty where there are, or may be."""
        return self._message

    @property
    def runner_up_shown(self) -> bool:
        """Whether the runner-up classes are to be outlined."""
        return self._runner_up

    @property
    def is_running(self) -> bool:
        """Whether draws of the current region are still to come."""
        return self._making is not None and self._making == self._desk.current

    @property
    def follows(self) -> bool:
        """Whether each region that becomes current is taken up."""
        return self._follows

    @follows.setter
    def follows(self, wanted: bool) -> None:
        self._follows = wanted
        if wanted:
            self.show()
        elif self._index == 0 and not self._runner_up:
            self._stop()

    def close(self) -> None:
        """Drop what is under way; no signal is emitted afterwards."""
        self._slot.close()
        self._desk.current_changed.disconnect(self._on_current)
        self._desk.statuses_changed.disconnect(self._on_statuses)
        self._desk.regions_changed.disconnect(self._on_regions)

    def show(self) -> None:
        """Make the draws of the current region, in the background, unless they are there.

        Where scan or model could not be opened before, only the classes are read.
        """
        self._take_up(with_draws=True)

    def flip(self, step: int) -> None:
        """Look at the next draw, or the one before; round after the last through the label."""
        made = 0 if self.draws is None else len(self.draws.draws)
        if made:
            self.go_to((self._index + step) % (made + 1))
        else:
            self._wanted = True
            self._failure = ""  # the person may have mended it
        self.show()

    def go_to(self, index: int) -> None:
        """Look at a draw, from 1; 0 is the predicted label.

        Raises
        ------
        SettingsError
            If it has not been made.
        """
        made = 0 if self.draws is None else len(self.draws.draws)
        if not 0 <= index <= made:
            raise SettingsError(f"draw must be one of the {made} that are there; got {index}")
        self._wanted = False
        if index != self._index:
            self._index = index
            self.index_changed.emit(index)

    def toggle_runner_up(self) -> None:
        """Outline the runner-up classes of the current region and those after it, or no more."""
        self._runner_up = not self._runner_up
        self.runner_up_changed.emit(self._runner_up)
        if self._runner_up:
            self._take_up(with_draws=self._follows)

    # What the desk says

    def _on_current(self, region: Region | None) -> None:
        self.go_to(0)
        self._say("")
        if region != self._making:
            self._stop()
        self.draws_changed.emit(self.draws)
        if self._follows or self._runner_up:
            self._take_up(with_draws=self._follows)

    def _on_statuses(self, changed: tuple[int, ...]) -> None:
        """Leave the draws of a region that was decided."""
        if self._desk.current is not None and self._desk.current.id in changed:
            self.go_to(0)

    def _on_regions(self, table: RegionTable) -> None:
        """Forget what belongs to other regions; ``current_changed`` follows."""
        self._table = table
        self._stop()
        self._cache.clear()

    # Work

    def _take_up(self, *, with_draws: bool) -> None:
        """Read the current region, and make its draws, unless they are there."""
        region = self._desk.current
        if region is None:
            self._say(_NO_REGION)
            return
        if region == self._making:
            return
        known = self._cache.get(region)
        if known is None or (with_draws and self._lacks_draws(known)):
            self._start(region, with_draws and not self._failure)
        else:
            self._explain(known)
            self._prefetch()

    def _lacks_draws(self, draws: RegionDraws) -> bool:
        return not (draws.is_complete or self._failure or draws.num_draws < 2)

    def _prefetch(self) -> None:
        """Make the draws of the region that will come next."""
        following = self._desk.queue.next() if self._follows else None
        if following is None or following == self._making:
            return
        known = self._cache.get(following)
        if known is None or self._lacks_draws(known):
            self._start(following, not self._failure)

    def _start(self, region: Region, with_draws: bool) -> None:
        if region == self._desk.current:
            self._say("")
        self._making = region
        result, table, known = self._desk.result, self._table, self._cache.get(region)

        def work(job: Job) -> None:
            lower_priority()
            if not _rest(job):
                return
            so_far = read_region(result, table, region) if known is None else known
            _hand_over(job, self._take, so_far)
            if not with_draws or so_far.num_draws < 2 or job.should_stop():
                return
            for draws in make_region_draws(result, so_far):
                _hand_over(job, self._take, draws)
                if job.should_stop():
                    return

        self._slot.start(
            work,
            done=lambda _: self._ended(region),
            failed=lambda error: self._failed(region, error),
        )

    def _stop(self) -> None:
        self._making = None
        self._slot.cancel()

    def _take(self, draws: RegionDraws) -> None:
        region = draws.region
        self._cache[region] = draws
        self._cache.move_to_end(region)
        self._forget()
        if region == self._desk.current:
            self.draws_changed.emit(draws)
            if self._wanted and draws.draws:
                self.go_to(1)

    def _forget(self) -> None:
        """Drop the regions that were looked at longest ago, but never the current one."""
        used = sum(draws.num_bytes for draws in self._cache.values())
        for region in list(self._cache):
            if used <= _CACHE_BYTES:
                return
            if region not in (self._desk.current, self._making):
                used -= self._cache.pop(region).num_bytes

    def _ended(self, region: Region) -> None:
        self._making = None
        if region == self._desk.current and self.draws is not None:
            if self._wanted and self._lacks_draws(self.draws):
                self.show()  # asked for while only its classes were read
            else:
                self._explain(self.draws)
                self._prefetch()

    def _failed(self, region: Region, error: Exception) -> None:
        self._making = None
        text = explain(error)
        if region in self._cache:  # its classes were read; scan or model could not be opened
            self._failure = text
        if region == self._desk.current:
            self._wanted = False
            self._say(text)

    def _explain(self, draws: RegionDraws) -> None:
        if draws.num_draws < 2:
            self._say(_ONE_DRAW)
        elif not draws.is_complete:
            self._say(self._failure)

    def _say(self, message: str) -> None:
        if message != self._message:
            self._message = message
            self.message_changed.emit(message)


def _rest(job: Job) -> bool:
    """Wait a moment; return whether the work is still wanted then."""
    for _ in range(round(_REST_S / _STEP_S)):
        if job.should_stop():
            return False
        sleep(_STEP_S)
    return not job.should_stop()


def _hand_over(job: Job, take: Callable[[RegionDraws], None], draws: RegionDraws) -> None:
    job.post(lambda: take(draws))
