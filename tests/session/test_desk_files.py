from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.desk import ReviewDesk
from tests.session.hearing import Heard

TIMEOUT = 60


@pytest.mark.parametrize("name", ["mask.ome.tif", "mask.nii.gz"])
def test_the_mask_is_written_as_it_was_saved(
    desk: ReviewDesk, background: ThreadBackground, tmp_path: Path, name: str
) -> None:
    desk.reject()
    expected = desk.review.labels()
    heard = Heard(desk)
    desk.save_mask(tmp_path / name)
    assert desk.is_busy
    assert background.drain(TIMEOUT)
    written = read_volume(tmp_path / name)
    np.testing.assert_array_equal(written.read(Roi.whole(written.shape)), expected)
    assert written.spec.geometry.spacing == pytest.approx(desk.result.geometry.spacing)
    assert heard.names == ["busy_changed", "notice", "busy_changed"]
    assert heard["notice"][0].startswith(f"{name}: mask written")


def test_several_files_are_written_while_the_review_goes_on(
    desk: ReviewDesk, background: ThreadBackground, tmp_path: Path
) -> None:
    desk.accept()
    heard = Heard(desk)
    desk.save_mask(tmp_path / "a.ome.tif")
    desk.save_decisions(tmp_path / "b.csv")
    desk.save_decisions(str(tmp_path / "c.json"))
    desk.reject()
    desk.undo()
    assert background.drain(TIMEOUT)
    assert len(heard["notice"]) == 3
    assert heard["busy_changed"] == [True, False]
    text = (tmp_path / "b.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(line for line in text.splitlines() if not line.startswith("#")))
    assert len(rows) >= 2
    assert json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))


def test_what_can_not_be_written_is_told(
    desk: ReviewDesk, background: ThreadBackground, tmp_path: Path
) -> None:
    heard = Heard(desk)
    desk.save_mask(tmp_path / "mask.docx")
    assert background.drain(TIMEOUT)
    assert "mask.docx: the suffix must be one of" in heard["failed"][0]
    desk.save_decisions(tmp_path / "absent" / "decisions.csv")
    assert background.drain(TIMEOUT)
    assert len(heard["failed"]) == 2
    assert not desk.is_busy


def test_the_summary_is_of_what_was_saved(
    desk: ReviewDesk, background: ThreadBackground, tmp_path: Path
) -> None:
    desk.accept()
    desk.reject()
    heard = Heard(desk)
    desk.save_summary(tmp_path / "page.html")
    assert background.drain(TIMEOUT)
    assert heard["notice"] == ["page.html: summary written"]
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert desk.review.journal_head in page
    assert "2 of 18" in page
