from __future__ import annotations

import numpy as np
import pytest

from napari_bayesseg.evaluation.evaluate import evaluate_arrays
from napari_bayesseg.session.evaluated import Evaluated, Question, Truth
from napari_bayesseg.session.evaluation_scores import scores_of


@pytest.fixture
def evaluated() -> Evaluated:
    """Two classes; the truth is a block of 4 x 8 x 8 voxels, the prediction lies 1 voxel off."""
    truth = np.zeros((8, 16, 16), int)
    truth[2:6, 4:12, 4:12] = 1
    predicted = np.roll(truth, 1, axis=1)
    probability = np.where(predicted == 1, 0.9, 0.1)
    means = np.stack([1 - probability, probability]).astype(np.float32)
    measure = np.where(truth != predicted, 0.5, 0.1).astype(np.float32)
    evaluation = evaluate_arrays(
        means,
        {"mutual_information": measure},
        truth,
        (2.0, 1.0, 1.0),
        ("other", "block"),
        unit="millimeter",
        measure="mutual_information",
    )
    question = Question(Truth("truth"))
    return Evaluated("r", None, question, evaluation, "mutual_information")


def test_titles_numbers_and_words(evaluated: Evaluated) -> None:
    scores = {score.title: score for score in scores_of(evaluated)}
    assert list(scores) == [
        "Dice: other",
        "Dice: block",
        "HD95: other (mm)",
        "HD95: block (mm)",
        "Calibration error (ECE)",
        "Log-likelihood loss (NLL)",
        "Brier score",
        "Errors told apart (AUROC)",
        "Errors in the top 5 %",
    ]
    # 7 of 8 planes are shared.
    assert scores["Dice: block"].text == "0.875"
    assert scores["HD95: block (mm)"].text == "1"
    share_wrong = 2 * 4 * 8 / truth_size()
    brier = 2 * (share_wrong * 0.81 + (1 - share_wrong) * 0.01)
    assert scores["Brier score"].text == f"{brier:.4f}"
    log_loss = -share_wrong * np.log(0.1) - (1 - share_wrong) * np.log(0.9)
    assert scores["Log-likelihood loss (NLL)"].text == f"{log_loss:.4f}"
    assert scores["Errors told apart (AUROC)"].text == "1.000"
    assert scores["Errors in the top 5 %"].text == "100.0 %"
    assert all(score.meaning.endswith(".") for score in scores.values())
    assert "block" in scores["Dice: block"].meaning
    better_high = {title for title, score in scores.items() if score.is_better_high}
    assert better_high == {
        "Dice: other", "Dice: block", "Errors told apart (AUROC)", "Errors in the top 5 %",
    }  # fmt: skip


def truth_size() -> int:
    return 8 * 16 * 16


def test_what_does_not_exist_is_no_number(evaluated: Evaluated) -> None:
    nothing = np.zeros((1, 8, 8), int)
    means = np.stack([np.full((1, 8, 8), 0.9), np.full((1, 8, 8), 0.1)]).astype(np.float32)
    evaluation = evaluate_arrays(means, {}, nothing, (1.0, 1.0, 1.0), ("other", "block"))
    perfect = Evaluated("r", None, evaluated.question, evaluation, "predictive_entropy")
    texts = {score.title: score.text for score in scores_of(perfect)}
    assert texts["Dice: block"] == "none"
    assert texts["Errors in the top 5 %"] == "none"
