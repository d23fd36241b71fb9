from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.image import imread

from benchmarks import figures, roofline, throughput
from benchmarks.contest import Field, Timing
from benchmarks.layers import LayerTime
from benchmarks.methods.data import HIPPOCAMPUS_LONGER, TITLES
from benchmarks.methods.tables import AS_THEY_ARE, COLUMNS, GAP, SHIFTED
from benchmarks.nets import Net
from benchmarks.rows import Outcome, Row, write_outcomes
from benchmarks.tables import PLUS_MINUS

MACHINE = "2 cores"
STUDY = TITLES[HIPPOCAMPUS_LONGER]
WORTH = {
    "by volume looked at": {"1 %": 0.2, "5 %": 0.75},
    "by decisions": {"1": 0.1, "10": 0.6},
}
PAGE = "# Page\n\n<!-- begin memory.png --><!-- end memory.png -->\nend\n"


@pytest.fixture
def outcomes() -> list[Outcome]:
    field = Field("x", 160, 64, 16)
    times = {"ours, float32": [Timing(4.0, 8.0)], "MONAI, default": [Timing(2.0, 2.0)]}
    timed = throughput.rows_of(Net("net", Path("x"), 64), field, times)
    layers = [LayerTime("head", 0.2, 1e9), LayerTime("softmax", 0.1, 0.0)]
    shares = roofline._rows_of_layers("net, float32, block: decoder, once a draw", layers, 1e10)
    table = "peak memory of the process"
    peaks = [
        Row.of(table, f"{side}³, T = {samples}, memory 2GB", "peak (GB)", value=0.5 + samples / 100)
        for side in (256, 1024)
        for samples in (4, 64)
    ]
    worth = [
        Row.of(f"scans: share removed, {axis}", line, column, value=value)
        for axis, lines in WORTH.items()
        for line, value in lines.items()
        for column in ("ours", "ours, standard deviation", "random")
    ]
    at_5 = COLUMNS["at_5_percent"]
    methods = [
        Row.of(table, line, column, value=value)
        for table in (f"{STUDY}, 20 scans, {AS_THEY_ARE}", f"{STUDY}, {SHIFTED}")
        for line, value in (("bcnn", 0.9), ("ensemble", 0.95))
        for column, value in ((at_5, value), (f"{at_5}{PLUS_MINUS}", 0.01))
    ]
    methods += [
        Row.of(f"{STUDY}, {AS_THEY_ARE}: {GAP}", line, "bcnn", value=0.01)
        for line in ("0.500", "0.900")
    ]
    rows = {
        "throughput": timed,
        "methods": methods,
        "roofline": shares,
        "memory": peaks,
        "review-worth": worth,
    }
    return [Outcome.of(name, MACHINE, found) for name, found in rows.items()]


def test_every_picture_is_drawn_800_pixels_wide(outcomes: list[Outcome], tmp_path: Path) -> None:
    results, page = tmp_path / "results.json", tmp_path / "page.md"
    write_outcomes(results, outcomes)
    page.write_text(PAGE, encoding="utf-8")
    into = tmp_path / "images"
    assert figures.main([str(results), "--into", str(into), "--page", str(page)]) == 0
    assert {path.name for path in into.iterdir()} == set(figures.PICTURES)
    assert {imread(path).shape[1] for path in into.iterdir()} == {800}
    text = page.read_text(encoding="utf-8")
    assert f"![{figures.PICTURES['memory.png'].caption}](images/memory.png)" in text
    assert text.endswith("end\n")


def test_points_of_the_memory_are_sorted_by_draws() -> None:
    peaks = {"512³, T = 4, memory 2GB": 0.8, "256³, T = 4, memory 2GB": 0.7}
    peaks |= {"256³, T = 64, memory 2GB": 1.0, "256³, T = 4, memory 1GB": 0.6}
    peaks |= {"1024³, T = 64, memory 2GB, blocks chosen by the run": 1.4}
    assert figures._lines_of_memory(peaks) == {4: [(512, 0.8), (256, 0.7)], 64: [(256, 1.0)]}


def test_bars_are_the_times_of_all_draws(outcomes: list[Outcome]) -> None:
    figure = figures.draw_throughput(outcomes[0])
    assert figure is not None
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [32.0, 4.0]
    assert "(s)" in axes.get_xlabel()


def test_worth_is_drawn_over_volume_and_over_decisions(outcomes: list[Outcome]) -> None:
    figure = figures.draw_review_worth(outcomes[-1])
    assert figure is not None
    expected = [(1, 0.2), (5, 0.75)], [(1, 0.1), (10, 0.6)]
    for axes, points in zip(figure.axes, expected, strict=True):
        ours, other = axes.lines  # the spread is no line of its own
        assert [tuple(point) for point in ours.get_xydata()] == points
        assert (ours.get_label(), other.get_label()) == ("ours", "random")
        (band,) = axes.collections
        assert band.get_paths()[0].get_extents().ymax == 1.0  # twice the last value would be more


def test_without_numbers_nothing_is_drawn() -> None:
    empty = Outcome.of("throughput", MACHINE, [Row("skipped", "not installed")])
    assert all(picture.draw(empty) is None for picture in figures.PICTURES.values())


def test_linking_again_changes_nothing() -> None:
    once = figures.link(PAGE, {"memory.png": "images/memory.png"})
    assert once != PAGE
    assert figures.link(once, {"memory.png": "images/memory.png"}) == once
