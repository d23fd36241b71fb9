"""Whether blocks, their order and an interruption leave the numbers as they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.data import MODELS, sample, workspace
from benchmarks.predictions import result_arrays
from benchmarks.rows import Row, at_most
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.plan import BlockPlan
from napari_bayesseg.inference.predict import RunHooks, predict
from napari_bayesseg.inference.result import Result
from napari_bayesseg.inference.scan import NormalisedScan, summarise_scan
from napari_bayesseg.inference.serial_runner import Cancelled
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.networks.checkpoint import load_card, load_network
from napari_bayesseg.networks.model_folders import find_model
from napari_bayesseg.posteriors.network import NetworkDraw, NetworkPosterior, padded_shape

__all__ = ["crop_of_sample", "run", "tiled", "whole"]

_SHAPES: tuple[Index3, ...] = ((45, 83, 101), (3, 83, 101), (1, 83, 101))
_BLOCKS: tuple[Index3, ...] = ((16, 32, 32), (24, 16, 48), (8, 40, 20), (45, 28, 101))
_LARGEST_BLOCK: Index3 = (48, 84, 104)
_DOUBLE_DRAWS = 1
_CLEAR = 2e-5
_STORE_BLOCK: Index3 = (16, 32, 32)
_STORE_SAMPLES = 4


def run(quick: bool) -> list[Row]:
    """Compare tiles with whole volumes, orders of blocks, and a resumed run with a fresh one."""
    rows: list[Row] = []
    for model in MODELS:
        single, double = (_posterior(model, dtype) for dtype in (torch.float32, torch.float64))
        for shape in _SHAPES:
            scan = crop_of_sample(model, shape)
            table = f"tiles against the whole volume, {' x '.join(map(str, shape))} voxels"
            found = _differences(single, double, scan, samples=4 if quick else 16)
            rows += [
                Row.of(table, name, model, value=value, goal=None if goal < 0 else at_most(goal))
                for name, value, goal in found.as_rows()
            ]
        rows += _bit_rows(model, sorted(_SHAPES)[-1])
    return rows


def _posterior(model: str, dtype: torch.dtype) -> NetworkPosterior:
    folder = find_model(model)
    return NetworkPosterior(load_network(folder, load_card(folder)), dtype=dtype)


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
    posterior: NetworkPosterior, draw: NetworkDraw, scan: NormalisedScan, block_shape: Index3
) -> Tensor:
    """Return softmax ``(C, Z, Y, X)`` of a draw, block by block, in the posterior's precision."""
    shape = scan.volume.shape
    out = torch.empty((posterior.num_classes, *shape), dtype=posterior.dtype)
    for block in BlockPlan(shape, Roi.whole(shape), block_shape).blocks():
        features = posterior.prepare(block.core, shape, scan.read)
        out[(slice(None), *block.core.slices)] = torch.softmax(draw.logits(features), 1)[0]
    return out


@torch.inference_mode()
def whole(posterior: NetworkPosterior, draw: NetworkDraw, scan: NormalisedScan) -> Tensor:
    """Return softmax ``(C, Z, Y, X)`` of a draw: the padded scan through the network at once."""
    shape = scan.volume.shape
    extent = padded_shape(shape, posterior.stride)
    image = torch.from_numpy(scan.read(Roi.whole(extent)))[None, None].to(posterior.dtype)
    logits = posterior.network(image, draw.realisations)
    return torch.softmax(logits, 1)[(0, slice(None), *Roi.whole(shape).slices)]


@dataclass(frozen=True)
class _Differences:
    """Largest differences over all block shapes, and labels that differ."""

    double: float
    draw: float
    mean: float
    labels: int
    ties: int

    def as_rows(self) -> Iterator[tuple[str, float | int, float]]:
        """Yield name, value and bound (negative: none)."""
        yield "float64, one draw", self.double, 1e-12
        yield "float32, one draw", self.draw, 1e-4
        yield "float32, mean probability", self.mean, 1e-5
        yield "labels that differ, ties apart", self.labels, 0
        yield "ties (two largest means within 2e-5)", self.ties, -1


def _differences(
    single: NetworkPosterior, double: NetworkPosterior, scan: NormalisedScan, samples: int
) -> _Differences:
    shapes = (*_BLOCKS, _LARGEST_BLOCK)
    largest_double = 0.0
    for index in range(_DOUBLE_DRAWS):
        draw = double.draw(index, seed=0)
        reference = whole(double, draw, scan)
        errors = [(tiled(double, draw, scan, b) - reference).abs().max().item() for b in shapes]
        largest_double = max(largest_double, *errors)
    size = (single.num_classes, *scan.volume.shape)
    expected = torch.zeros(size, dtype=torch.float64)
    means = [torch.zeros(size, dtype=torch.float64) for _ in shapes]
    largest = 0.0
    for index in range(samples):
        draw = single.draw(index, seed=0)
        reference = whole(single, draw, scan)
        expected += reference / samples
        for mean, block_shape in zip(means, shapes, strict=True):
            tiles = tiled(single, draw, scan, block_shape)
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
    )


def _bit_rows(model: str, shape: Index3) -> list[Row]:
    """Compare result stores by their hashes: other orders, and a run stopped again and again."""
    scan = crop_of_sample(model, shape).volume
    folder = workspace() / f"exactness-{model}"
    reference = _hashes(_store(scan, model, folder / "in-order.zarr"))
    corners: Sequence[Index3] = ((0, 0, 0), (44, 0, 100), (20, 82, 50))
    others = [
        _hashes(_store(scan, model, folder / f"order-{number}.zarr", focus=corner))
        for number, corner in enumerate(corners)
    ]
    resumed = _hashes(_interrupted(scan, model, folder / "resumed.zarr", corners))
    table = f"arrays of the result that differ in any bit (of {len(reference)})"
    return [
        Row.of(table, name, model, value=_count_of_others(reference, found), goal=at_most(0))
        for name, found in (
            ("blocks in three other orders", others),
            ("stopped three times, continued each time in another order", [resumed]),
        )
    ]


def _store(scan: Volume, model: str, out: Path, **arguments: object) -> Result:
    return predict(
        scan,
        model,
        out,
        num_samples=_STORE_SAMPLES,
        block_shape=_STORE_BLOCK,
        device="cpu",
        **arguments,  # type: ignore[arg-type]
    )


def _interrupted(scan: Volume, model: str, out: Path, corners: Sequence[Index3]) -> Result:
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
