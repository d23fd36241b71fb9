from __future__ import annotations

import dataclasses
import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest

from napari_bayesseg.core.errors import FormatError, SettingsError
from napari_bayesseg.evaluation.evaluation import Evaluation
from napari_bayesseg.evaluation.report import check_report_folder, report_values, write_report
from napari_bayesseg.evaluation.report_text import (
    difference_text,
    headlines,
    score_text,
    warnings_of,
)
from tests.evaluation.cases import made

FILES = {
    "report.html", "report.json", "error_removed.svg", "reliability.svg", "risk_coverage.svg",
    "pavpu.svg",
}  # fmt: skip
PNG = b"\x89PNG not really"
VOID = {"meta", "img"}


@pytest.fixture(scope="module")
def one() -> Evaluation:
    return made(0).evaluation(name="one", case="scan")


@pytest.fixture(scope="module")
def table() -> list[Evaluation]:
    """Two methods on three scans."""
    found = []
    for seed in range(3):
        for name, sharpness in (("<sharp>", 6.0), ("soft & slow", 2.0)):
            case = dataclasses.replace(
                made(seed, (6, 8, 8), sharpness), truth=made(seed, (6, 8, 8)).truth
            )
            found.append(case.evaluation(name=name, case=f"scan {seed}"))
    return found


