"""CSV files that spreadsheets can open without being tricked into running a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from napari_bayesseg.io.atomic import replace_atomically

__all__ = ["write_csv"]

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def _cell(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return "'" + value
    return value


def write_csv(
    path: Path,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    comments: Mapping[str, str] | None = None,
) -> None:
    """Write a table as UTF-8 CSV, atomically.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        Headings, each with its unit.
    rows : iterable of sequences
        Floats are written with six significant digits.
    comments : mapping, optional
        Written before the headings as ``# key: value`` lines.
    """
    with (
        replace_atomically(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        for key, value in (comments or {}).items():
            file.write(f"# {key}: {' '.join(value.split())}\n")
        writer = csv.writer(file)
        writer.writerow([_cell(column) for column in columns])
        writer.writerows([_cell(value) for value in row] for row in rows)
