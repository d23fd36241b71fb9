"""The head of a journal as a file: kept elsewhere, it proves that nothing before it was rewritten.

A chain of hashes shows a change in the middle, not a chain that was made anew from there on. Who
keeps the hash of a row outside the folder can tell that, too.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from napari_bayesseg.core.errors import FormatError, StoreError
from napari_bayesseg.io.atomic import write_bytes_atomically
from napari_bayesseg.review.journal.journal import Journal

__all__ = ["HEAD_FILE", "JournalHead", "check_head", "read_head", "write_head"]

HEAD_FILE = "journal-head.json"
_FORMAT = "napari-bayesseg journal head"
_LIMIT = 100_000  # bytes; more is another file


@dataclass(frozen=True)
class JournalHead:
    """What a journal ended with.

    Attributes
    ----------
    rows : int
    sha256_of_last_row : str
        In hex; it stands for all rows.
    time_utc : str
        When that was noted, ISO 8601.
    user : str
    run_id : str
        Of the result under review.
    """

    rows: int
    sha256_of_last_row: str
    time_utc: str
    user: str
    run_id: str


def write_head(path: Path, head: JournalHead) -> None:
    """Write a head, atomically.

    Raises
    ------
    FormatError
        If the disk refuses; an old file is intact.
    """
    content = {"format": _FORMAT, **asdict(head)}
    write_bytes_atomically(path, json.dumps(content, indent=2).encode() + b"\n")


def read_head(path: Path) -> JournalHead:
    """Read a head.

    Raises
    ------
    FormatError
        If the file is none.
    """
    try:
        if path.stat().st_size > _LIMIT:
            raise ValueError("too long")
        content = json.loads(path.read_bytes())
        if content["format"] != _FORMAT:
            raise ValueError(f"its format is {content['format']!r}")
        head = JournalHead(
            int(content["rows"]),
            *(str(content[name]) for name in ("sha256_of_last_row", "time_utc", "user", "run_id")),
        )
    except OSError as error:
        raise FormatError(f"{path.name}: can't be read ({error.strerror or error})") from None
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise FormatError(
            f"{path.name}: must be a saved head of a journal, and is none ({error}): choose "
            f"another file, such as {HEAD_FILE}"
        ) from None
    if head.rows < 1:
        raise FormatError(f"{path.name}: must name a row from 1 on; it names {head.rows}")
    return head


def check_head(journal: Journal, head: JournalHead, name: str) -> None:
    """Check that a journal still holds what it held when a head was saved.

    Parameters
    ----------
    journal : Journal
        Its chain has been verified.
    head : JournalHead
    name : str
        Of the file that the head was read from.

    Raises
    ------
    StoreError
        If it doesn't.
    """
    found = journal.hash_of(head.rows)
    if not found:
        raise StoreError(
            f"{journal.path}: ends with row {journal.sequence}, but had {head.rows} rows when "
            f"{name} was saved ({head.time_utc}): rows were removed, or an older copy was put here"
        )
    if found != head.sha256_of_last_row:
        raise StoreError(
            f"{journal.path}: row {head.rows} is another one than when {name} was saved "
            f"({head.time_utc}): rows up to it were rewritten, or it is another review"
        )
