from __future__ import annotations

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.gui.progress import ProgressMeter
from napari_bayesseg.inference.plan import Block
from napari_bayesseg.inference.serial_runner import RunProgress

BLOCK = Block(0, Roi.whole((1, 1, 1)))


def test_draws_of_all_blocks_move_the_bar() -> None:
    meter = ProgressMeter()
    reports = [
        RunProgress(0, 2, 1, 4, 1.0),
        RunProgress(0, 2, 4, 4, 4.0),
        RunProgress(1, 2, 4, 4, 4.0, BLOCK),
        RunProgress(1, 2, 2, 4, 6.0),
        RunProgress(2, 2, 4, 4, 8.0, BLOCK),
    ]
    seen = [meter.update(report) for report in reports]
    assert [(done, total) for done, total, _ in seen] == [(1, 8), (4, 8), (4, 8), (6, 8), (8, 8)]
    assert seen[0][2] == "block 1 of 2 \u00b7 draw 1 of 4 \u00b7 7 s left"
    assert seen[3][2] == "block 2 of 2 \u00b7 draw 2 of 4 \u00b7 2 s left"
    assert seen[4][2] == "block 2 of 2 \u00b7 draw 4 of 4"


def test_blocks_of_an_earlier_run_do_not_count_for_the_pace() -> None:
    meter = ProgressMeter()
    done, total, text = meter.update(RunProgress(6, 8, 1, 2, 1.0))
    assert (done, total) == (13, 16)
    assert text.endswith("3 s left")
