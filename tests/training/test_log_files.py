from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from napari_bayesseg.training.log_files import draw_losses, write_log
from napari_bayesseg.training.progress import NetworkRecord, Progress, TrainingRecord


def record(steps: int, members: int = 1, *names: str) -> TrainingRecord:
    rng = np.random.default_rng(0)
    log = [
        Progress(
            step,
            steps,
            float(np.exp(-step / steps) + 0.1 * rng.random()),
            {name: float(rng.random()) for name in names},
            0.5 if step % 5 == 0 else None,
            member,
            members,
        )
        for member in range(1, members + 1)
        for step in range(1, steps + 1)
    ]
    return TrainingRecord(log, [NetworkRecord(m, steps, 0.5) for m in range(1, members + 1)])


def test_the_table_has_a_row_a_step(tmp_path: Path) -> None:
    log = record(5, 2, "cross_entropy", "kl").log
    write_log(tmp_path / "training.csv", log)
    lines = (tmp_path / "training.csv").read_text().splitlines()
    assert lines[0].startswith("# losses: nats per voxel")
    rows = list(csv.DictReader(lines[1:]))
    assert list(rows[0]) == ["member", "step", "loss", "cross_entropy", "kl", "validation"]
    assert [(int(r["member"]), int(r["step"])) for r in rows] == [(x.member, x.step) for x in log]
    for row, line in zip(rows, log, strict=True):
        assert float(row["loss"]) == pytest.approx(line.loss, rel=1e-5)
        assert float(row["kl"]) == pytest.approx(line.terms["kl"], rel=1e-5)
        assert row["validation"] == ("" if line.validation is None else "0.5")


@pytest.mark.parametrize(
    ("steps", "members", "names"), [(1, 1, ()), (60, 1, ("a_b",)), (9, 3, ("a", "b"))]
)
def test_the_picture_shows_something_whatever_was_trained(
    steps: int, members: int, names: tuple[str, ...], tmp_path: Path
) -> None:
    draw_losses(tmp_path / "training.png", record(steps, members, *names), "A model: bcnn")
    picture = imread(tmp_path / "training.png")
    height, width = picture.shape[:2]
    assert width == 960
    assert height == (696 if names else 432)
    assert (picture[..., :3] < 0.9).any(-1).mean() > 0.005
