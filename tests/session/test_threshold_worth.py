from __future__ import annotations

import numpy as np
import pytest

from napari_bayesseg.evaluation.curves import error_removed
from napari_bayesseg.numerics.ranked_errors import rank_errors
from napari_bayesseg.session.threshold_worth import ThresholdWorth, Worth


def worth_of(uncertainty: np.ndarray, wrong: np.ndarray) -> ThresholdWorth:
    curve = error_removed(rank_errors(uncertainty, wrong))
    return ThresholdWorth(curve.threshold, curve.reviewed, curve.removed, "nat")


@pytest.fixture
def voxels() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    uncertainty = rng.beta(0.3, 2.0, 50_000)
    return uncertainty, rng.random(50_000) < 0.5 * uncertainty


def test_it_is_what_counting_the_voxels_gives(voxels: tuple[np.ndarray, np.ndarray]) -> None:
    uncertainty, wrong = voxels
    worth = worth_of(uncertainty, wrong)
    for threshold in (0.001, 0.02, 0.1, 0.3, 0.6, 0.9):
        above = uncertainty > threshold
        found = worth.at(threshold)
        assert found.reviewed == pytest.approx(above.mean(), abs=1e-3)
        assert found.found == pytest.approx((above & wrong).sum() / wrong.sum(), abs=3e-3)
    low, high = worth.bounds
    assert (low, high) == pytest.approx((uncertainty.min(), uncertainty.max()))
    assert worth.at(high).reviewed == 0.0
    assert worth.at(low - 1).found == 1.0


def test_a_share_and_its_threshold_lead_back_to_each_other(
    voxels: tuple[np.ndarray, np.ndarray],
) -> None:
    worth = worth_of(*voxels)
    for share in (0.0, 0.03, 0.2, 0.75):
        assert worth.at(worth.threshold_of(share)).reviewed == pytest.approx(share, abs=1e-9)


def test_voxels_at_the_threshold_are_not_looked_at() -> None:
    """Nine tenths have one value: a threshold there leaves the last tenth."""
    uncertainty = np.where(np.arange(1000) < 900, 0.2, 0.7)
    wrong = np.arange(1000) % 10 == 0
    worth = worth_of(uncertainty, wrong)
    # As fine as the curve, which has a point for every 0.6 % of the volume there.
    assert worth.at(0.2).reviewed == pytest.approx(0.1, abs=6e-3)
    assert worth.at(0.2).found == pytest.approx(0.1, abs=6e-3)
    assert worth.at(0.7).reviewed == 0.0


def test_it_says_so_in_words() -> None:
    assert str(Worth(0.42, 0.031, 0.81)) == (
        "Above 0.42 you look at 3.1 % of the volume and find 81 % of the errors."
    )
    assert str(Worth(0.42, 0.031, float("nan"))) == (
        "Above 0.42 you look at 3.1 % of the volume and find no error: there is none."
    )
    assert Worth(0.42, 0.031, 0.81).brief == "look at 3.1 %, find 81 %"
    assert Worth(0.42, 0.031, float("nan")).brief == "look at 3.1 %"


def test_a_perfect_result_has_no_errors_to_find() -> None:
    worth = worth_of(np.linspace(0, 1, 100), np.zeros(100, bool))
    assert np.isnan(worth.at(0.5).found)
    assert worth.at(0.5).reviewed == pytest.approx(0.5, abs=0.02)


def test_nothing_judged_has_no_threshold() -> None:
    worth = ThresholdWorth((), (), (), "nat")
    assert worth.bounds == (0.0, 0.0)
    assert worth.threshold_of(0.1) == 0.0
    assert worth.at(0.3).reviewed == 0.0
