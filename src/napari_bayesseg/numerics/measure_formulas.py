"""The uncertainty measures as formulas, in plain NumPy.

All logarithms are natural, so entropies are in nats. These functions are the definition; the fused
kernel in :mod:`~napari_bayesseg.numerics.sample_statistics` gives the same numbers fast.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DEFAULT_PERCENTILES",
    "FloatArray",
    "expected_entropy",
    "expected_error",
    "mutual_information",
    "percentile_spread",
    "predictive_entropy",
    "standard_deviation",
    "variation_ratio",
]

FloatArray = NDArray[np.floating[Any]]

DEFAULT_PERCENTILES = (20.0, 80.0)

# Jensen's inequality forbids a negative mutual information; beyond this it is a fault to be seen.
_ROUNDING_NATS = 1e-6


def _entropy(probs: FloatArray, axis: int) -> NDArray[np.float64]:
    """Sum of -p ln p along `axis`, with 0 ln 0 = 0."""
    values = np.asarray(probs, dtype=np.float64)
    logarithms = np.log(np.where(values > 0, values, 1.0))
    return np.asarray(-(values * logarithms).sum(axis=axis))


def _mean(probs: FloatArray) -> NDArray[np.float64]:
    return np.asarray(np.asarray(probs, dtype=np.float64).mean(axis=0))


def _of_top_class(probs: FloatArray) -> NDArray[np.float64]:
    """Pick from every draw the class with the largest mean; returns ``(T, ...)``."""
    values = np.asarray(probs, dtype=np.float64)
    top = values.mean(axis=0).argmax(axis=0)
    return np.take_along_axis(values, top[None, None], axis=1)[:, 0]


def predictive_entropy(probs: FloatArray) -> NDArray[np.float64]:
    """Entropy of the mean prediction, in nats: all uncertainty, whatever its origin.

    Parameters
    ----------
    probs : (T, C, ...) float
        Softmax of T draws; sums to 1 over C.

    Returns
    -------
    (...) float64
        Between 0 and ln C.

    References
    ----------
    Kendall & Gal, "What uncertainties do we need in Bayesian deep learning for computer vision?",
    NeurIPS 2017, arXiv:1703.04977, section 2.1.
    """
    return _entropy(_mean(probs), axis=0)


def expected_entropy(probs: FloatArray) -> NDArray[np.float64]:
    """Mean entropy of the draws, in nats: what stays uncertain though the model is known.

    Parameters
    ----------
    probs : (T, C, ...) float
        Softmax of T draws; sums to 1 over C.

    Returns
    -------
    (...) float64
        Between 0 and ln C; never above the predictive entropy.

    References
    ----------
    Depeweg et al., "Decomposition of uncertainty in Bayesian deep learning for efficient and
    risk-sensitive learning", ICML 2018, arXiv:1710.07283, equation 4.
    """
    return np.asarray(_entropy(probs, axis=1).mean(axis=0))


def mutual_information(probs: FloatArray) -> NDArray[np.float64]:
    """Predictive minus expected entropy, in nats: the disagreement between draws (BALD).

    Rounding may push it below zero by a hair, which is clipped.

    Parameters
    ----------
    probs : (T, C, ...) float
        Softmax of T draws; sums to 1 over C.

    Returns
    -------
    (...) float64
        Between 0 and ln C (and ln T); 0 for a single draw.

    References
    ----------
    Houlsby et al., "Bayesian active learning for classification and preference learning", 2011,
    arXiv:1112.5745, equation 2.
    """
    information = predictive_entropy(probs) - expected_entropy(probs)
    is_rounding = (information < 0) & (information > -_ROUNDING_NATS)
    return np.where(is_rounding, 0.0, information)


def standard_deviation(probs: FloatArray) -> NDArray[np.float64]:
    """Return the standard deviation of the class with the largest mean over the draws (divisor T).

    Parameters
    ----------
    probs : (T, C, ...) float
        Softmax of T draws; sums to 1 over C.

    Returns
    -------
    (...) float64
        A probability between 0 and 1/2; 0 for a single draw.

    References
    ----------
    Kendall, Badrinarayanan & Cipolla, "Bayesian SegNet", BMVC 2017, arXiv:1511.02680, section 3.
    """
    return np.asarray(_of_top_class(probs).std(axis=0))


def percentile_spread(
    probs: FloatArray, percentiles: tuple[float, float] = DEFAULT_PERCENTILES
) -> NDArray[np.float64]:
    """Distance between two percentiles over draws of the class with the largest mean.

    Percentiles by linear interpolation between order statistics (NumPy's default).

    Parameters
    ----------
    probs : (T, C, ...) float
        Softmax of T draws; sums to 1 over C.
    percentiles : (low, high)
        In percent, ``0 <= low < high <= 100``.

    Returns
    -------
    (...) float64
        A probability between 0 and 1; 0 for a single draw.

    References
    ----------
    LaBonte, Martinez & Roberts, "We know where we don't know: 3D Bayesian CNNs for credible
    geometric uncertainty", 2019, arXiv:1910.10793, section 3 (20th to 80th percentile).
    """
    low, high = np.percentile(_of_top_class(probs), percentiles, axis=0)
    return np.asarray(high - low)


def variation_ratio(probs: FloatArray) -> NDArray[np.float64]:
    """Share of draws whose most probable class is not that of the mean; ties go to the lowest.

    Parameters
    ----------
    probs : (T, C, ...) float
        Softmax of T draws; sums to 1 over C.

    Returns
    -------
    (...) float64
        Between 0 and 1. With two classes at most 1 - 1/T; with more, a class that no draw puts
        first can win the mean, and the ratio is then 1.

    References
    ----------
    Gal, "Uncertainty in deep learning", PhD thesis, Cambridge 2016, section 3.3.1; here the mean's
    label takes the place of the mode, so that the ratio speaks of the label that is shown.
    """
    disagrees = np.asarray(probs).argmax(axis=1) != _mean(probs).argmax(axis=0)
    return np.asarray(disagrees.mean(axis=0))


def expected_error(probs: FloatArray) -> NDArray[np.float64]:
    """One minus the largest mean probability: the chance that the label is wrong, if calibrated.

    Parameters
    ----------
    probs : (T, C, ...) float
        Softmax of T draws; sums to 1 over C.

    Returns
    -------
    (...) float64
        A probability between 0 and 1 - 1/C.

    References
    ----------
    Hendrycks & Gimpel, "A baseline for detecting misclassified and out-of-distribution examples
    in neural networks", ICLR 2017, arXiv:1610.02136, section 2 (maximum softmax probability).
    """
    return np.asarray(1.0 - _mean(probs).max(axis=0))
