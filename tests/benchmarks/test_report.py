from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.report import DOCUMENT, ENGINE, METHODS, RESULTS, fill, fill_pages, main
from benchmarks.rows import Outcome, Row, write_outcomes

TEXT = """# Results

<!-- begin one -->
old
<!-- end one -->
words
<!-- begin two --><!-- end two -->
"""
ONE_ROW = Row("wall \\1 time", 1.5)
ONE = Outcome.of("one", "2 cores", [ONE_ROW])


def test_tables_go_between_their_markers_and_nothing_else_changes() -> None:
    filled = fill(TEXT, [ONE])
    assert "| wall \\1 time | 1.5 |" in filled
    assert "Measured on 2 cores." in filled
    assert "old" not in filled
    assert filled.startswith("# Results\n\n<!-- begin one -->")
    assert filled.endswith("words\n<!-- begin two --><!-- end two -->\n")
    assert fill(filled, [ONE]) == filled


def test_a_benchmark_without_a_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="no place for three"):
        fill(TEXT, [Outcome.of("three", "2 cores", [])])


def test_check_compares_and_writes_nothing(tmp_path: Path) -> None:
    document, results = tmp_path / "results.md", tmp_path / "results.json"
    document.write_text(TEXT, encoding="utf-8")
    write_outcomes(results, [ONE])
    arguments = [str(results), "--into", str(document)]
    assert main([*arguments, "--check"]) == 1
    assert document.read_text(encoding="utf-8") == TEXT
    assert main(arguments) == 0
    assert main([*arguments, "--check"]) == 0


def test_a_table_goes_on_every_page_that_has_a_place_for_it() -> None:
    other = "# Engine\n<!-- begin one --><!-- end one -->\n"
    neither = "# Nothing here\n"
    filled = fill_pages([TEXT, other, neither], [ONE])
    assert all("| wall \\1 time | 1.5 |" in page for page in filled[:2])
    assert filled[2] == neither
    with pytest.raises(ValueError, match="no place for one"):
        fill_pages([neither], [ONE])


def test_the_documentation_shows_the_numbers_beside_it() -> None:
    assert RESULTS.is_file()
    assert DOCUMENT.is_file()
    assert ENGINE.is_file()
    assert METHODS.is_file()
    assert main(["--check"]) == 0


def test_every_benchmark_has_a_place_on_a_page() -> None:
    pages = [path.read_text(encoding="utf-8") for path in (DOCUMENT, ENGINE, METHODS)]
    assert fill_pages(pages, [Outcome.of(name, "2 cores", [ONE_ROW]) for name in BENCHMARKS])
