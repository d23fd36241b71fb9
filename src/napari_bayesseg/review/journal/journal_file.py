"""The SQLite file of a journal: its tables, how it is opened, and its errors in words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from napari_bayesseg.core.errors import StoreError

__all__ = [
    "FORMAT_VERSION",
    "check_tables",
    "connect",
    "copy_database",
    "explained",
    "transaction",
]

FORMAT_VERSION = 1
_APPLICATION_ID = 0x4E425352  # "NBSR" in the file's header: whose journal it is
_WAIT = 10.0  # seconds for a reader in another process
_SCHEMA = (
    "CREATE TABLE rows (sequence INTEGER PRIMARY KEY AUTOINCREMENT, utc TEXT NOT NULL, "
    "user TEXT NOT NULL, action TEXT NOT NULL, content TEXT NOT NULL, change BLOB, "
    "previous TEXT NOT NULL, hash TEXT NOT NULL)",
    "CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TRIGGER rows_stay BEFORE UPDATE ON rows "
    "BEGIN SELECT RAISE(ABORT, 'rows of a journal never change'); END",
    "CREATE TRIGGER rows_remain BEFORE DELETE ON rows "
    "BEGIN SELECT RAISE(ABORT, 'rows of a journal are never removed'); END",
    "CREATE TRIGGER rows_follow BEFORE INSERT ON rows "
    "WHEN NEW.sequence IS NOT (SELECT coalesce(max(sequence), 0) + 1 FROM rows) "
    "BEGIN SELECT RAISE(ABORT, 'rows of a journal follow one another'); END",
)
_REMEDIES = {
    "SQLITE_FULL": "the disk is full, this step was not saved and all before are: make room",
    "SQLITE_BUSY": "another program holds it: close that program and try again",
    "SQLITE_LOCKED": "another program holds it: close that program and try again",
    "SQLITE_READONLY": "it can't be written to: change the permissions of its folder",
    "SQLITE_CANTOPEN": "it can't be opened: change the permissions of its folder",
    "SQLITE_IOERR": "the disk failed: check the disk, then open the review again",
    "SQLITE_CORRUPT": "it is damaged: restore the folder from a copy",
    "SQLITE_NOTADB": "it is damaged, or no journal: restore the folder from a copy",
}


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """Open a journal's file; begin one where there is none, unless it is only to be read.

    Raises
    ------
    StoreError
        If the file is no journal, is damaged, was made by a newer version, or can't be opened.
    """
    # A reader opens for writing too, or it couldn't take back what a killed writer left half
    # done; SQLite opens read-only by itself where the system allows no more.
    uri = f"{path.absolute().as_uri()}?mode={'rw' if read_only else 'rwc'}"
    with explained(path):
        connection = sqlite3.connect(
            uri, uri=True, timeout=_WAIT, isolation_level=None, check_same_thread=False
        )
    try:
        with explained(path):
            _prepare(connection, path, read_only)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, read_only: bool) -> None:
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    if read_only:
        connection.execute("PRAGMA query_only=ON")
    else:
        for pragma in ("journal_mode=DELETE", "synchronous=EXTRA", "fullfsync=ON"):
            connection.execute(f"PRAGMA {pragma}")
        if _is_empty(connection):
            _create(connection)
    if _pragma(connection, "application_id") != _APPLICATION_ID:
        raise StoreError(f"{path}: is no journal of a review: move it away")
    found = _pragma(connection, "user_version")
    if found != FORMAT_VERSION:
        raise StoreError(
            f"{path}: journal format {found}, but this version reads {FORMAT_VERSION}: "
            "update napari-bayesseg"
        )


def _is_empty(connection: sqlite3.Connection) -> bool:
    """Whether nothing was ever written; a program killed while it began leaves that."""
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return bool(tables == 0 and _pragma(connection, "application_id") == 0)


def _pragma(connection: sqlite3.Connection, name: str) -> Any:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def _create(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={FORMAT_VERSION}")
        for statement in _SCHEMA:
            connection.execute(statement)


def copy_database(connection: sqlite3.Connection, path: Path) -> None:
    """Copy what is committed now into a new file; another process may be writing meanwhile."""
    target = sqlite3.connect(path, isolation_level=None)
    try:
        connection.backup(target)
    finally:
        target.close()


def check_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Check the file's structure, and that its tables and triggers are ours.

    Raises
    ------
    StoreError
        Saying what is damaged.
    """
    report = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if report != "ok":
        cause = " ".join(str(report).split())
        raise StoreError(f"{path}: is damaged ({cause}): restore the folder from a copy")
    query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
    if {sql for (sql,) in connection.execute(query)} != set(_SCHEMA):
        raise StoreError(f"{path}: its tables were changed: restore the folder from a copy")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what is done inside as one, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into one line.

    Raises
    ------
    StoreError
        Instead of them.
    """
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or ""
        code = "_".join(name.split("_")[:2])
        remedy = _REMEDIES.get(code, "close the review and open it again")
        raise StoreError(f"{path}: the journal can't be used ({error}): {remedy}") from error
