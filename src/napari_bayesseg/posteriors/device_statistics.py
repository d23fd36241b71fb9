"""The statistics of softmax draws in torch, for draws that lie on a graphics card.

The same definitions, rules for ties and for NaN, and order of the sums over draws as
:func:`~napari_bayesseg.numerics.sample_statistics.summarise_draws`, in double precision where
that uses it. Voxels are taken slab by slab and draws one by one, so that nothing of the size of
the draws is made beyond a stated amount of memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.uncertainty import DEFAULT_PERCENTILES, get_measure

__all__ = ["SCRATCH_BYTES", "DeviceStatistics", "summarise_on_device"]

SCRATCH_BYTES = 2**28
"""Memory for what is made on the way, by default."""

# Rounding makes an information of zero slightly negative.
_ROUNDING_NATS = 1e-6
# Of a voxel: per class, six double-precision numbers; per draw, a value, the sorted value, its
# place, and the copies that sorting makes of them.
_BYTES_PER_CLASS = 48
_BYTES_PER_DRAW = 28


@dataclass(frozen=True)
class DeviceStatistics:
    """What a block of draws comes down to; n voxels, C classes; on the device of the draws.

    Attributes
    ----------
    mean_probability : (C, n) float32
        Mean softmax over the draws.
    labels : (n,) int32
        Argmax of `mean_probability` as stored; ties go to the lowest class.
    measures : dict of (n,) float32
        One map per requested measure, in the order asked for.
    """

    mean_probability: Tensor
    labels: Tensor
    measures: dict[str, Tensor]


@torch.inference_mode()
def summarise_on_device(
    probs: Tensor,
    measures: Sequence[str],
    percentiles: tuple[float, float] = DEFAULT_PERCENTILES,
    *,
    scratch_bytes: int = SCRATCH_BYTES,
) -> DeviceStatistics:
    """Reduce softmax draws to mean, labels and uncertainty measures where they lie.

    Parameters
    ----------
    probs : (T, C, n) float32, sums to 1 over C
        On any device. Where any value of a voxel is NaN, its means and measures are NaN and its
        label is 0.
    measures : sequence of str
        Plain names from :data:`~napari_bayesseg.numerics.uncertainty.MEASURES`.
    percentiles : (low, high)
        Of ``percentile_spread``, in percent.
    scratch_bytes : int
        Largest memory taken beyond input and output; the result does not depend on it. One voxel
        at a time is the least.

    Raises
    ------
    SettingsError
        If a measure is unknown, or shape or percentiles make no sense.
    """
    names = tuple(dict.fromkeys(measures))
    for name in names:
        get_measure(name)
    if probs.ndim != 3 or probs.shape[0] < 1 or probs.shape[1] < 2:
        raise SettingsError(
            "probs must be (draws, classes, voxels) with one draw and two classes or more; "
            f"got shape {tuple(probs.shape)}"
        )
    low, high = percentiles
    if not 0 <= low < high <= 100:
        raise SettingsError(f"percentiles must satisfy 0 <= low < high <= 100; got {percentiles}")
    num_draws, num_classes, num_voxels = probs.shape
    mean = probs.new_empty((num_classes, num_voxels))
    labels = probs.new_empty(num_voxels, dtype=torch.int32)
    maps = {name: probs.new_empty(num_voxels) for name in names}
    step = max(1, scratch_bytes // (num_classes * _BYTES_PER_CLASS + num_draws * _BYTES_PER_DRAW))
    for start in range(0, num_voxels, step):
        part = slice(start, min(start + step, num_voxels))
        slab = _Slab(probs[:, :, part], wants_entropy=bool({*names} & _OF_DRAWS))
        mean[:, part] = slab.single
        labels[part] = slab.label
        for name, values in maps.items():
            values[part] = slab.measure(name, percentiles)
    return DeviceStatistics(mean, labels, maps)


_OF_DRAWS = {"expected_entropy", "mutual_information"}


class _Slab:
    """Sums over the draws of some voxels, and what follows from them; in double precision."""

    def __init__(self, draws: Tensor, *, wants_entropy: bool) -> None:
        self.draws = draws
        # Differences to the first draw keep the variance exact where all draws agree.
        self._origin = draws[0].double()
        total, self._square = torch.zeros_like(self._origin), torch.zeros_like(self._origin)
        self._entropy = torch.zeros_like(self._origin[0])
        for draw in draws:
            values = draw.double()
            if wants_entropy:
                self._entropy += torch.special.entr(values).sum(0)
            values -= self._origin
            total += values
            self._square.addcmul_(values, values)
        self.mean = total.div_(len(draws)).add_(self._origin)
        # 0, or NaN where any probability is: then no number is to be read off the voxel.
        self._poison = (self.mean * 0.0).sum(0)
        self.mean += self._poison
        self.single = self.mean.float()
        self.label = self.single.argmax(0).masked_fill_(self._poison.isnan(), 0)

    def measure(self, name: str, percentiles: tuple[float, float]) -> Tensor:
        """Return ``(n,)``; NaN where any probability is."""
        if name == "percentile_spread":
            values = self._spread(percentiles)
        elif name == "variation_ratio":
            values = self._variation()
        else:
            values = _FORMULAS[name](self)
        return values + self._poison

    def _of_label(self, values: Tensor) -> Tensor:
        return values.gather(0, self.label[None])[0]

    def _spread(self, percentiles: tuple[float, float]) -> Tensor:
        """Percentiles of the labelled class, linear between order statistics."""
        index = self.label.expand(len(self.draws), 1, -1)
        ordered = self.draws.gather(1, index)[:, 0].sort(0).values
        last = len(ordered) - 1
        bounds: list[Tensor] = []
        for percentile in percentiles:
            below = int(last * percentile / 100.0)
            above, weight = min(below + 1, last), last * percentile / 100.0 - below
            low, high = ordered[below].double(), ordered[above].double()
            bounds.append(low + (high - low) * weight)
        return bounds[1] - bounds[0]

    def _variation(self) -> Tensor:
        """Share of draws that another class leads; ties go to the lowest."""
        count = torch.zeros_like(self.label)
        for draw in self.draws:
            count += draw.argmax(0) != self.label
        return count.double() / len(self.draws)

    def _predictive(self) -> Tensor:
        terms: Tensor = torch.special.entr(self.mean)
        return terms.sum(0)

    def _expected(self) -> Tensor:
        return self._entropy / len(self.draws)

    def _information(self) -> Tensor:
        information = self._predictive() - self._expected()
        if len(self.draws) == 1:
            return torch.zeros_like(information)
        is_rounding = (information < 0.0) & (information > -_ROUNDING_NATS)
        return information.masked_fill_(is_rounding, 0.0)

    def _deviation(self) -> Tensor:
        offset = self._of_label(self.mean) - self._of_label(self._origin)
        variance = self._of_label(self._square) / len(self.draws) - offset * offset
        return variance.clamp_min_(0.0).sqrt_()

    def _error(self) -> Tensor:
        return 1.0 - self._of_label(self.mean)


_FORMULAS = {
    "predictive_entropy": _Slab._predictive,
    "expected_entropy": _Slab._expected,
    "mutual_information": _Slab._information,
    "standard_deviation": _Slab._deviation,
    "expected_error": _Slab._error,
}
