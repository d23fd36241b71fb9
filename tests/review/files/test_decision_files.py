from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import FormatError, SettingsError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.review.files.decision_files import write_decisions
from napari_bayesseg.review.notes import note_content
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Replacement, Status
from tests.review.cases import SETTINGS, runner_up, write_random_result
from tests.review.steps import TABLE, paint


@pytest.fixture
def review(tmp_path: Path) -> Iterator[Review]:
    """An accepted pair, a rejected region, a stroke in a region, one outside, one undone."""
    result = write_random_result(tmp_path / "scan.zarr")
    with Review.open(result, user="=ada") as opened:
        regions, labels = TABLE.regions, TABLE.region_labels
        opened.decide(regions[:2], labels, Status.ACCEPTED, settings=SETTINGS)
        opened.decide(
            regions[1:2],
            labels,
            Status.REJECTED,
            settings=SETTINGS,
            replacement=Replacement.RUNNER_UP,
            note="+foreign\nbody",
        )
        opened.decide(regions[4:5], labels, Status.DEFERRED, settings=None)
        paint(opened, Roi((1, 2, 3), (3, 6, 8)), 2, region=3)
        paint(opened, Roi((0, 60, 100), (5, 70, 130)), 1)
        opened.decide(regions[5:6], labels, Status.REJECTED, settings=SETTINGS)
        opened.undo()
        yield opened


def read_csv(path: Path) -> tuple[dict[str, str], list[dict[str, str]]]:
    with path.open(encoding="utf-8", newline="") as file:
        lines = file.readlines()
    comments = dict(line[2:].strip().split(": ", 1) for line in lines if line.startswith("# "))
    return comments, list(csv.DictReader(line for line in lines if not line.startswith("#")))


def test_there_is_a_line_for_each_decided_place(review: Review, tmp_path: Path) -> None:
    write_decisions(tmp_path / "d.csv", review)
    comments, rows = read_csv(tmp_path / "d.csv")
    assert comments["run"] == review.result.record["run_id"]
    assert comments["mask sha256"] == hashlib.sha256(review.labels().tobytes()).hexdigest()
    assert comments["journal"].endswith(review.journal_head)
    assert [(row["sequence"], row["action"], row["region"]) for row in rows] == [
        ("2", "accept", "1"),
        ("2", "accept", "2"),
        ("3", "reject", "2"),
        ("4", "defer", "5"),
        ("5", "edit", "3"),
        ("6", "edit", ""),
    ]
    assert [(row["before"], row["after"]) for row in rows] == [
        ("pending", "accepted"),
        ("pending", "accepted"),
        ("accepted", "rejected"),
        ("pending", "deferred"),
        ("pending", "edited"),
        ("", ""),
    ]
    assert {row["user"] for row in rows} == {"'=ada"}
    assert rows[2]["note"] == "'+foreign\nbody"
    assert [row["replacement"] for row in rows] == ["", "", "runner-up", "", "", ""]
    assert [row["measure"] for row in rows[2:4]] == ["mutual_information", ""]
    assert (rows[0]["lower_threshold"], rows[0]["upper_threshold"]) == ("0.2", "0.5")


def test_places_are_in_voxels_and_in_the_world(review: Review, tmp_path: Path) -> None:
    write_decisions(tmp_path / "d.csv", review)
    _, rows = read_csv(tmp_path / "d.csv")
    for row, region in zip(rows[:2], TABLE.regions, strict=False):
        assert tuple(int(row[f"{axis}_voxel"]) for axis in "zyx") == region.position
        world = [float(row[f"{axis}_world (micrometer)"]) for axis in "zyx"]
        assert world == pytest.approx(np.array(region.position) * [2.0, 0.5, 0.5])
        assert Roi.parse(row["box_z_y_x"], review.mask.labels.shape) == region.box
        assert float(row["volume_micrometer^3"]) == pytest.approx(region.volume)
        assert float(row["expected_error_volume_micrometer^3"]) == pytest.approx(10 / region.id)
        assert float(row["maximum"]) == 0.5
    assert rows[5]["box_z_y_x"] == "0:5,60:70,100:130"


def test_changed_voxels_are_counted_in_each_place(review: Review, tmp_path: Path) -> None:
    write_decisions(tmp_path / "d.csv", review)
    _, rows = read_csv(tmp_path / "d.csv")
    predicted = review.result.labels[...]
    assert [row["voxels_changed"] for row in rows[:2]] == ["0", "0"]
    second = np.asarray(TABLE.region_labels) == 2
    assert int(rows[2]["voxels_changed"]) == (runner_up(review.result) != predicted)[second].sum()
    for row, box, label in (
        (rows[4], Roi((1, 2, 3), (3, 6, 8)), 2),
        (rows[5], Roi((0, 60, 100), (5, 70, 130)), 1),
    ):
        assert int(row["voxels_changed"]) == (predicted[box.slices] != label).sum()


def test_many_regions_of_one_step_are_counted_one_by_one(review: Review, tmp_path: Path) -> None:
    ids = [6, 7, 11]
    regions = [TABLE.regions[n] for n in ids]
    review.decide(regions, TABLE.region_labels, Status.REJECTED, settings=SETTINGS)
    write_decisions(tmp_path / "d.json", review)
    entries = json.loads((tmp_path / "d.json").read_text())["decisions"][-3:]
    differs = runner_up(review.result) != review.result.labels[...]
    for entry, region in zip(entries, regions, strict=True):
        assert (
            entry["voxels_changed"] == differs[np.asarray(TABLE.region_labels) == region.id].sum()
        )


