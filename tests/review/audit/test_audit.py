from __future__ import annotations

import pytest

from napari_bayesseg.numerics.binomial_bound import binomial_upper_bound
from napari_bayesseg.review.audit.audit import Audit, AuditOutcome, AuditPlace, AuditRecord
from tests.review.cases import SETTINGS


def outcome(wrong: int, answered: int, count: int = 50, promised: float = 0.013) -> AuditOutcome:
    return AuditOutcome(wrong, answered, count, promised, 2000.0, "micrometer")


def test_one_clear_line() -> None:
    assert str(outcome(0, 50)) == (
        "0 of 50 wrong; at most 5.8 % of what is accepted unseen is wrong with 95 % confidence "
        "(promised 1.3 %)"
    )
    assert outcome(0, 50).volume_text == "at most 116 of 2,000 µm³, promised 26 µm³"


def test_who_stops_early_gains_nothing() -> None:
    """Places without an answer count as wrong, so the bound holds whyever somebody stopped."""
    stopped = outcome(1, 30)
    assert not stopped.is_finished
    assert stopped.bound == binomial_upper_bound(21, 50)
    assert stopped.observed == pytest.approx(1 / 30)
    assert all(stopped.bound > outcome(1 + later, 50).bound for later in range(20))
    assert str(stopped).startswith(
        "unfinished: 1 wrong of the 30 answered of 50; with the other 20 counted as wrong, at most"
    )
    assert outcome(0, 0).bound == 1
    assert outcome(0, 0).observed == 0
    low, high = stopped.interval
    assert low < outcome(1, 50).interval[0] + 1e-12
    assert high > outcome(20, 50).interval[1]


def test_a_broken_promise_is_told() -> None:
    """One-sided: with 7 of 50 wrong the share is above 6.7 % with 95 % confidence."""
    assert outcome(7, 50, promised=0.06).breaks_promise
    assert not outcome(7, 50, promised=0.07).breaks_promise
    assert str(outcome(7, 50, promised=0.06)).endswith("more than promised")
    assert not outcome(0, 0, promised=0.0).breaks_promise


def test_the_latest_answer_counts() -> None:
    places = tuple(AuditPlace(n, (0, 0, n), 1) for n in range(3))
    audit = Audit(7, "", "ada", 1, places, 100, 0.1, 0.5, "micrometer", SETTINGS, "run")
    record = AuditRecord(audit, {}, False)
    assert record.next_number == 0
    record = record.answered(0, True).answered(2, False)
    assert record.next_number == 1
    assert [place.number for place in record.wrong_places] == [2]
    record = record.answered(2, True).answered(1, False)
    assert record.next_number is None
    assert record.outcome == AuditOutcome(1, 3, 3, 0.1, 50.0, "micrometer")
    assert record.ended().is_ended
