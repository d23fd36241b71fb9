from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.io.tables import write_csv


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_cells_come_back(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    row = (1, 2 / 3, math.nan, 'a "quoted", µm\nname', None, True)
    write_csv(path, ["n", "length (µm)", "x", "name", "none", "yes"], [row])
    assert read(path) == [
        ["n", "length (µm)", "x", "name", "none", "yes"],
        ["1", "0.666667", "nan", 'a "quoted", µm\nname', "", "True"],
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_what_a_spreadsheet_would_run_is_made_text(tmp_path: Path, start: str) -> None:
    path = tmp_path / "t.csv"
    evil = start + 'HYPERLINK("http://x","y")'
    write_csv(path, ["name", evil], [[evil, "plain"], ["3 = 3", "a-b"]])
    assert read(path) == [["name", "'" + evil], ["'" + evil, "plain"], ["3 = 3", "a-b"]]


def test_negative_numbers_stay_numbers(tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", ["a", "b"], [[-1, -0.5]])
    assert read(tmp_path / "t.csv")[1] == ["-1", "-0.5"]


def test_comments_stand_above_in_one_line_each(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_csv(path, ["a"], [[1]], {"run": "abc", "note": "two\nlines,  and =1+1"})
    assert path.read_text("utf-8").splitlines() == [
        "# run: abc",
        "# note: two lines, and =1+1",
        "a",
        "1",
    ]


def test_an_error_while_writing_leaves_the_old_table(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_csv(path, ["a"], [[1]])
    before = path.read_bytes()

    def rows():
        yield [2]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_csv(path, ["a"], rows())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FormatError, match=r"^t\.csv: can't be written"):
        write_csv(tmp_path / "nowhere" / "t.csv", ["a"], [])
