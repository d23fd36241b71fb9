"""An audit: random places among what nobody looked at, and what a person says of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.core.unit_symbols import amount_text, cubic_symbol, percent_text
from napari_bayesseg.numerics.binomial_bound import binomial_interval, binomial_upper_bound
from napari_bayesseg.review.regions.region_settings import RegionSettings

__all__ = [
    "CONFIDENCE",
    "DEFAULT_PLACES",
    "Audit",
    "AuditOutcome",
    "AuditPlace",
    "AuditRecord",
]

CONFIDENCE = 0.95
DEFAULT_PLACES = 50


@dataclass(frozen=True)
class AuditPlace:
    """One place of an audit.

    Attributes
    ----------
    number : int
        From 0.
    position : (z, y, x)
    label : int
        The one that stands there.
    """

    number: int
    position: Index3
    label: int


@dataclass(frozen=True)
class Audit:
    """What an audit asks, fixed when it begins.

    Attributes
    ----------
    sequence : int
        Number of its row in the journal, by which its answers name it.
    time_utc, user : str
    seed : int
        From which the places were drawn.
    places : tuple of AuditPlace
        In the order in which they are shown.
    population : int
        Voxels that they were drawn from.
    expected_error : float
        Promised: the mean chance of an error over the population, from 0 to 1.
    voxel_volume : float
        In cubic `unit`.
    unit : str
        Full name of the length unit.
    settings : RegionSettings
        Measure and thresholds by which the population came about.
    run_id : str
        Of the result.
    """

    sequence: int
    time_utc: str
    user: str
    seed: int
    places: tuple[AuditPlace, ...]
    population: int
    expected_error: float
    voxel_volume: float
    unit: str
    settings: RegionSettings
    run_id: str


@dataclass(frozen=True)
class AuditOutcome:
    """What the answers of an audit prove.

    The bound holds for the number of places that was fixed beforehand. Who stops earlier may have
    stopped because of the answers; therefore the places without one then count as wrong, and the
    bound holds all the same.

    Attributes
    ----------
    wrong, answered, count : int
        Places that were found wrong, that were answered, and that the audit has.
    promised : float
        Mean expected error of the population, from 0 to 1.
    volume : float
        Of the population, in cubic `unit`.
    unit : str
    """

    wrong: int
    answered: int
    count: int
    promised: float
    volume: float
    unit: str

    @property
    def is_finished(self) -> bool:
        """Whether every place was answered."""
        return self.answered == self.count

    @property
    def observed(self) -> float:
        """Share of wrong places among those answered, from 0 to 1; 0 where none was."""
        return self.wrong / self.answered if self.answered else 0.0

    @property
    def _at_worst(self) -> int:
        return self.wrong + self.count - self.answered

    @property
    def bound(self) -> float:
        """At most this share of the population is wrong, with 95 % confidence (one-sided)."""
        return binomial_upper_bound(self._at_worst, self.count, CONFIDENCE)

    @property
    def interval(self) -> tuple[float, float]:
        """Two-sided 95 % interval of the share that is wrong; open to both sides by what lacks."""
        low, _ = binomial_interval(self.wrong, self.count, CONFIDENCE)
        return low, binomial_interval(self._at_worst, self.count, CONFIDENCE)[1]

    @property
    def bound_volume(self) -> float:
        """At most this volume of the population is wrong, in cubic `unit`."""
        return self.bound * self.volume

    @property
    def promised_volume(self) -> float:
        """Volume of the population that was expected to be wrong, in cubic `unit`."""
        return self.promised * self.volume

    @property
    def breaks_promise(self) -> bool:
        """Whether, with 95 % confidence, more is wrong than was promised."""
        low, _ = binomial_interval(self.wrong, self.count, 2 * CONFIDENCE - 1)
        return low > self.promised

    @property
    def volume_text(self) -> str:
        """The bound as a volume, in words."""
        cubic = cubic_symbol(self.unit)
        return (
            f"at most {amount_text(self.bound_volume)} of {amount_text(self.volume)} {cubic}, "
            f"promised {amount_text(self.promised_volume)} {cubic}"
        )

    def __str__(self) -> str:
        bound = (
            f"at most {percent_text(self.bound)} of what is accepted unseen is wrong with "
            f"{100 * CONFIDENCE:.0f} % confidence (promised {percent_text(self.promised)})"
        )
        if self.is_finished:
            text = f"{self.wrong} of {self.count} wrong; {bound}"
        else:
            left = self.count - self.answered
            text = (
                f"unfinished: {self.wrong} wrong of the {self.answered} answered of {self.count}; "
                f"with the other {left} counted as wrong, {bound}"
            )
        return f"{text}: more than promised" if self.breaks_promise else text


@dataclass(frozen=True)
class AuditRecord:
    """An audit with what was answered until now.

    Attributes
    ----------
    audit : Audit
    answers : mapping of int to bool
        By the number of the place: whether the person agrees with the label.
    is_ended : bool
        Whether it goes on no more.
    """

    audit: Audit
    answers: Mapping[int, bool]
    is_ended: bool

    @property
    def outcome(self) -> AuditOutcome:
        """What the answers prove."""
        audit = self.audit
        return AuditOutcome(
            sum(not agrees for agrees in self.answers.values()),
            len(self.answers),
            len(audit.places),
            audit.expected_error,
            audit.population * audit.voxel_volume,
            audit.unit,
        )

    @property
    def wrong_places(self) -> tuple[AuditPlace, ...]:
        """The places at which the person disagreed."""
        return tuple(p for p in self.audit.places if self.answers.get(p.number) is False)

    @property
    def next_number(self) -> int | None:
        """Number of the first place without an answer; None where there is none."""
        return next((p.number for p in self.audit.places if p.number not in self.answers), None)

    def answered(self, number: int, agrees: bool) -> AuditRecord:
        """Return the record with one more answer, or another one."""
        return replace(self, answers=MappingProxyType({**self.answers, number: agrees}))

    def ended(self) -> AuditRecord:
        """Return the record of the audit when it is over."""
        return replace(self, is_ended=True)