def test_json_holds_the_whole_provenance(review: Review, tmp_path: Path) -> None:
    write_decisions(tmp_path / "d.json", review)
    content = json.loads((tmp_path / "d.json").read_text("utf-8"))
    assert content["run"] == review.result.record
    assert content["mask_sha256"] == hashlib.sha256(review.labels().tobytes()).hexdigest()
    assert content["journal"] == {
        "rows": review.sequence,
        "sha256_of_last_row": review.journal_head,
    }
    assert content["unit"] == "micrometer"
    assert content["began_from"] == "predicted labels"
    assert len(content["decisions"]) == 6
    third = content["decisions"][2]
    assert (third["user"], third["note"]) == ("=ada", "+foreign\nbody")
    assert third["settings"] == SETTINGS.as_json()
    assert (third["before"], third["after"], third["replacement"]) == (
        "accepted",
        "rejected",
        "runner-up",
    )
    assert third["position_voxels"] == list(TABLE.regions[1].position)


def test_json_tells_of_what_changed_no_label(review: Review, tmp_path: Path) -> None:
    row = review.record_event("audit-end", {"text": "the left edge is an artefact"})
    write_decisions(tmp_path / "d.json", review)
    (event,) = json.loads((tmp_path / "d.json").read_text())["events"]
    assert event == {
        "sequence": row.sequence,
        "time_utc": row.time_utc,
        "user": "=ada",
        "action": "audit-end",
        "content": {"text": "the left edge is an artefact"},
    }


def test_odd_characters_pass(review: Review, tmp_path: Path) -> None:
    review.decide(
        TABLE.regions[8:9], TABLE.region_labels, Status.ACCEPTED, settings=None, note="ö \ud800 𝛼"
    )
    for suffix in (".csv", ".json"):
        write_decisions(tmp_path / f"d{suffix}", review)
    assert r"ö \ud800 𝛼" in (tmp_path / "d.csv").read_text("utf-8")


@pytest.mark.parametrize("suffix", [".CSV", ".Json"])
def test_nothing_decided_is_a_file_too(tmp_path: Path, suffix: str) -> None:
    result = write_random_result(tmp_path / "scan.zarr")
    path = tmp_path / f"d{suffix}"
    with Review.open(result, read_only=True) as review:
        write_decisions(path, review)
    assert result.record["run_id"] in path.read_text()


def test_other_files_and_folders_are_refused(review: Review, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"d.txt: decisions are written to \*.csv or \*.json"):
        write_decisions(tmp_path / "d.txt", review)
    with pytest.raises(FormatError, match="can't be written"):
        write_decisions(tmp_path / "nowhere" / "d.csv", review)


def test_places_have_corners_a_middle_and_classes(review: Review, tmp_path: Path) -> None:
    write_decisions(tmp_path / "d.json", review)
    write_decisions(tmp_path / "d.csv", review)
    content = json.loads((tmp_path / "d.json").read_text())
    _, rows = read_csv(tmp_path / "d.csv")
    assert content["affine_voxel_to_world"] == review.result.geometry.matrix.tolist()
    assert content["class_names"] == ["pore", "solid", "binder"]
    spacing = np.array([2.0, 0.5, 0.5])
    labels = review.labels()
    for entry, row, region in zip(content["decisions"], rows, TABLE.regions[:2], strict=False):
        inside = np.argwhere(np.asarray(TABLE.region_labels) == region.id)
        assert entry["voxels"] == len(inside)
        np.testing.assert_allclose(entry["centroid_world"], inside.mean(0) * spacing)
        corners = np.array(entry["box_world_corners"])
        assert len(np.unique(corners, axis=0)) == 8
        np.testing.assert_allclose(corners.min(0), (np.array(region.box.start) - 0.5) * spacing)
        np.testing.assert_allclose(corners.max(0), (np.array(region.box.stop) - 0.5) * spacing)
        size = np.subtract(entry["box_world_high"], entry["box_world_low"])
        assert size.prod() == pytest.approx(region.box.size * review.result.geometry.voxel_volume)
        assert float(row["z_box_low (micrometer)"]) == pytest.approx(corners.min(0)[0])
        counts = np.bincount(labels[np.asarray(TABLE.region_labels) == region.id], minlength=3)
        assert row["reviewed_classes"].split()[0] == content["class_names"][counts.argmax()]


def test_notes_go_with_their_place_or_alone(review: Review, tmp_path: Path) -> None:
    for number, text in ((0, "=odd"), (8, "ask first")):
        review.record_event("note", note_content(TABLE.regions[number], text))
    write_decisions(tmp_path / "d.csv", review)
    _, rows = read_csv(tmp_path / "d.csv")
    assert rows[0]["note"] == "'=odd"
    assert rows[1]["note"] == ""
    assert (rows[-1]["action"], rows[-1]["note"], rows[-1]["region"]) == ("note", "ask first", "9")
    assert rows[-1]["after"] == ""
    assert len(rows) == 7
