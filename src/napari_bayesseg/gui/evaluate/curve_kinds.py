"""The curves that an evaluation can show: what stands on the axes, and where a threshold is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_bayesseg.gui.plot_canvas import Style
from napari_bayesseg.session.evaluated import Evaluated
from napari_bayesseg.session.threshold_worth import ThresholdWorth

__all__ = ["CURVE_KINDS", "CurveKind", "Drawn"]

Range = tuple[float, float]

_WHOLE: Range = (0.0, 100.0)
_GREY = 6
_PATCHES = (
    ("sure and right", "accurate_given_certain"),
    ("wrong and unsure", "uncertain_given_inaccurate"),
    ("PAvPU", "pavpu"),
)
_STYLES: tuple[Style, ...] = ("line", "dashed", "dotted")
_NOWHERE = (np.nan,)


@dataclass(frozen=True, eq=False)
class Drawn:
    """One curve of a plot; `name` as in the legend, `colour` its number in the palette."""

    name: str
    x: ArrayLike
    y: ArrayLike
    colour: int
    style: Style = "line"


@dataclass(frozen=True, eq=False)
class CurveKind:
    """A kind of curve.

    Attributes
    ----------
    title : str
        In the list of kinds.
    meaning : str
        How to read it, in plain words.
    x_label, y_label : str
        Of the axes; ``{unit}`` stands for the measure's.
    draw : callable
        The curves of the results.
    place_of : callable or None
        Where on the x axis a threshold stands; None where it stands nowhere.
    threshold_at : callable or None
        The threshold at a place of the x axis.
    x_range : (float, float) or None
        None: from the lowest threshold to the highest.
    y_range : (float, float) or None
        None: as the curves need.
    """

    title: str
    meaning: str
    x_label: str
    y_label: str
    draw: Callable[[tuple[Evaluated, ...]], Iterator[Drawn]]
    place_of: Callable[[ThresholdWorth, float], float] | None = None
    threshold_at: Callable[[ThresholdWorth, float], float] | None = None
    x_range: Range | None = _WHOLE
    y_range: Range | None = _WHOLE


def _error_removed(evaluated: tuple[Evaluated, ...]) -> Iterator[Drawn]:
    for number, one in enumerate(evaluated):
        curve = one.curves.error_removed
        yield Drawn(one.name, _percent(curve.reviewed), _percent(curve.removed), number)
    yield Drawn("at random", _WHOLE, _WHOLE, _GREY, "dashed")


def _risk_coverage(evaluated: tuple[Evaluated, ...]) -> Iterator[Drawn]:
    for number, one in enumerate(evaluated):
        curve = one.curves.risk_coverage
        yield Drawn(one.name, _percent(curve.coverage), _percent(curve.risk), number)


def _patches(evaluated: tuple[Evaluated, ...]) -> Iterator[Drawn]:
    for number, one in enumerate(evaluated):
        curve = one.curves.pavpu
        # No patch is as uncertain as the most uncertain voxel: further up nothing changes.
        threshold = np.append(curve.threshold, max(one.worth.bounds[1], curve.threshold[-1]))
        style = _STYLES[min(number, len(_STYLES) - 1)]
        if number:  # in the legend only
            yield Drawn(one.name, _NOWHERE, _NOWHERE, _GREY, style)
        for colour, (title, name) in enumerate(_PATCHES):
            shown = f"_{one.name}: {title}" if number else title
            shares = np.asarray(getattr(curve, name))
            yield Drawn(shown, threshold, _percent(np.append(shares, shares[-1])), colour, style)


def _reliability(evaluated: tuple[Evaluated, ...]) -> Iterator[Drawn]:
    yield Drawn("perfect", _WHOLE, _WHOLE, _GREY, "dashed")
    for number, one in enumerate(evaluated):
        curve = one.curves.reliability
        if number == 0:
            edges = np.asarray(curve.edges)
            middles = 0.5 * (edges[:-1] + edges[1:])
            yield Drawn(one.name, _percent(middles), _percent(curve.accuracy), number, "bars")
        else:
            yield Drawn(one.name, _percent(curve.confidence), _percent(curve.accuracy), number)


def _percent(shares: ArrayLike) -> NDArray[np.float64]:
    return 100.0 * np.asarray(shares, np.float64)


CURVE_KINDS = (
    CurveKind(
        "Errors found against volume reviewed",
        "How many of the wrong voxels somebody finds who looks at the most uncertain part of the "
        "volume. The steeper, the better; at random it would be the dashed line.",
        "volume looked at (%)",
        "errors found (%)",
        _error_removed,
        lambda worth, threshold: 100.0 * worth.at(threshold).reviewed,
        lambda worth, place: worth.threshold_of(place / 100.0),
    ),
    CurveKind(
        "Risk against coverage",
        "How many voxels are wrong among those that are accepted without a look, the surest first. "
        "The lower, the better; at the right end everything is accepted.",
        "volume accepted (%)",
        "wrong in it (%)",
        _risk_coverage,
        lambda worth, threshold: 100.0 * (1.0 - worth.at(threshold).reviewed),
        lambda worth, place: worth.threshold_of(1.0 - place / 100.0),
        y_range=None,
    ),
    CurveKind(
        "Patches: sure and right (PAvPU)",
        "Small cubes of voxels on either side of the threshold. Sure and right: of those below it, "
        "how many are accurate. Wrong and unsure: of the inaccurate, how many are above it. PAvPU: "
        "how many are either accurate and sure or inaccurate and unsure.",
        "threshold ({unit})",
        "patches (%)",
        _patches,
        lambda worth, threshold: threshold,
        lambda worth, place: place,
        x_range=None,
    ),
    CurveKind(
        "Reliability: promised and kept",
        "Of all voxels that are promised to be right with a certainty, how many are. Bars below "
        "the dashed line: too sure; above it: not sure enough.",
        "promised certainty (%)",
        "right (%)",
        _reliability,
    ),
)
"""In the order in which they are offered."""
