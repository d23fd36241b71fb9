from __future__ import annotations

import pytest

from napari_bayesseg.core.unit_symbols import (
    amount_text,
    cubic_symbol,
    percent_text,
    unit_symbol,
)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (1e-6, "under 0.001 %"),
        (0.00041, "0.041 %"),
        (0.0582, "5.8 %"),
        (0.0994, "9.9 %"),
        (0.0996, "10 %"),
        (0.126, "13 %"),
        (1, "100 %"),
    ],
)
def test_shares(share: float, text: str) -> None:
    assert percent_text(share) == text


def test_units_and_amounts() -> None:
    assert (unit_symbol("micrometer"), cubic_symbol("millimeter")) == ("µm", "mm³")
    assert (unit_symbol("parsec"), cubic_symbol("pixel")) == ("parsec", "voxels")
    assert [amount_text(n) for n in (0.01234, 99.96, 123456.7)] == ["0.0123", "100", "123,457"]
