"""Bounds on a share of which a random sample was looked at."""

from __future__ import annotations

from scipy.special import betaincinv

from napari_bayesseg.core.errors import SettingsError

__all__ = ["binomial_interval", "binomial_upper_bound"]


def binomial_upper_bound(hits: int, trials: int, confidence: float = 0.95) -> float:
    """Return the exact one-sided upper bound on a probability (Clopper-Pearson).

    The largest p with ``P(X <= hits) >= 1 - confidence`` for ``X`` binomial with `trials` and p.
    Whatever the true p, the bound lies below it in at most ``1 - confidence`` of all samples. It
    holds for a number of trials that was fixed beforehand.

    Parameters
    ----------
    hits : int
        From 0 to `trials`.
    trials : int
        At least 1.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    float
        From 0 to 1. Without a hit ``1 - (1 - confidence) ** (1 / trials)``; about
        ``3 / trials`` at 95 % ("rule of three").

    Raises
    ------
    SettingsError
        If a number is out of range.

    References
    ----------
    Clopper and Pearson 1934, "The use of confidence or fiducial limits illustrated in the case of
    the binomial"; by the quantile of a beta distribution: Brown, Cai and DasGupta 2001, "Interval
    estimation for a binomial proportion", equation 4.
    """
    _check(hits, trials, confidence)
    if hits == trials:
        return 1.0
    return float(betaincinv(hits + 1, trials - hits, confidence))


def binomial_interval(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact two-sided interval of a probability (Clopper-Pearson).

    Each end is missed in at most ``(1 - confidence) / 2`` of all samples; see
    :func:`binomial_upper_bound` for parameters, errors and references.

    Returns
    -------
    low, high : float
    """
    _check(hits, trials, confidence)
    outside = (1.0 - confidence) / 2.0
    low = 0.0 if hits == 0 else float(betaincinv(hits, trials - hits + 1, outside))
    return low, binomial_upper_bound(hits, trials, 1.0 - outside)


def _check(hits: int, trials: int, confidence: float) -> None:
    if trials < 1 or not 0 <= hits <= trials:
        raise SettingsError(
            f"a bound needs at least one trial and from 0 to all hits; got {hits} of {trials}"
        )
    if not 0.0 < confidence < 1.0:
        raise SettingsError(f"the confidence must lie between 0 and 1; got {confidence}")
