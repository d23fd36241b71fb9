"""Small scans predicted in memory, each in one piece, by the posterior of a model folder."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.modules.dropout import _DropoutNd

from napari_bayesseg.core.errors import BayesSegWarning
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.block import predict_block
from napari_bayesseg.inference.draw_pool import KeyedDraws
from napari_bayesseg.inference.scan import NormalisedScan, summarise_scan
from napari_bayesseg.networks.checkpoint import ModelCard, load_card, load_foreign
from napari_bayesseg.networks.foreign.spec import ForeignSpec
from napari_bayesseg.posteriors.foreign import ForeignPosterior
from napari_bayesseg.posteriors.open import open_model
from napari_bayesseg.posteriors.protocol import Posterior

__all__ = ["MEASURES", "Predictor", "ScanPrediction"]

MEASURES = ("predictive_entropy", "expected_entropy", "mutual_information")

_CPU = torch.device("cpu")
_PERCENTILES = (20.0, 80.0)


@dataclass(frozen=True)
class ScanPrediction:
    """What a posterior says of a scan.

    Attributes
    ----------
    mean_probability : (C, Z, Y, X) float32
    measures : dict of (Z, Y, X) float32
        Nats; those of `MEASURES`.
    """

    mean_probability: NDArray[np.float32]
    measures: dict[str, NDArray[np.float32]]


class Predictor:
    """Draws of one model.

    Parameters
    ----------
    folder : Path
        Model folder.
    flips : str
        Letters of axes; see ``posteriors.flips``.
    plain : bool
        One pass of a network of MONAI without its dropout.
    """

    def __init__(self, folder: Path, *, flips: str = "", plain: bool = False) -> None:
        with warnings.catch_warnings():
            # The scans are predicted in one piece: passes over whole scans lose nothing.
            warnings.simplefilter("ignore", BayesSegWarning)
            self.card = load_card(folder)
            if plain:
                self.posterior = _one_pass(folder, self.card)
            else:
                self.posterior, *_ = open_model(folder, _CPU, flips=flips)

    def __call__(self, voxels: NDArray[np.float32], num_samples: int) -> ScanPrediction:
        """Predict a scan.

        Parameters
        ----------
        voxels : (Z, Y, X) float32
            Raw grey values.
        num_samples : int
            Draws; fewer are made where fewer differ.
        """
        volume = Volume.from_array(voxels, name="scan")
        scan = NormalisedScan(volume, summarise_scan(volume, self.card.normalisation).statistics)
        distinct = self.posterior.num_distinct
        draws = KeyedDraws(self.posterior, min(num_samples, distinct or num_samples), seed=0)
        whole = Roi.whole(volume.shape)
        found = predict_block(
            self.posterior,
            draws,
            whole,
            volume.shape,
            scan.read,
            measures=MEASURES,
            percentiles=_PERCENTILES,
        )
        return ScanPrediction(found.mean_probability, found.measures)


def _one_pass(folder: Path, card: ModelCard) -> Posterior:
    spec = card.network
    if not isinstance(spec, ForeignSpec):
        raise ValueError(f"{folder}: only networks of MONAI are run without their dropout")
    networks: Sequence[torch.nn.Module] = load_foreign(folder, card)
    for module in networks[0].modules():
        if isinstance(module, _DropoutNd):
            module.p = 0.0
    return ForeignPosterior(networks[0], spec.num_classes, is_member=True)
