from __future__ import annotations

import numpy as np

from napari_bayesseg.review.regions.voxel_reading import VoxelReading

NAMES = ("pore", "binder", "particle", "void")


def text(probabilities: list[float], **measures: float) -> str:
    return VoxelReading((1, 2, 3), np.array(probabilities), measures).text(NAMES)


def test_classes_by_probability_then_information_and_spread() -> None:
    line = text(
        [0.31, 0.62, 0.066, 0.004],
        predictive_entropy=0.5,
        mutual_information=0.123,
        standard_deviation=0.081,
    )
    assert (
        line
        == "binder 0.62 \u00b7 pore 0.31 \u00b7 particle 0.07 \u00b7 MI 0.12 nat \u00b7 \u00b10.08"
    )


def test_what_is_not_stored_or_negligible_is_left_out() -> None:
    assert text([0.002, 0.998, 0, 0]) == "binder 1.00"
    assert text([0.25, 0.75, 0, 0], predictive_entropy=0.56) == (
        "binder 0.75 \u00b7 pore 0.25 \u00b7 predictive entropy 0.56 nat"
    )
    assert text([0, 1, 0, 0], standard_deviation=0.1) == "binder 1.00 \u00b7 \u00b10.10"
    assert text([np.nan] * 4, mutual_information=np.nan) == "not processed"
