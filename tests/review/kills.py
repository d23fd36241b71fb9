"""Killing sessions of a review one after the other, and what must hold after each kill."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from napari_bayesseg.inference.result import Result
from napari_bayesseg.review.journal.replaying import checked_rows, replay
from napari_bayesseg.review.review import Review
from tests.review.cases import naive_replay

ROOT = Path(__file__).resolve().parents[2]


class Session:
    """A working process; what it says is read as it comes, so that its pipe is never full."""

    def __init__(self, result: Result, seed: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.review.killed_session", str(result.path), str(seed)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.said: list[bytes] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.said.extend(iter(self.process.stdout.readline, b""))

    def work_and_be_killed(self, seconds: float) -> list[tuple[int, str]]:
        """Let it work for a while; return the rows that it called saved."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"go\n")
        self.process.stdin.flush()
        while len(self.said) < 3 and self.process.poll() is None:  # ready, open, the first row
            time.sleep(0.001)
        time.sleep(seconds)
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.close()
        assert self.said[1] == b"open 0\n"
        whole = [line.split() for line in self.said[2:] if line.endswith(b"\n")]
        return [(int(sequence), head.decode()) for sequence, head in whole]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


def kill_again_and_again(result: Result, kills: int, seed: int) -> int:
    """Kill so many sessions of one review in turn; return how many rows were called saved."""
    rng = np.random.default_rng(seed)
    total = 0
    following = Session(result, seed)
    try:
        for kill in range(kills):
            session, following = following, Session(result, seed + kill + 1)
            saved = session.work_and_be_killed(float(rng.uniform(0.0, 0.25)))
            total += len(saved)
            check(result, dict(saved))
    finally:
        following.close()
    return total


def check(result: Result, saved: dict[int, str]) -> None:
    with Review.open(result) as review:
        assert not review.read_only
        assert "snapshot" not in review.notice
        assert "row" not in review.notice
        assert not list(review.folder.glob(".napari-bayesseg-*"))
        journal = review._record._journal
        rows = {row.sequence: row.hash for row in journal.rows()}
        assert saved.items() <= rows.items()
        # What was in the middle of being saved may be in or not.
        assert review.sequence <= max(saved) + 1
        labels = review.labels()
        np.testing.assert_array_equal(review.mask.array[...], labels)
        np.testing.assert_array_equal(
            naive_replay(review.folder / "journal.sqlite", result.labels[...]), labels
        )
        # From the first row on, without a snapshot: the same, down to the status of every voxel.
        whole = replay(result, review.folder, journal, checked_rows(journal), from_first_row=True)
        np.testing.assert_array_equal(whole.labels, labels)
        depth = labels.shape[0]
        codes = [history.voxels.planes(0, depth) for history in (whole.history, review.history)]
        nothing = np.zeros(labels.shape, np.uint8)  # as where all is undone, before a snapshot
        np.testing.assert_array_equal(*(nothing if c is None else c for c in codes))
        for ours, theirs in (
            (review.history.applied, whole.history.applied),
            (review.history.undone, whole.history.undone),
        ):
            assert [o.sequence for o in ours] == [o.sequence for o in theirs]
