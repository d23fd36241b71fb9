"""Scans of which some voxels were reviewed, and how sure the model was of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import FormatError, SettingsError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.volume import LazyArray
from napari_bayesseg.inference.scan import NormalisedScan, summarise_scan
from napari_bayesseg.networks.checkpoint import Normalisation
from napari_bayesseg.training.dataset import TrainingPair

__all__ = ["Piece", "confidence", "cut_pieces"]

_MOST_VOXELS = 2**27  # in memory, of all scans together: 1.2 GB
_CELL = 3  # patches along a side of a piece of a larger scan

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From grey values ``(Z, Y, X)`` to mean probabilities ``(C, Z, Y, X)``."""


@dataclass(frozen=True, eq=False)
class Piece:
    """Part of a scan in memory, at least a patch large.

    Attributes
    ----------
    image : (Z, Y, X) float32
        Grey values in standard deviations from the scan's mean.
    labels : (Z, Y, X) int16
        -1 where nobody has reviewed.
    trust : (Z, Y, X) float32
        How much the original's word counts there, from 0 to 1; 0 in reviewed voxels.
    is_square : bool
        Whether a voxel is as long along y as along x.
    """

    image: NDArray[np.float32]
    labels: NDArray[np.int16]
    trust: NDArray[np.float32]
    is_square: bool


def confidence(probability: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return 1 - H / ln C of probabilities ``(C, ...)``: 1 where sure, 0 where all are alike.

    Where there is no probability (NaN) it is 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(probability > 0, probability * np.log(probability), 0.0)
    sure = 1.0 + terms.sum(0) / np.log(len(probability))
    sure[np.isnan(probability).any(0)] = 0.0
    return np.asarray(np.clip(sure, 0.0, 1.0), np.float32)


def cut_pieces(
    pairs: Sequence[TrainingPair],
    predictions: Sequence[LazyArray | None],
    patch_shape: Index3,
    normalisation: Normalisation,
    num_classes: int,
    predict: Predict,
    seed: int,
) -> list[Piece]:
    """Read what there is to learn from into memory.

    Small scans are taken whole. Of larger ones cells of three patches along a side are taken:
    those with reviewed voxels first, then others at random, as many again.

    Parameters
    ----------
    pairs : sequence of TrainingPair
        Labels are below 0 where nobody has reviewed; pairs without labels are only held.
    predictions : sequence of array (C, Z, Y, X) or None
        The original's mean probability of each scan, where it is at hand.
    patch_shape : (z, y, x)
    normalisation : Normalisation
        Of the model.
    num_classes : int
    predict : callable
        Gives what `predictions` lacks.
    seed : int

    Raises
    ------
    SettingsError
        If no voxel at all is reviewed.
    FormatError
        If a label belongs to no class.
    """
    generator = np.random.default_rng([seed, 11])
    limit = _MOST_VOXELS // max(1, len(pairs))
    pieces = []
    for pair, prediction in zip(pairs, predictions, strict=True):
        scan = NormalisedScan(pair.scan, summarise_scan(pair.scan, normalisation).statistics)
        for box in _boxes(pair, patch_shape, limit, generator):
            labels = _read_labels(pair, box, num_classes)
            image = scan.read(box)
            known = predict(image) if prediction is None else np.asarray(prediction[:, *box.slices])
            trust = confidence(known) * (labels < 0)
            _, y, x = pair.scan.spec.geometry.spacing
            square = abs(y - x) <= 1e-3 * x and patch_shape[1] == patch_shape[2]
            pieces.append(
                _padded(Piece(image, labels, trust.astype(np.float32), square), patch_shape)
            )
    if not any((piece.labels >= 0).any() for piece in pieces):
        raise SettingsError("no voxel is labelled: there is nothing to learn from")
    return pieces


def _boxes(
    pair: TrainingPair, patch_shape: Index3, limit: int, generator: np.random.Generator
) -> Iterator[Roi]:
    shape = pair.scan.shape
    if int(np.prod(shape)) <= limit:
        yield Roi.whole(shape)
        return
    cells = list(_cells(shape, patch_shape))
    generator.shuffle(cells)
    reviewed = [cell for cell in cells if pair.labels and (pair.labels.read(cell) >= 0).any()]
    most = max(1, limit // cells[0].size)
    chosen = reviewed[: max(1, most // 2)] if reviewed else []
    taken = set(chosen)
    others = [cell for cell in cells if cell not in taken]
    yield from chosen
    yield from others[: max(1, min(most - len(chosen), max(len(chosen), 1)))]


def _cells(shape: Index3, patch_shape: Index3) -> Iterator[Roi]:
    """Yield boxes of equal size that cover a volume; those at the end overlap others."""
    sides = []
    for length, patch in zip(shape, patch_shape, strict=True):
        size = min(length, _CELL * patch)
        starts = [min(n * size, length - size) for n in range(-(-length // size))]
        sides.append([(start, start + size) for start in starts])
    for (a, b), (c, d), (e, f) in product(*sides):
        yield Roi((a, c, e), (b, d, f))


def _read_labels(pair: TrainingPair, box: Roi, num_classes: int) -> NDArray[np.int16]:
    if pair.labels is None:
        return np.full(box.shape, -1, np.int16)
    values = pair.labels.read(box)
    if values.dtype.kind not in "iu" or int(values.max(initial=-1)) >= num_classes:
        raise FormatError(
            f"{pair.name}: reviewed labels must be whole numbers below {num_classes}, the model's "
            f"number of classes, and below 0 where nobody has looked; got {values.max()}"
        )
    return np.maximum(values.astype(np.int64), -1).astype(np.int16)


def _padded(piece: Piece, patch_shape: Index3) -> Piece:
    """Pad a piece at the high end to a patch's size, as at prediction; nothing counts there."""
    missing = [(0, max(p - n, 0)) for p, n in zip(patch_shape, piece.image.shape, strict=True)]
    if not any(high for _, high in missing):
        return piece
    return Piece(
        np.pad(piece.image, missing, mode="edge"),
        np.pad(piece.labels, missing, constant_values=-1),
        np.pad(piece.trust, missing),
        piece.is_square,
    )
