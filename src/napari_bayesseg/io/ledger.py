"""The ledger of a result store: which blocks are finished, one durable line each.

A block counts as finished when its line is on the disk, never because a chunk file exists. A line
that was cut off by a crash is not a line, and is overwritten by the next one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_bayesseg.core.errors import StoreError

__all__ = ["Ledger", "LedgerRow"]


@dataclass(frozen=True)
class LedgerRow:
    """One finished block.

    Attributes
    ----------
    index : int
        Of the block in the plan's grid.
    sha256 : str
        Of everything that the block wrote.
    run_id : str
    device : str
        Where it was computed.
    skipped : bool
        Whether it was left out: nothing in it was asked for.
    """

    index: int
    sha256: str
    run_id: str
    device: str
    skipped: bool = False

    def to_line(self) -> bytes:
        """Return the row as it stands in the file."""
        values = dict(self.__dict__)
        if not self.skipped:
            del values["skipped"]
        return json.dumps(values, sort_keys=True).encode() + b"\n"


class Ledger:
    """Append-only file of :class:`LedgerRow`, one JSON object a line."""

    def __init__(self, path: Path, run_id: str) -> None:
        self.path = path
        self.run_id = run_id

    def rows(self) -> dict[int, LedgerRow]:
        """Return the finished blocks by index; a later line for a block wins.

        Raises
        ------
        StoreError
            If a complete line is damaged or of another run.
        """
        return {row.index: row for row in self._parsed(self._complete_lines())}

    def _complete_lines(self) -> list[bytes]:
        if not self.path.exists():
            return []
        # What follows the last line feed was never finished.
        return self.path.read_bytes().split(b"\n")[:-1]

    def _parsed(self, lines: list[bytes]) -> Iterator[LedgerRow]:
        for number, line in enumerate(lines, start=1):
            try:
                values: dict[str, Any] = json.loads(line)
                row = LedgerRow(**values)
            except (ValueError, TypeError):
                raise StoreError(
                    f"{self.path}: line {number} is damaged; start again with --overwrite"
                ) from None
            if row.run_id != self.run_id:
                raise StoreError(f"{self.path}: line {number} belongs to another run")
            yield row

    def append(self, index: int, sha256: str, device: str, *, skipped: bool = False) -> None:
        """Add a line and return once it is on the disk."""
        line = LedgerRow(index, sha256, self.run_id, device, skipped).to_line()
        keep = sum(len(text) + 1 for text in self._complete_lines())
        with self.path.open("r+b" if self.path.exists() else "wb") as file:
            file.truncate(keep)
            file.seek(keep)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def drop(self, indices: set[int]) -> None:
        """Forget blocks that were found damaged, so that they are computed again."""
        kept = [row for row in self.rows().values() if row.index not in indices]
        temporary = self.path.with_suffix(".new")
        with temporary.open("wb") as file:
            file.write(b"".join(row.to_line() for row in kept))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)
