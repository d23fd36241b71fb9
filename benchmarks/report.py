"""Put the tables of the JSON files into the documentation, between its markers.

``python -m benchmarks.report JSON... [--into docs/results.md] [--check]``; in the document, the
table of the benchmark NAME stands between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.rows import Outcome, read_outcomes
from benchmarks.tables import markdown

__all__ = ["DOCUMENT", "RESULTS", "fill", "main"]

_DOCS = Path(__file__).resolve().parents[1] / "docs"
DOCUMENT = _DOCS / "results.md"
"""What people read."""
RESULTS = _DOCS / "results.json"
"""The numbers that :data:`DOCUMENT` shows."""


def fill(text: str, outcomes: Sequence[Outcome]) -> str:
    """Return the document with the tables of `outcomes` in the places that their names mark.

    Raises
    ------
    ValueError
        If the document has no place for one of them.
    """
    for outcome in outcomes:
        begin, end = f"<!-- begin {outcome.name} -->", f"<!-- end {outcome.name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"the document has no place for {outcome.name}: write {begin} {end}")
        content = f"{begin}\n\n{markdown(outcome)}\n\nMeasured on {outcome.machine}.\n\n{end}"
        text = pattern.sub(lambda _, content=content: content, text)  # type: ignore[misc]
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; with ``--check`` return 1 if the document is not up to date."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("json", type=Path, nargs="*", default=[RESULTS], help="files of results")
    parser.add_argument("--into", type=Path, default=DOCUMENT, help="document with markers")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    options = parser.parse_args(arguments)
    outcomes = [outcome for path in options.json for outcome in read_outcomes(path)]
    before = options.into.read_text(encoding="utf-8")
    after = fill(before, outcomes)
    if options.check:
        return int(after != before)
    options.into.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
