from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

ABOVE = ("--measure", "mutual_information", "--threshold")


def table(path: Path) -> list[dict[str, str]]:
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


def test_json_and_table_agree(run: Run, places: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "r.csv"
    code, text, err = run("regions", places["result"], *ABOVE, 0.1, "--out", out, "--json")
    assert (code, err) == (0, "")
    entry = json.loads(text)
    rows = table(out)
    assert entry["regions"] == len(rows) > 0
    assert entry["unit"] == "micrometer"
    inside = sum(float(row["expected_error_volume_micrometer^3"]) for row in rows)
    assert 0 < inside < entry["expected_error_volume"]


def test_a_table_of_regions_is_replaced(run: Run, places: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "r.csv"
    few = run("regions", places["result"], *ABOVE, 0.2, "--out", out)
    before = out.read_text()
    more = run("regions", places["result"], *ABOVE, 0.05, "--out", out)
    assert (few.code, more.code) == (0, 0)
    assert out.read_text() != before
    assert [path.name for path in tmp_path.iterdir()] == ["r.csv"]


@pytest.mark.parametrize(("threshold", "words"), [(9, "0 regions above 9"), (-1, "1 region above")])
def test_nothing_and_everything(
    threshold: float, words: str, run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    extent = ("--max-extent", 99)
    code, text, _ = run(
        "regions", places["result"], *ABOVE, threshold, "--out", tmp_path / "r.csv", *extent
    )
    assert code == 0
    assert words in text
    assert len(table(tmp_path / "r.csv")) == int(words.split()[0])


def test_the_excess_of_a_measure_has_regions_too(
    run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    code, text, _ = run(
        "regions", places["result"], "--measure", "mutual_information_excess",
        "--threshold", 0.01, "--out", tmp_path / "r.csv",
    )  # fmt: skip
    assert code == 0
    assert "mean_mutual_information_excess (nat)" in table(tmp_path / "r.csv")[0]
    assert "micrometer^3" in text


def test_regions_need_only_their_own_measure_stored(
    run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    """The expected error is made from the mean probability where it was not stored."""
    entries = []
    for name, measures in (("all", None), ("one", "mutual_information")):
        out = tmp_path / f"{name}.zarr"
        chosen = [] if measures is None else ["--measures", measures]
        run("predict", places["scan"], "--model", places["bcnn"], "--out", out, *chosen)
        code, text, err = run(
            "regions", out, *ABOVE, 0.1, "--out", tmp_path / f"{name}.csv", "--json"
        )
        assert code == 0, err
        entries.append(json.loads(text))
    for key in ("regions", "expected_error_volume", "boundary_uncertainty"):
        assert entries[0][key] == pytest.approx(entries[1][key], rel=1e-5)
