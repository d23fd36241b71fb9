from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.review.audit.audit_rows import (
    answer_content,
    audit_content,
    audit_of,
    end_content,
    read_audits,
)
from napari_bayesseg.review.audit.unseen import UnseenSample
from napari_bayesseg.review.files.summary_html import write_summary
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Status
from tests.results import GEOMETRY
from tests.review.cases import SETTINGS, write_random_result
from tests.review.steps import TABLE, decide, paint

VOID = {"meta", "img"}


class Page(HTMLParser):
    """Reads a page as a browser would, and complains of what isn't closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        self.words.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(filter(None, self.words))


def audit(review: Review, answers: list[bool], count: int) -> None:
    places = tuple((0, 0, n) for n in range(count))
    sample = UnseenSample(places, (1,) * count, 1000, 0.02)
    row = review.record_event("audit", audit_content(sample, 5, GEOMETRY, SETTINGS, "run"))
    for number, agrees in enumerate(answers):
        content = answer_content(audit_of(row), number, agrees)
        review.record_event("audit-answer", content)
    review.record_event("audit-end", end_content(read_audits(review.events)[-1]))


@pytest.fixture
def page(review: Review, tmp_path: Path) -> str:
    decide(review, [1], Status.ACCEPTED)
    decide(review, [2], Status.REJECTED)
    decide(review, [3], Status.REJECTED)
    paint(review, Roi((2, 2, 40), (3, 5, 44)), 2, region=4)
    audit(review, [True] * 49 + [False], 50)
    audit(review, [True], 2)
    path = tmp_path / "summary.html"
    write_summary(path, review, TABLE, SETTINGS, conflicts=1)
    return path.read_text(encoding="utf-8")


def test_what_was_not_computed_is_said_to_be(review: Review, tmp_path) -> None:
    table = replace(TABLE, boundary_uncertainty=float("nan"))
    write_summary(tmp_path / "page.html", review, table, SETTINGS)
    text = Page((tmp_path / "page.html").read_text(encoding="utf-8")).text
    assert "boundary uncertainty not computed" in text


def test_it_says_what_was_done_left_and_proved(page: str, review: Review) -> None:
    text = Page(page).text
    for words in (
        "Review of scan.zarr",
        "1 accepted",
        "2 rejected",
        "1 edited",
        "1 of 50 wrong; at most 9.1 % of what is accepted unseen is wrong",
        "unfinished: 0 wrong of the 1 answered of 2",
        "Another run predicts other labels in 1 accepted place.",
        "must still be looked at",
        "ada, seed 5",
        review.journal_head,
        str(review.result.record["run_id"]),
        "voxels differ from the predicted labels",
        "±0.4 µm",
    ):
        assert words in text


def test_nothing_outside_the_page_is_needed(page: str) -> None:
    found = Page(page)
    assert "script" not in {tag for tag, _ in found.tags}
    links = [value for _, a in found.tags for key, value in a.items() if key in ("src", "href")]
    assert len(links) == 3
    assert all(link.startswith("data:image/png;base64,") for link in links)
    assert base64.b64decode(links[0].partition(",")[2]).startswith(b"\x89PNG")
    assert "url(" not in page
    assert "@import" not in page
    assert len(page) < 300_000


def test_figures_hold_the_numbers(page: str, review: Review) -> None:
    figures = [ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", page)]
    assert len(figures) == 3
    space = "{http://www.w3.org/2000/svg}"
    status, curve, audits = figures
    bars = [float(rect.get("width")) for rect in status.iter(f"{space}rect")]
    assert sum(bar for bar in bars if bar != 12) == pytest.approx(640, abs=1)
    (line,) = curve.iter(f"{space}polyline")
    heights = [float(point.split(",")[1]) for point in line.get("points").split()]
    assert all(np.diff(heights) <= 0)  # upwards on the screen
    dots = [float(dot.get("cx")) for dot in audits.iter(f"{space}circle")]
    assert dots[0] > dots[1] == 48  # 2 % and nothing observed; the third is the key


def test_names_and_users_can_hold_anything(tmp_path: Path) -> None:
    nasty = "<script>alert('&')</script>"
    result = write_random_result(tmp_path / "a & <b>.zarr", classes=("air", nasty, "c"))
    path = tmp_path / "page.html"
    with Review.open(result, user=nasty) as review:
        decide(review, [1, 2, 3, 4, 5], Status.REJECTED)
        write_summary(path, review, TABLE, SETTINGS)
    page = Page(path.read_text(encoding="utf-8"))
    assert "script" not in {tag for tag, _ in page.tags}
    assert nasty in page.text


def test_an_untouched_review_has_a_page_too(review: Review, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_summary(path, review, TABLE, SETTINGS)
    text = Page(path.read_text(encoding="utf-8")).text
    assert "what nobody looked at was not checked" in text
    assert "No label differs from the predicted labels" in text


def test_an_old_page_survives_a_full_disk(
    review: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page.html"
    write_summary(path, review, TABLE, SETTINGS)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(FormatError, match=r"page\.html"):
        write_summary(path, review, TABLE, SETTINGS)
    monkeypatch.undo()  # the review is closed with a snapshot
    assert path.read_bytes() == before
