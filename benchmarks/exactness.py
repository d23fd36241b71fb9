"""Whether blocks, their order, workers and an interruption leave the numbers as they are."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
import torch
from torch import Tensor

from benchmarks.data import MODELS, sample, workspace
from benchmarks.nets import realisations
from benchmarks.predictions import result_arrays
from benchmarks.rows import Row, at_most
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.settings import Precision
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.plan import BlockPlan
from napari_bayesseg.inference.predict import RunHooks, predict
from napari_bayesseg.inference.result import Result
from napari_bayesseg.inference.scan import NormalisedScan, summarise_scan
from napari_bayesseg.inference.serial_runner import Cancelled
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.networks.checkpoint import load_card, load_network
from napari_bayesseg.networks.model_folders import find_model
from napari_bayesseg.posteriors.network import NetworkPosterior, padded_shape
from napari_bayesseg.posteriors.open import open_model

__all__ = [
    "HAS_DISTRIBUTED",
    "crop_of_sample",
    "file_of",
    "precision_rows",
    "run",
    "tiled",
    "whole",
]

HAS_DISTRIBUTED = importlib.util.find_spec("distributed") is not None
"""Whether runs can have workers."""

_SHAPES: tuple[Index3, ...] = ((45, 83, 101), (3, 83, 101), (1, 83, 101))
_BLOCKS: tuple[Index3, ...] = ((16, 32, 32), (24, 16, 48), (8, 40, 20), (45, 28, 101))
_LARGEST_BLOCK: Index3 = (48, 84, 104)
_DOUBLE_DRAWS = 1
_CLEAR = 2e-5
_STORE_BLOCK: Index3 = (16, 32, 32)
_STORE_SAMPLES = 4


def run(quick: bool) -> list[Row]:
    """Compare tiles with whole volumes, precisions, and runs in other orders or with workers."""
    rows: list[Row] = []
    for model in MODELS:
        single, double = _opened(model), _double(model)
        for shape in _SHAPES:
            scan = crop_of_sample(model, shape)
            table = f"tiles against the whole volume, {' x '.join(map(str, shape))} voxels"
            found = _differences(single, double, scan, samples=4 if quick else 16)
            rows += [
                Row.of(table, name, model, value=value, goal=None if goal < 0 else at_most(goal))
                for name, value, goal in found.as_rows()
            ]
        rows += precision_rows(model, single, _opened(model, "bfloat16"), 4 if quick else 16)
        # Workers take seconds to start.
        with_workers = HAS_DISTRIBUTED and (not quick or model == MODELS[0])
        rows += _bit_rows(model, sorted(_SHAPES)[-1], with_workers=with_workers)
    return rows


def _opened(model: str, precision: Precision = "float32") -> NetworkPosterior:
    """Open a model as a run does."""
    return open_model(model, torch.device("cpu"), precision)[0]


def _double(model: str) -> NetworkPosterior:
    folder = find_model(model)
    return NetworkPosterior(load_network(folder, load_card(folder)), dtype=torch.float64)


def crop_of_sample(model: str, shape: Index3) -> NormalisedScan:
    """Cut a box out of the middle of the sample, normalised as the whole sample is."""
    volume = read_volume(sample().image)
    start = [(n - size) // 2 for n, size in zip(volume.shape, shape, strict=True)]
    stop = [a + size for a, size in zip(start, shape, strict=True)]
    box = Roi((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
    card = load_card(find_model(model))
    statistics = summarise_scan(volume, card.normalisation).statistics
    return NormalisedScan(Volume.from_array(volume.read(box), name="crop"), statistics)


def tiled(
    posterior: NetworkPosterior, index: int, scan: NormalisedScan, block_shape: Index3
) -> Tensor:
    """Return softmax ``(C, Z, Y, X)`` of a draw of seed 0, block by block, as a run computes it.

    A posterior in float64 keeps its precision.
    """
    shape = scan.volume.shape
    draw = posterior.draw(index, seed=0)
    out = torch.empty((posterior.num_classes, *shape), dtype=posterior.dtype)
    for block in BlockPlan(shape, Roi.whole(shape), block_shape).blocks():
        features = posterior.prepare(block.core, shape, scan.read)
        if posterior.dtype == torch.float64:
            probabilities = torch.softmax(draw.outputs(features), 1)[0]
        else:
            probabilities = torch.from_numpy(draw.probabilities(features))
        out[(slice(None), *block.core.slices)] = probabilities
    return out


@torch.inference_mode()
def whole(posterior: NetworkPosterior, index: int, scan: NormalisedScan) -> Tensor:
    """Return softmax ``(C, Z, Y, X)`` of a draw: the padded scan through the network at once.

    By torch's own convolutions, whatever those of the posterior's draws are.
    """
    shape = scan.volume.shape
    extent = padded_shape(shape, posterior.stride)
    image = torch.from_numpy(scan.read(Roi.whole(extent)))[None, None].to(posterior.dtype)
    logits = posterior.network(image, realisations(posterior.network, index))
    return torch.softmax(logits, 1)[(0, slice(None), *Roi.whole(shape).slices)]


@dataclass(frozen=True)
class _Differences:
    """Largest differences over all block shapes, and labels that differ."""

    double: float
    draw: float
    mean: float
    labels: int
    ties: int
    other_bits: int

    def as_rows(self) -> Iterator[tuple[str, float | int, float]]:
        """Yield name, value and bound (negative: none)."""
        yield "float64, one draw", self.double, 1e-12
        yield "float32, one draw", self.draw, 1e-4
        yield "float32, mean probability", self.mean, 1e-5
        yield "labels that differ, ties apart", self.labels, 0
        yield "ties (two largest means within 2e-5)", self.ties, -1
        count = len(_BLOCKS) + 1
        yield f"float32, block shapes (of {count}) that differ in any bit", self.other_bits, -1


def _differences(
    single: NetworkPosterior, double: NetworkPosterior, scan: NormalisedScan, samples: int
) -> _Differences:
    shapes = (*_BLOCKS, _LARGEST_BLOCK)
    largest_double = 0.0
    for index in range(_DOUBLE_DRAWS):
        reference = whole(double, index, scan)
        errors = [(tiled(double, index, scan, b) - reference).abs().max().item() for b in shapes]
        largest_double = max(largest_double, *errors)
    size = (single.num_classes, *scan.volume.shape)
    expected = torch.zeros(size, dtype=torch.float64)
    means = [torch.zeros(size, dtype=torch.float64) for _ in shapes]
    largest, others = 0.0, set()
    for index in range(samples):
        reference = whole(single, index, scan)
        expected += reference / samples
        first = None
        for mean, block_shape in zip(means, shapes, strict=True):
            tiles = tiled(single, index, scan, block_shape)
            first = tiles if first is None else first
            if not torch.equal(tiles, first):
                others.add(block_shape)
            largest = max(largest, (tiles - reference).abs().max().item())
            mean += tiles / samples
    top = expected.topk(2, dim=0).values
    clear = top[0] - top[1] > _CLEAR
    labels = expected.argmax(0)
    return _Differences(
        double=largest_double,
        draw=largest,
        mean=max((mean - expected).abs().max().item() for mean in means),
        labels=sum(int((mean.argmax(0) != labels)[clear].sum()) for mean in means),
        ties=int((~clear).sum()),
        other_bits=len(others),
    )


def precision_rows(
    model: str, single: NetworkPosterior, half: NetworkPosterior, samples: int
) -> list[Row]:
    """Compare draws in bfloat16 with those in float32, in the same blocks."""
    scan = crop_of_sample(model, _SHAPES[0])
    size = (single.num_classes, *scan.volume.shape)
    means = [torch.zeros(size, dtype=torch.float64) for _ in range(2)]
    largest = 0.0
    for index in range(samples):
        draws = [tiled(posterior, index, scan, _BLOCKS[0]).double() for posterior in (single, half)]
        largest = max(largest, (draws[0] - draws[1]).abs().max().item())
        for mean, draw in zip(means, draws, strict=True):
            mean += draw / samples
    change = (means[0] - means[1]).abs()
    flipped = (means[0].argmax(0) != means[1].argmax(0)).double().mean().item()
    table = f"bfloat16 against float32, {' x '.join(map(str, _SHAPES[0]))} voxels, T = {samples}"
    found = (
        ("one draw, largest change of a probability", largest),
        ("mean probability, largest change", change.max().item()),
        ("mean probability, mean change", change.mean().item()),
        ("share of voxels with another label", flipped),
    )
    return [Row.of(table, name, model, value=value) for name, value in found]


def _bit_rows(model: str, shape: Index3, *, with_workers: bool) -> list[Row]:
    """Compare result stores by their hashes: other orders, workers, a run stopped and continued."""
    folder = workspace() / f"exactness-{model}"
    scan = file_of(crop_of_sample(model, shape).volume, folder / "crop.tif")
    reference = _hashes(_store(scan, model, folder / "in-order.zarr"))
    corners: Sequence[Index3] = ((0, 0, 0), (44, 0, 100), (20, 82, 50))
    others = [
        _hashes(_store(scan, model, folder / f"order-{number}.zarr", focus=corner))
        for number, corner in enumerate(corners)
    ]
    resumed = _hashes(_interrupted(scan, model, folder / "resumed.zarr", corners))
    runs = [
        ("blocks in three other orders", others),
        ("stopped three times, continued each time in another order", [resumed]),
    ]
    if with_workers:
        shared = _hashes(_store(scan, model, folder / "workers.zarr", workers=2))
        runs.append(("computed by two workers", [shared]))
    table = f"arrays of the result that differ in any bit (of {len(reference)})"
    return [
        Row.of(table, name, model, value=_count_of_others(reference, found), goal=at_most(0))
        for name, found in runs
    ]


def file_of(volume: Volume, path: Path) -> Path:
    """Write a scan where other processes can read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, volume.read(Roi.whole(volume.shape)), metadata={"axes": "ZYX"})
    return path


def _store(scan: Volume | Path, model: str, out: Path, **arguments: object) -> Result:
    return predict(
        scan,
        model,
        out,
        num_samples=_STORE_SAMPLES,
        block_shape=_STORE_BLOCK,
        device="cpu",
        **arguments,  # type: ignore[arg-type]
    )


def _interrupted(scan: Volume | Path, model: str, out: Path, corners: Sequence[Index3]) -> Result:
    """Stop a run after 5, 18 and 31 draws, in the middle of a block, and continue it."""
    for number, corner in enumerate(corners):
        left = [5 + 13 * number]

        def stop(left: list[int] = left) -> bool:
            left[0] -= 1
            return left[0] < 0

        try:
            _store(scan, model, out, focus=corner, hooks=RunHooks(should_stop=stop))
        except Cancelled:
            continue
    return _store(scan, model, out)


def _hashes(result: Result) -> dict[str, str]:
    return {
        name: hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
        for name, values in result_arrays(result).items()
    }


def _count_of_others(reference: dict[str, str], found: Sequence[dict[str, str]]) -> int:
    return sum(any(other[name] != value for other in found) for name, value in reference.items())