class Page(HTMLParser):
    """The texts of a page's cells and headings; refuses tags that are not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.links += [str(value) for name, value in attrs if name in ("src", "href")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_needs_nothing_and_shows_the_numbers(one: Evaluation, tmp_path: Path) -> None:
    out = tmp_path / "new" / "report"
    files = write_report(out, [one], pictures=[("the worst slice", PNG)])
    assert {path.name for path in files} == {*FILES, "errors_1.png"}
    assert {path.name for path in out.iterdir()} == {*FILES, "errors_1.png"}
    page = Page((out / "report.html").read_text("utf-8"))
    assert [link[:22] for link in page.links] == ["data:image/png;base64,"]
    for value in (one.dice["solid"], one.error_auroc, one.brier_score, one.pavpu):
        assert score_text(value) in page.texts
    assert "the worst slice" in page.texts
    assert "Compared with" not in "".join(page.texts)
    for name in FILES - {"report.html", "report.json"}:
        figure = ElementTree.fromstring((out / name).read_text("utf-8"))
        assert figure.tag.endswith("svg")
        lines = figure.findall("{http://www.w3.org/2000/svg}polyline")
        assert max(len(line.attrib["points"].split()) for line in lines) > 5


def test_the_numbers_are_strict_json(one: Evaluation, tmp_path: Path) -> None:
    write_report(tmp_path, [one])
    text = (tmp_path / "report.json").read_text("utf-8")
    read = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert read["dice"] == one.dice == read["results"][0]["dice"]
    assert read["error_removed"]["at_5_percent"] == one.scores().error_removed_at_5_percent
    assert len(read["risk_coverage"]["risk"]) == len(read["risk_coverage"]["coverage"]) == 100
    assert read["comparison"]["means"]["one"]["dice"]["num_cases"] == 1


def test_several_methods_and_cases_are_compared(table: list[Evaluation], tmp_path: Path) -> None:
    write_report(tmp_path, table)
    source = (tmp_path / "report.html").read_text("utf-8")
    assert "<sharp>" not in source
    page = Page(source)
    everything = "".join(page.texts)
    assert "Compared with <sharp>" in page.texts
    assert "Case by case" in page.texts
    assert "95\u00a0% interval of the mean over 3 cases" in everything
    assert everything.count("soft & slow") >= 5
    read = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert "dice" not in read
    assert [found["case"] for found in read["results"]] == [found.case for found in table]
    assert {row["method"] for row in read["comparison"]["differences"]} == {"soft & slow"}


def test_curves_stay_in_their_frame(table: list[Evaluation], tmp_path: Path) -> None:
    write_report(tmp_path, table)
    for name in FILES - {"report.html", "report.json"}:
        figure = ElementTree.fromstring((tmp_path / name).read_text("utf-8"))
        width, height = map(float, figure.attrib["viewBox"].split()[2:])
        for line in figure.findall("{http://www.w3.org/2000/svg}polyline"):
            for point in line.attrib["points"].split():
                x, y = map(float, point.split(","))
                assert 0 <= x <= width
                assert 0 <= y <= height


def test_a_report_is_replaced_only_when_asked_and_with_its_pictures(
    one: Evaluation, tmp_path: Path
) -> None:
    write_report(tmp_path, [one], pictures=[("a", PNG), ("b", PNG)])
    (tmp_path / "errors_of_mine.png").write_bytes(b"mine")
    with pytest.raises(SettingsError, match=r"holds a report already; .* --overwrite"):
        write_report(tmp_path, [one])
    write_report(tmp_path, [one], pictures=[("a", PNG)], overwrite=True)
    assert {path.name for path in tmp_path.glob("*.png")} == {
        "errors_1.png",
        "errors_of_mine.png",
    }


@pytest.mark.parametrize("name", ["report.html", "report.json", "pavpu.svg", "errors_3.png"])
@pytest.mark.parametrize("content", [b"mine", b'{"kind": "diary"}', b"[]"])
def test_what_is_of_something_else_is_never_replaced(
    name: str, content: bytes, one: Evaluation, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError, match=f"holds {name} of something else"):
        write_report(tmp_path, [one], overwrite=True)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(name, content)]


def test_places_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingsError, match="must be a folder and is a file"):
        check_report_folder(tmp_path / "file")
    with pytest.raises(FormatError, match="must be a folder and is a file"):
        check_report_folder(tmp_path / "file" / "deeper")
    (tmp_path / "r.zarr").mkdir()
    (tmp_path / "r.zarr" / "zarr.json").write_text("{}")
    for place in ("r.zarr", "r.zarr/report", "r.zarr/a/b"):
        with pytest.raises(SettingsError, match=r"r\.zarr is an array store"):
            check_report_folder(tmp_path / place)


def test_what_matters_stands_first(one: Evaluation) -> None:
    (line,) = headlines({"one": [one]})
    weakest = min(one.dice, key=lambda name: one.dice[name])
    assert f"the weakest class is {weakest} with Dice {score_text(one.dice[weakest])}" in line
    assert re.search(r"too (sure|careful)|as much as they keep", line)
    found = f"{100 * one.scores().error_removed_at_5_percent:.0f} % of the errors"
    assert found in line
    assert warnings_of({"one": [one]}) == []


def test_of_many_methods_the_best_are_named(one: Evaluation) -> None:
    worse = dataclasses.replace(one, dice=dict.fromkeys(one.dice, 0.1), brier_score=2.0)
    honest = dataclasses.replace(one, expected_calibration_error=0.001)
    lines = headlines({"one": [one], "worse": [worse], "b": [worse], "honest": [honest]})
    assert len(lines) == 3
    assert lines[0].startswith("Dice is highest for one: ")
    assert "(all methods: 0.100 to " in lines[0]
    assert lines[1].startswith("The calibration error is lowest for honest: 0.00100")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.01234, "+0.012"), (-0.5, "\u22120.50"), (0.0, "0"), (-1e-12, "0"), (12.34, "+12"),
        (float("nan"), "–"), (0.000123, "+0.00012"),
    ],
)  # fmt: skip
def test_differences_have_a_sign_and_two_digits(value: float, text: str) -> None:
    assert difference_text(value) == text


def test_what_a_reader_must_know_is_said(one: Evaluation) -> None:
    case = made()
    odd = dataclasses.replace(
        dataclasses.replace(case, truth=case.prediction).evaluation(unit="pixel"),
        voxels_unprocessed=7,
        voxels_ignored=1234,
        hausdorff_95={"air": 1.0, "solid": float("nan"), "shell": 2.0},
    )
    found = " ".join(warnings_of({"one": [one, odd]}))
    assert "7 voxels without a prediction" in found
    assert "1,234 voxels of the ignored label" in found
    assert "in voxels, not in mm" in found
    assert "1 of 2 results have no wrong voxel" in found
    assert "(solid)" in found


def test_a_report_without_errors_or_surfaces_is_written(tmp_path: Path) -> None:
    case = made()
    right = dataclasses.replace(case, truth=case.prediction).evaluation(surfaces=False)
    write_report(tmp_path, [right])
    page = Page((tmp_path / "report.html").read_text("utf-8"))
    assert "–" in page.texts
    assert not any("Hausdorff" in text for text in page.texts)
    assert json.loads((tmp_path / "report.json").read_text())["hd95_mm"] == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.98765, "0.988"), (0.012345, "0.0123"), (0.0, "0.000"), (1.0, "1.00"), (12.345, "12.35"),
        (1234.5, "1,234"), (float("nan"), "–"), (-0.5, "-0.500"), (2e-7, "2.00e-07"),
    ],
)  # fmt: skip
def test_scores_are_written_with_three_digits(value: float, text: str) -> None:
    assert score_text(value) == text


def test_the_values_of_a_report_name_their_kind(one: Evaluation) -> None:
    values = report_values([one])
    assert values["kind"] == "napari-bayesseg evaluation"
    assert values["made"]["versions"]["numpy"]
