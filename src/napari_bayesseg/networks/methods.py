"""The methods of getting segmentation uncertainty, in one table that all lists are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["FINITE_METHODS", "METHODS", "Method", "MethodRecord"]

Method = Literal["bcnn", "mc-dropout", "heteroscedastic", "ua-mt", "sghmc", "ensemble"]


@dataclass(frozen=True)
class MethodRecord:
    """A method as people read about it.

    Attributes
    ----------
    title : str
        Its name in words.
    draw : str
        What one posterior draw is.
    reference : str
        Where it was published.
    """

    title: str
    draw: str
    reference: str


METHODS: dict[Method, MethodRecord] = {
    "bcnn": MethodRecord(
        "Bayesian network",
        "every draw takes new weights from the trained distributions",
        "LaBonte, Martinez and Roberts, arXiv 1910.10793",
    ),
    "mc-dropout": MethodRecord(
        "Monte Carlo dropout",
        "every draw leaves out other channels at random",
        "Gal and Ghahramani, ICML 2016",
    ),
    "heteroscedastic": MethodRecord(
        "Heteroscedastic network",
        "every draw leaves out other channels, and averages over the noise that the network "
        "predicts for each voxel",
        "Kendall and Gal, NeurIPS 2017",
    ),
    "ua-mt": MethodRecord(
        "Uncertainty-aware mean teacher",
        "every draw leaves out other channels of a student that learnt from unlabelled scans too",
        "Yu et al., MICCAI 2019",
    ),
    "sghmc": MethodRecord(
        "Stochastic gradient Hamiltonian Monte Carlo",
        "every draw is a snapshot that one training run left in one of its cycles",
        "Zhao et al., MELBA 2024:011",
    ),
    "ensemble": MethodRecord(
        "Deep ensemble",
        "every draw is a network that was trained from another seed",
        "Lakshminarayanan et al., NeurIPS 2017",
    ),
}
"""By the name that commands, cards and results use."""

FINITE_METHODS: frozenset[Method] = frozenset({"sghmc", "ensemble"})
"""Those with a finite number of draws: one a member."""

assert tuple(METHODS) == get_args(Method)
