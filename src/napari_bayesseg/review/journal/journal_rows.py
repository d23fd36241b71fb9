"""A row of a journal, and the hash that ties it to the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Row", "canonical_json", "row_hash", "storable"]


@dataclass(frozen=True)
class Row:
    """One row of a journal.

    Attributes
    ----------
    sequence : int
        From 1 without gaps; the order of what happened, whatever the clock did.
    time_utc : str
        ISO 8601, to the millisecond.
    user, action : str
    content : dict
        JSON values.
    change : bytes or None
    previous, hash : str
        SHA-256 of the row before (empty for the first) and of this one with it, in hex.
    """

    sequence: int
    time_utc: str
    user: str
    action: str
    content: Mapping[str, Any]
    change: bytes | None
    previous: str
    hash: str


def storable(text: str) -> str:
    """Escape what is no character, such as half a pair of code units: it can't be stored."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def canonical_json(value: Any) -> str:
    """Return JSON of which there is only one form, in ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def row_hash(
    sequence: int,
    time_utc: str,
    user: str,
    action: str,
    content: str,
    change: bytes | None,
    previous: str,
) -> str:
    """Return the SHA-256 of a row's fields as they are stored, in hex."""
    digest = hashlib.sha256()
    texts = (previous, str(sequence), time_utc, user, action, content)
    for part in (*(text.encode("utf-8") for text in texts), change):
        # Lengths keep the fields apart: no byte can move from one into the next unseen.
        digest.update(b"-" if part is None else b"%d:" % len(part))
        digest.update(part or b"")
    return digest.hexdigest()
