import itertools
import math

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.error_detection import error_auroc
from napari_bayesseg.numerics.ranked_errors import rank_errors


@pytest.fixture(params=[4, 50, 10**6], ids=["many ties", "some ties", "hardly a tie"])
def made(request, rng):
    uncertainty = rng.integers(0, request.param, 3000) / request.param
    return uncertainty, rng.random(3000) < 0.05 + 0.3 * uncertainty


def test_both_areas_are_those_of_torchmetrics(made):
    uncertainty, wrong = made
    ranked = rank_errors(*made)
    values, flags = torch.tensor(uncertainty), torch.tensor(wrong)
    expected = float(binary_average_precision(values, flags.long()))
    assert ranked.auprc == pytest.approx(expected, abs=1e-6)
    assert ranked.auroc == pytest.approx(float(binary_auroc(values, flags.long())), abs=1e-6)
    assert ranked.auroc == pytest.approx(error_auroc(uncertainty, wrong), abs=1e-12)


def risks_of(wrong):
    return np.cumsum(wrong) / np.arange(1, len(wrong) + 1)


def test_risk_and_its_area_are_means_over_all_orders_of_equals():
    uncertainty = np.array([0.1, 0.4, 0.4, 0.4, 0.2, 0.9, 0.9])
    wrong = np.array([0, 1, 0, 1, 1, 0, 1], bool)
    curves, found = [], []
    for order in itertools.permutations(range(7)):
        if all(uncertainty[a] <= uncertainty[b] for a, b in itertools.pairwise(order)):
            chosen = wrong[list(order)]
            curves.append(risks_of(chosen))
            found.append(np.cumsum(chosen[::-1]) / wrong.sum())
    ranked = rank_errors(uncertainty, wrong)
    shares = np.arange(1, 8) / 7
    assert len(curves) == 12
    assert ranked.aurc == pytest.approx(np.mean(curves), abs=1e-12)
    np.testing.assert_allclose(ranked.risk(shares), np.mean(curves, axis=0), atol=1e-12)
    np.testing.assert_allclose(ranked.removed(shares), np.mean(found, axis=0), atol=1e-12)


def test_without_ties_it_is_the_sorted_list(rng):
    uncertainty = rng.permutation(500) / 500
    wrong = rng.random(500) < 0.2
    ranked = rank_errors(uncertainty, wrong)
    in_order = wrong[np.argsort(uncertainty)]
    assert ranked.aurc == pytest.approx(risks_of(in_order).mean(), rel=1e-12)
    perfect = risks_of(np.sort(wrong)).mean()
    assert ranked.optimal_aurc == pytest.approx(perfect, rel=1e-12)
    assert ranked.removed(0.05) == pytest.approx(in_order[-25:].sum() / wrong.sum())
    assert ranked.removed([0, 1]).tolist() == [0, 1]
    assert ranked.risk(1.0) == pytest.approx(wrong.mean())


def test_an_uncertainty_that_knows_nothing_and_one_that_knows_all():
    wrong = np.arange(100) < 10
    blind = rank_errors(np.zeros(100), wrong)
    assert blind.auroc == 0.5
    assert blind.auprc == pytest.approx(0.1)
    assert blind.aurc == pytest.approx(0.1)
    assert blind.removed(0.3) == pytest.approx(0.3)
    knowing = rank_errors(wrong.astype(float), wrong)
    assert knowing.auroc == knowing.auprc == 1
    assert knowing.aurc == pytest.approx(knowing.optimal_aurc)
    assert knowing.removed([0.05, 0.1, 0.2]).tolist() == [0.5, 1, 1]
    assert knowing.risk([0.001, 0.9]).tolist() == [0, 0]


def test_nan_voxels_are_left_out():
    uncertainty = np.array([0.1, np.nan, 0.3, np.nan])
    ranked = rank_errors(uncertainty, np.array([False, False, True, True]))
    assert ranked.num_voxels == 2
    assert ranked.auroc == 1


@pytest.mark.parametrize("wrong", [[], [True, True], [False, False]])
def test_what_does_not_exist_is_nan(wrong):
    ranked = rank_errors(np.linspace(0, 1, len(wrong)), np.array(wrong, bool))
    assert math.isnan(ranked.auroc)
    assert math.isnan(ranked.auprc) == (True not in wrong)
    assert math.isnan(ranked.removed(0.5)) == (True not in wrong)
    assert math.isnan(ranked.aurc) == math.isnan(ranked.optimal_aurc) == (not wrong)
    assert math.isnan(ranked.risk(0.5)) == (not wrong)


def test_refusals():
    with pytest.raises(SettingsError, match="one shape"):
        rank_errors(np.zeros(3), np.zeros(4, bool))
