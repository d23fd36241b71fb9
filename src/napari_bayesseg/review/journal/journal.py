"""The journal of a review: one SQLite file to which rows are only ever added.

A row is on the disk when :meth:`Journal.append` returns: rollback journal, ``synchronous=EXTRA``,
one transaction a row. Each row holds the hash of the one before, so that a change anywhere in the
past is seen. Beside the rows stands a small state (where the person is), written in the same
transaction as a row or by itself.

Rollback journal and not a write-ahead log: the latter is unsafe on network drives.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.review.journal.journal_file import (
    check_tables,
    connect,
    copy_database,
    explained,
    transaction,
)
from napari_bayesseg.review.journal.journal_rows import Row, canonical_json, row_hash, storable

__all__ = ["Journal", "Row"]

_SELECT = "SELECT sequence, utc, user, action, content, change, previous, hash FROM rows "
_FEW = 64  # rows that are read at once


class Journal:
    """A journal opened by :meth:`open`; threads may use it in turn."""

    def __init__(self, path: Path, connection: sqlite3.Connection, user: str) -> None:
        self.path = path
        self._connection = connection
        self.user = storable(user)
        self._lock = threading.RLock()
        with explained(path):
            self._head = self._stored_head()

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False, user: str = "") -> Journal:
        """Open a journal, or begin one where there is none.

        A reader may open it while another process writes; a writer must hold the review's lock.

        Raises
        ------
        StoreError
            If the file is no journal, is damaged, was made by a newer version, or can't be opened.
        """
        connection = connect(path, read_only=read_only)
        try:
            return cls(path, connection, user)
        except BaseException:
            connection.close()
            raise

    def _stored_head(self) -> tuple[int, str]:
        query = "SELECT sequence, hash FROM rows ORDER BY sequence DESC LIMIT 1"
        found = self._connection.execute(query).fetchone()
        return (int(found[0]), str(found[1])) if found else (0, "")

    @property
    def sequence(self) -> int:
        """Number of the last row; 0 where there is none."""
        return self._head[0]

    @property
    def head(self) -> str:
        """Hash of the last row, which stands for all rows; empty where there is none."""
        return self._head[1]

    @property
    def end(self) -> tuple[int, str]:
        """Number and hash of the last row, which belong together whatever other threads do."""
        return self._head

    def append(
        self,
        action: str,
        content: Mapping[str, Any],
        change: bytes | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> Row:
        """Add a row and entries of the state; both are on the disk when this returns.

        Raises
        ------
        StoreError
            If the disk refuses, and neither was saved; or if the journal went on without this
            one, as after an error of the disk in the middle of a commit.
        """
        text = canonical_json(content)
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._lock, explained(self.path):
            sequence, previous = self._head[0] + 1, self._head[1]
            fields = (sequence, time, self.user, storable(action), text, change, previous)
            digest = row_hash(*fields)
            with transaction(self._connection):
                if self._stored_head() != self._head:
                    raise StoreError(
                        f"{self.path}: holds rows that this session doesn't know: close the "
                        "review and open it again"
                    )
                self._connection.execute(
                    "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*fields, digest)
                )
                self._put_state(state or {})
            self._head = (sequence, digest)
        return Row(sequence, time, self.user, fields[3], json.loads(text), change, previous, digest)

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Write entries of the state; they are on the disk when this returns.

        Raises
        ------
        StoreError
            If the disk refuses.
        """
        with self._lock, explained(self.path), transaction(self._connection):
            self._put_state(state)

    def _put_state(self, state: Mapping[str, Any]) -> None:
        for key, value in state.items():
            self._connection.execute(
                "REPLACE INTO state VALUES (?, ?)", (key, canonical_json(value))
            )

    @property
    def state(self) -> dict[str, Any]:
        """Where the person is, by key; entries that can't be read are left out."""
        with self._lock, explained(self.path):
            found = self._connection.execute("SELECT key, value FROM state").fetchall()
        state: dict[str, Any] = {}
        for key, value in found:
            with suppress(TypeError, ValueError, RecursionError):
                state[key] = json.loads(value)
        return state

    def timeline(self) -> list[tuple[str, str, str]]:
        """Return time (ISO 8601), user and action of every row, without what they hold."""
        query = "SELECT utc, user, action FROM rows ORDER BY sequence"
        with self._lock, explained(self.path):
            found = self._connection.execute(query).fetchall()
        return [(str(time), str(user), str(action)) for time, user, action in found]

    def rows(self, after: int = 0, leave_out: Collection[str] | None = ()) -> Iterator[Row]:
        """Yield the rows in order, each checked against the hash of the one before.

        They are read a few at a time, so that a journal of any length takes little memory, and no
        writer waits for a slow reader.

        Parameters
        ----------
        after : int
            Number of the row before the first; it must have been checked already.
        leave_out : collection of str or None
            Actions of rows that are only checked; None: all.

        Raises
        ------
        StoreError
            Naming the first row that was changed or removed.
        """
        previous = self.hash_of(after) if after else ""
        expected = after + 1
        while found := self._read("WHERE sequence >= ? ORDER BY sequence LIMIT ?", expected, _FEW):
            for stored in found:
                if stored[0] != expected:
                    raise self._broken(expected, "is missing")
                if not _is_intact(stored, previous):
                    raise self._broken(expected, "was changed")
                expected, previous = expected + 1, stored[-1]
                if leave_out is not None and stored[3] not in leave_out:
                    yield self._row(stored)

    def row(self, sequence: int) -> Row:
        """Return a row by its number; that it is what was written is checked by its own hash.

        Raises
        ------
        StoreError
            If it was changed or removed since the journal was opened.
        """
        found = self._read("WHERE sequence = ?", sequence)
        if not found:
            raise self._broken(sequence, "is missing")
        if not _is_intact(found[0], found[0][6]):
            raise self._broken(sequence, "was changed")
        return self._row(found[0])

    def hash_of(self, sequence: int) -> str:
        """Return the hash of a row, as it stands in the file; empty where there is no such row."""
        with self._lock, explained(self.path):
            query = "SELECT hash FROM rows WHERE sequence = ?"
            found = self._connection.execute(query, (sequence,)).fetchone()
        return str(found[0]) if found else ""

    def holds_any(self, actions: Collection[str]) -> bool:
        """Whether there is a row with one of some actions."""
        marks = ", ".join("?" * len(actions))
        with self._lock, explained(self.path):
            query = f"SELECT 1 FROM rows WHERE action IN ({marks}) LIMIT 1"
            return self._connection.execute(query, tuple(actions)).fetchone() is not None

    def _read(self, where: str, *values: int) -> list[tuple[Any, ...]]:
        with self._lock, explained(self.path):
            return self._connection.execute(_SELECT + where, values).fetchall()

    def _row(self, stored: tuple[Any, ...]) -> Row:
        sequence, time, user, action, text, change, before, digest = stored
        try:
            content = json.loads(text)
        except (TypeError, ValueError, RecursionError):
            raise self._broken(sequence, "was changed") from None
        return Row(sequence, time, user, action, content, change, before, digest)

    def _broken(self, sequence: int, what: str) -> StoreError:
        return StoreError(
            f"{self.path}: row {sequence} of the journal {what} since it was written: restore the "
            "folder from a copy"
        )

    def verify(self, leave_out: Collection[str] | None = None) -> list[Row]:
        """Check the file, its tables and triggers, and the chain of rows.

        Parameters
        ----------
        leave_out : collection of str, optional
            Actions of the rows that are not returned; all are left out by default.

        Returns
        -------
        list of Row
            The others.

        Raises
        ------
        StoreError
            Saying what is damaged, and the first row that is.
        """
        with self._lock, explained(self.path):
            check_tables(self._connection, self.path)
            newest = self._connection.execute("SELECT max(seq) FROM sqlite_sequence").fetchone()[0]
        kept = list(self.rows(leave_out=leave_out))
        if newest and not self.hash_of(newest):
            raise self._broken(self._stored_head()[0] + 1, "is missing")
        return kept

    def copy_to(self, path: Path) -> None:
        """Copy all rows and the state as they are now to a new file; rows keep their hashes.

        Raises
        ------
        StoreError
            If the disk refuses, or the copy is not what was copied.
        """
        with self._lock, explained(path):
            copy_database(self._connection, path)
        with Journal.open(path, read_only=True).closing() as copy:
            copy.verify()
            if self.hash_of(copy.sequence) != copy.head:
                raise StoreError(f"{path}: is not what was copied: check the disk")

    @contextmanager
    def closing(self) -> Iterator[Journal]:
        """Close it at the end of a ``with`` block."""
        try:
            yield self
        finally:
            self.close()

    def close(self) -> None:
        """Close the file; closing again does nothing."""
        with self._lock:
            self._connection.close()


def _is_intact(stored: tuple[Any, ...], previous: str) -> bool:
    """Whether a row is as it was written, after the row with this hash."""
    try:
        return bool(stored[6] == previous and row_hash(*stored[:-1]) == stored[-1])
    except (AttributeError, TypeError, ValueError):
        return False
