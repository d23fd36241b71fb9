"""One case of learning from corrections: predict, correct ten regions, learn, predict again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.data import Case
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.inference.result import Result
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.io.writers import write_volume
from napari_bayesseg.numerics.overlap import dice_per_class
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.carrying import Carrying, carry_review
from napari_bayesseg.review.decided_labels import DecidedLabels, decided_labels
from napari_bayesseg.review.labels.voxels import VoxelChange, VoxelSet
from napari_bayesseg.review.regions.region_settings import default_measure, default_settings
from napari_bayesseg.review.regions.region_source import RegionSource
from napari_bayesseg.review.regions.region_table import RegionTable
from napari_bayesseg.review.review import Review
from napari_bayesseg.training.dataset import TrainingPair
from napari_bayesseg.training.fine_tune import fine_tune
from napari_bayesseg.training.fine_tune_settings import FineTuneSettings

__all__ = ["SHIFTS", "LearningCase", "Learnt", "at_random", "largest_expected_error"]

NUM_SAMPLES = 16

Array = NDArray[Any]
Choice = Callable[[RegionTable, int], list[Region]]


def _gamma(voxels: Array) -> Array:
    """Another contrast: the share of the grey range squared."""
    low, high = np.percentile(voxels, (0.1, 99.9))
    share = np.clip((voxels - low) / (high - low), 0.0, None)
    return low + (high - low) * share**2.0


def _blur_and_noise(voxels: Array) -> Array:
    """A worse scanner: a Gaussian of one voxel, then noise of 40 % of the scan's spread."""
    rng = np.random.default_rng(0)
    blurred = ndimage.gaussian_filter(voxels.astype(np.float64), 1.0)
    return blurred + 0.4 * voxels.std() * rng.standard_normal(voxels.shape)


SHIFTS: dict[str, Callable[[Array], Array]] = {
    "contrast (gamma 2)": _gamma,
    "blur and noise": _blur_and_noise,
}
"""What makes a scan unlike those that the model was trained on."""


def largest_expected_error(table: RegionTable, count: int) -> list[Region]:
    """Return the regions with the largest expected error: those the review begins with."""
    return sorted(table.regions, key=lambda r: -r.expected_error_volume)[:count]


def at_random(table: RegionTable, count: int) -> list[Region]:
    """Return some regions at random."""
    rng = np.random.default_rng(len(table.regions))
    chosen = rng.permutation(len(table.regions))[:count]
    return [table.regions[index] for index in chosen]


@dataclass(frozen=True)
class Learnt:
    """What came of one choice of regions; labels are ``(Z, Y, X)``.

    Attributes
    ----------
    corrected : ndarray
        Labels with the corrections alone.
    again : ndarray
        Labels of the new prediction.
    kept : ndarray
        Those with the corrections kept.
    unreviewed : ndarray of bool
        Voxels of no corrected region.
    steps : int
    seconds : float
        Processor time of learning.
    disagreement : float
        Mean mutual information of the new prediction over that of the old one, where nobody
        reviewed.
    """

    corrected: Array
    again: Array
    kept: Array
    unreviewed: NDArray[np.bool_]
    steps: int
    seconds: float
    disagreement: float


class LearningCase:
    """A scan under a shift, predicted and divided into regions.

    Parameters
    ----------
    case : Case
    model : Path
    shift : callable
        Changes grey values ``(Z, Y, X)``.
    folder : Path
        For everything that is written.
    """

    def __init__(
        self, case: Case, model: Path, shift: Callable[[Array], Array], folder: Path
    ) -> None:
        self._model, self._folder, self._truth = model, folder, case.labels
        folder.mkdir(parents=True, exist_ok=True)
        scan = read_volume(case.image)
        self._scan = folder / "scan.nii.gz"
        voxels = shift(scan.read(Roi.whole(scan.shape)).astype(np.float64))
        write_volume(self._scan, voxels.astype(np.float32), scan.spec.geometry)
        self.result = self._predict(model, "before")
        self.predicted = self.result.read("labels")
        source = RegionSource.read(self.result, default_measure(self.result))
        self._settings = default_settings(source)
        self._table = source.find(self._settings)

    def _predict(self, model: Path, name: str) -> Result:
        out = self._folder / f"{name}.zarr"
        return predict(self._scan, model, out, num_samples=NUM_SAMPLES, device="cpu")

    def learn(self, name: str, choose: Choice, count: int, settings: FineTuneSettings) -> Learnt:
        """Correct the regions that `choose` gives, learn, predict again and compare.

        Parameters
        ----------
        name : str
            Of the new model and its result.
        choose : callable
        count : int
            Regions that are corrected.
        settings : FineTuneSettings
        """
        review = self._folder / f"{name}-before.review"
        with Review.open(self.result, folder=review) as opened:
            for region in choose(self._table, count):
                self._correct(opened, region)
            decided, corrected = decided_labels(opened), opened.labels()
        started = time.process_time()
        card = fine_tune(
            self._model,
            [self._pair(decided)],
            self._folder / name,
            settings,
            predictions=[self.result.mean_probability],
            learned_from=decided.provenance,
        )
        seconds = time.process_time() - started
        again = self._predict(self._folder / name, f"{name}-after")
        carry_review(Carrying(review), again)
        with Review.open(again) as carried:
            kept = carried.labels()
        unreviewed = decided.labels < 0
        measure = "mutual_information"
        disagreement = [r.read(measure)[unreviewed].mean() for r in (again, self.result)]
        return Learnt(
            corrected,
            again.read("labels"),
            kept,
            unreviewed,
            card.training["steps"][0],
            seconds,
            float(disagreement[0] / disagreement[1]),
        )

    def _correct(self, review: Review, region: Region) -> None:
        """Give a region's voxels their true labels, as a brush would."""
        inside = self._table.region_labels[region.box.slices] == region.id
        old = review.labels()[region.box.slices][inside]
        new = self._truth[region.box.slices][inside].astype(old.dtype)
        change = VoxelChange(VoxelSet.from_mask(region.box, inside), old, new)
        review.paint(change, region, self._table.region_labels, self._settings)

    def _pair(self, decided: DecidedLabels) -> TrainingPair:
        scan = read_volume(self._scan)
        labels = Volume.from_array(decided.labels, scan.spec.geometry, name="reviewed")
        return TrainingPair("reviewed", scan, labels)

    def dice(self, labels: Array, among: Array | None = None) -> float:
        """Return the mean Dice of the classes besides background, of all voxels or of some."""
        chosen = np.ones(labels.shape, bool) if among is None else among
        count = len(self.result.class_names)
        return float(np.nanmean(dice_per_class(labels[chosen], self._truth[chosen], count)[1:]))
