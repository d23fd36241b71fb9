"""Put the tables of the JSON files into the documentation, between its markers.

``python -m benchmarks.report JSON... [--into PAGE]... [--check]``; on a page, the table of the
benchmark NAME stands between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.rows import Outcome, read_outcomes
from benchmarks.tables import markdown

__all__ = ["DOCUMENT", "ENGINE", "METHODS", "RESULTS", "fill", "fill_pages", "main", "markers"]

_DOCS = Path(__file__).resolve().parents[1] / "docs"
DOCUMENT = _DOCS / "results.md"
"""What people read: masks, uncertainty, the window."""
ENGINE = _DOCS / "benchmarks.md"
"""What people read: how fast, how exact, how much memory."""
METHODS = _DOCS / "methods.md"
"""What people read: the methods and the study of them."""
RESULTS = _DOCS / "results.json"
"""The numbers that these pages show."""


def markers(name: str) -> tuple[str, str]:
    """Return the comments between which something of this name stands."""
    return f"<!-- begin {name} -->", f"<!-- end {name} -->"


def fill(text: str, outcomes: Sequence[Outcome]) -> str:
    """Return the document with the tables of `outcomes` in the places that their names mark.

    Raises
    ------
    ValueError
        If the document has no place for one of them.
    """
    for outcome in outcomes:
        begin, end = markers(outcome.name)
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"the document has no place for {outcome.name}: write {begin} {end}")
        content = f"{begin}\n\n{markdown(outcome)}\n\nMeasured on {outcome.machine}.\n\n{end}"
        text = pattern.sub(lambda _, content=content: content, text)  # type: ignore[misc]
    return text


def fill_pages(pages: Sequence[str], outcomes: Sequence[Outcome]) -> list[str]:
    """Return the pages, each with the tables that it has places for.

    Raises
    ------
    ValueError
        If no page has a place for one of the outcomes.
    """
    places = [[o for o in outcomes if markers(o.name)[0] in page] for page in pages]
    for outcome in outcomes:
        if not any(outcome in found for found in places):
            fill(pages[0], [outcome])  # says what is missing
    return [fill(page, found) for page, found in zip(pages, places, strict=True)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; with ``--check`` return 1 if a page is not up to date."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("json", type=Path, nargs="*", default=[RESULTS], help="files of results")
    parser.add_argument(
        "--into",
        type=Path,
        action="append",
        help="page with markers, can be given again; default results.md, benchmarks.md, methods.md",
    )
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    options = parser.parse_args(arguments)
    outcomes = [outcome for path in options.json for outcome in read_outcomes(path)]
    paths = options.into or [DOCUMENT, ENGINE, METHODS]
    before = [path.read_text(encoding="utf-8") for path in paths]
    after = fill_pages(before, outcomes)
    if options.check:
        return int(after != before)
    for path, text in zip(paths, after, strict=True):
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
