from __future__ import annotations

from dataclasses import replace

import pytest

from napari_bayesseg.session.desk_line import BulkPreview, LiveLine, cubic_symbol, unit_symbol

LINE = LiveLine(
    regions=149,
    must_see=37,
    share_of_voxels=0.0102,
    expected_error_unseen=310.4,
    expected_error_total=2580.0,
    unit="micrometer",
    minutes=8.2,
    decided=0,
    resolved_share=0.0,
)


def test_the_line_says_it_all() -> None:
    assert str(LINE) == (
        "149 regions, 37 to look at · 1.0 % of voxels · expected error left unseen 12 % "
        "(310 µm³) · about 8 min"
    )


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"regions": 1, "must_see": 1}, "1 region, 1 to look at ·"),
        ({"regions": 0, "must_see": 0}, "no regions · 1.0 %"),
        ({"regions": 3021}, "3,021 regions"),
        ({"is_settled": False}, "about 149 regions"),
        ({"minutes": 0.4}, "less than 1 min"),
        ({"minutes": 150.0}, "about 2.5 h"),
        ({"expected_error_unseen": 0.0, "expected_error_total": 0.0}, "unseen 0 % (0 µm³)"),
        ({"unit": "pixel"}, "(310 voxels)"),
        ({"unit": "millimeter"}, "(310 mm³)"),
        ({"decided": 12, "resolved_share": 0.34}, " · 12 decided, 34 % resolved"),
    ],
)
def test_the_line_in_other_cases(changes: dict[str, object], part: str) -> None:
    assert part in str(replace(LINE, **changes))  # type: ignore[arg-type]


def test_no_time_is_told_where_nothing_is_left() -> None:
    assert "min" not in str(replace(LINE, minutes=None))


def test_a_preview_says_what_a_bulk_decision_covers() -> None:
    assert str(BulkPreview(1, 12.5, 3.0, "nanometer")) == (
        "1 region: 12.5 nm³, of which 3 nm³ are probably wrong"
    )


def test_units_are_short() -> None:
    assert [unit_symbol(u) for u in ("micrometer", "millimeter", "nanometer", "pixel")] == [
        "µm", "mm", "nm", "voxel",
    ]  # fmt: skip
    assert cubic_symbol("pixel") == "voxels"
