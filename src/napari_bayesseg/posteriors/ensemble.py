"""Several networks as one posterior: deep ensembles, and the snapshots of a sampler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_bayesseg.core.errors import CheckpointError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.posteriors.protocol import Draw, Posterior, ScanReader
from napari_bayesseg.posteriors.whole_draws import KeptBox, WholeDrawCost

__all__ = ["EnsembleFeatures", "EnsemblePosterior"]


@dataclass(frozen=True)
class EnsembleFeatures:
    """What the members of a block share: the voxels that all of them read."""

    core: Roi
    shape: Index3
    box: KeptBox


@dataclass(frozen=True)
class _MemberDraw:
    member: Posterior
    draw: Draw

    def probabilities(self, features: EnsembleFeatures) -> NDArray[np.float32]:
        """Run the whole member: softmax ``(C, *core)``."""
        own = self.member.prepare(features.core, features.shape, features.box.read)
        return self.draw.probabilities(own)


class EnsemblePosterior:
    """Draws from members with equal weights: draw t is member t mod K.

    Members without randomness of their own have one draw each, so that there are K draws. Each
    draw runs its whole member, for nothing but the scan is common to them.

    Parameters
    ----------
    members : sequence of Posterior
        K networks of one architecture, on one device.

    Raises
    ------
    CheckpointError
        If there is only one member and nothing in it is random.

    References
    ----------
    Lakshminarayanan, Pritzel and Blundell, "Simple and scalable predictive uncertainty estimation
    using deep ensembles", NeurIPS 2017, section 2.4.
    """

    def __init__(self, members: Sequence[Posterior]) -> None:
        self.members = tuple(members)
        if len(self.members) < 2 and self.num_distinct == 1:
            raise CheckpointError(
                "an ensemble of one network has one draw: a zero map would look like certainty; "
                "give it 2 members or more"
            )

    @property
    def num_classes(self) -> int:
        """Number of classes in the probabilities, at least 2."""
        return self.members[0].num_classes

    @property
    def stride(self) -> Index3:
        """Block shapes are multiples of this."""
        return self.members[0].stride

    @property
    def parallel_draws(self) -> int:
        """As many as a member computes at a time."""
        return self.members[0].parallel_draws

    @property
    def device(self) -> torch.device:
        """Where draws are computed."""
        return self.members[0].device

    @property
    def num_distinct(self) -> int | None:
        """The number of members, where they are not random themselves."""
        if any(member.num_distinct is None for member in self.members):
            return None
        return len(self.members)

    def warm_up(self) -> None:
        """Compile what the members have in common."""
        self.members[0].warm_up()

    def read_roi(self, core: Roi, shape: Index3) -> Roi:
        """Return the box of the padded scan that every member reads."""
        return self.members[0].read_roi(core, shape)

    def prepare(self, core: Roi, shape: Index3, read: ScanReader) -> EnsembleFeatures:
        """Read core and halo, once for all members."""
        return EnsembleFeatures(core, shape, KeptBox.of(self.read_roi(core, shape), read))

    def draw(self, index: int, *, seed: int) -> _MemberDraw:
        """Return member `index` mod K; a random one's next draw at each turn."""
        turn, position = divmod(index, len(self.members))
        member = self.members[position]
        return _MemberDraw(member, member.draw(turn, seed=seed))

    def cost(self, core: Roi, shape: Index3) -> WholeDrawCost:
        """Return what the block `core` needs in memory and operations."""
        member: Any = self.members[0].cost(core, shape)
        return WholeDrawCost(4 * self.read_roi(core, shape).size, member)
