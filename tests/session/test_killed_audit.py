"""Killed in the middle of an audit, the next process asks about the same place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from napari_bayesseg.review.audit.audit_rows import read_audits
from napari_bayesseg.review.review import Review
from tests.session.places import begin_review, write_places

ROOT = Path(__file__).resolve().parents[2]
ANSWERS = ([True, False, True], [False, True, True, False])


def test_an_audit_goes_on_at_the_same_place(tmp_path: Path) -> None:
    result = write_places(tmp_path / "r.zarr")
    begin_review(result)
    asked: list[str] = []
    for answers in ANSWERS:
        asked += work_and_be_killed(result.path, answers)
    assert [line.split()[0] for line in asked] == ["0", "1", "2", "3", "3", "4", "5", "6", "7"]
    assert asked[3] == asked[4]
    with Review.open(result) as review:
        (record,) = read_audits(review.events)
    assert list(record.answers.values()) == [*ANSWERS[0], *ANSWERS[1]]
    assert record.next_number == 7
    assert not record.is_ended


def work_and_be_killed(path: Path, answers: list[bool]) -> list[str]:
    """Answer, and kill the process once it asks again; return all that it asked."""
    command = [sys.executable, "-m", "tests.session.killed_audit", str(path)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked = [process.stdout.readline()]
        for agrees in answers:
            process.stdin.write("agree\n" if agrees else "disagree\n")
            process.stdin.flush()
            asked.append(process.stdout.readline())
        process.kill()
    return asked
