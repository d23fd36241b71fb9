from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from napari_bayesseg.evaluation.tally import Slab, Tally
from tests.evaluation.cases import assert_alike, made

PATCH = (4, 4, 4)


def tallied(*rows: slice) -> Tally:
    case = made()
    tally = Tally(3, tuple(case.measures), PATCH)
    for planes in rows:
        slab = Slab(
            case.probability[:, planes],
            case.prediction[planes],
            case.truth[planes],
            np.ones(case.truth[planes].shape, bool),
        )
        tally.update(slab, lambda name, planes=planes: case.measures[name][planes])
    return tally


def test_parts_merged_in_any_order_give_the_whole() -> None:
    whole = tallied(slice(0, 9))
    total = Tally(3, tuple(whole.measures), PATCH)
    for planes in (slice(8, 9), slice(0, 4), slice(4, 8)):
        total.merge(tallied(planes))
    assert total.voxels == whole.voxels
    np.testing.assert_array_equal(total.confusion.compute(), whole.confusion.compute())
    assert total.proper.compute().brier_score == pytest.approx(whole.proper.compute().brier_score)
    for mine, theirs in zip(
        [total.reliability, *total.class_reliability],
        [whole.reliability, *whole.class_reliability],
        strict=True,
    ):
        assert mine.compute().expected_calibration_error == pytest.approx(
            theirs.compute().expected_calibration_error
        )
    for name, tally in total.measures.items():
        assert_alike(asdict(tally.compute()), asdict(whole.measures[name].compute()), 1e-6)
