import math

import numpy as np
import pytest
import torch
from scipy.special import softmax

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.proper_scores import SMALLEST_PROBABILITY, ProperScores


def scored(*pieces):
    scores = ProperScores()
    for probabilities, truth in pieces:
        scores.update(probabilities, truth)
    return scores


@pytest.fixture
def made(rng):
    probabilities = softmax(rng.normal(0, 2, (4, 6, 5, 7)), axis=0).astype(np.float32)
    return probabilities, rng.integers(0, 4, (6, 5, 7)).astype(np.uint8)


def test_both_scores_equal_their_definition(made):
    probabilities, truth = made
    found = scored(made).compute()
    loss = torch.nn.functional.nll_loss(
        torch.log(torch.tensor(probabilities, dtype=torch.float64))[None],
        torch.tensor(truth.astype(np.int64))[None],
    )
    one_hot = np.moveaxis(np.eye(4)[truth], -1, 0)
    brier = ((probabilities.astype(np.float64) - one_hot) ** 2).sum(axis=0).mean()
    assert found.negative_log_likelihood == pytest.approx(float(loss), rel=1e-12)
    assert found.brier_score == pytest.approx(brier, rel=1e-12)


def test_the_ends_of_the_scales():
    sure = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)  # class, voxel
    right, wrong = np.array([0, 1]), np.array([1, 0])
    assert scored((sure, right)).compute().negative_log_likelihood == 0
    assert scored((sure, right)).compute().brier_score == 0
    assert scored((sure, wrong)).compute().brier_score == 2
    worst = scored((sure, wrong)).compute().negative_log_likelihood
    assert worst == -math.log(SMALLEST_PROBABILITY) == pytest.approx(16.6, abs=0.05)
    guess = np.full((3, 9), 1 / 3)
    found = scored((guess, np.arange(9) % 3)).compute()
    assert found.negative_log_likelihood == pytest.approx(math.log(3))
    assert found.brier_score == pytest.approx(2 / 3)


def test_pieces_in_any_order_give_the_whole(made):
    probabilities, truth = made
    whole = scored(made).compute()
    total = ProperScores()
    for rows in (slice(4, 6), slice(0, 1), slice(0, 0), slice(1, 4)):
        total.merge(scored((probabilities[:, rows], truth[rows])))
    assert total.compute().brier_score == pytest.approx(whole.brier_score, rel=1e-12)
    assert total.compute().negative_log_likelihood == pytest.approx(
        whole.negative_log_likelihood, rel=1e-12
    )


def test_nothing_gives_nan():
    found = ProperScores().compute()
    assert math.isnan(found.brier_score)
    assert math.isnan(found.negative_log_likelihood)


def test_refusals():
    probabilities = np.full((2, 4), 0.5)
    with pytest.raises(SettingsError, match=r"shape \(3,\); got \(2, 4\)"):
        scored((probabilities, np.zeros(3, int)))
    with pytest.raises(SettingsError, match="0 to 1; got 0 to 2"):
        scored((probabilities, np.array([0, 1, 2, 0])))
