"""Units and shares as people write them."""

from __future__ import annotations

__all__ = ["amount_text", "cubic_symbol", "percent_text", "unit_symbol"]

_SYMBOLS = {
    "meter": "m",
    "centimeter": "cm",
    "millimeter": "mm",
    "micrometer": "µm",
    "nanometer": "nm",
    "angstrom": "Å",
    "inch": "in",
    "pixel": "voxel",
}


def unit_symbol(unit: str) -> str:
    """Return the short form of a length unit: ``"µm"`` for ``"micrometer"``."""
    return _SYMBOLS.get(unit, unit)


def cubic_symbol(unit: str) -> str:
    """Return the short form of a cubic length unit: ``"µm³"``; ``"voxels"`` for pixels."""
    return "voxels" if unit == "pixel" else f"{unit_symbol(unit)}³"


def amount_text(value: float) -> str:
    """Return a volume or another amount with three digits, or all before the point."""
    return f"{value:,.0f}" if 100 <= value < 1e7 else f"{value:.3g}"


def percent_text(share: float) -> str:
    """Return a share from 0 to 1 in per cent, with two digits: ``"5.8 %"``."""
    percent = 100.0 * share
    if percent >= 9.95:
        return f"{percent:.0f} %"
    return "under 0.001 %" if 0 < percent < 0.001 else f"{percent:.2g} %"
