"""How others tile a volume: one pass of one draw, by each of them."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

__all__ = ["chunk_starts", "monai_pass", "strided_pass", "torchio_pass"]

Network = Callable[[Tensor], Tensor]

_OVERLAP = 0.25
_TRIMMED = 0.08  # of the window, at each inner side; 5 to 10 % are usual
_STEPS = 2  # windows along an axis overlap by half


def monai_pass(image: Tensor, network: Network, window: int, *, batch: int = 1) -> Tensor:
    """Return ``(1, C, Z, Y, X)`` by MONAI's sliding window with Gaussian blending.

    Parameters
    ----------
    image : (1, 1, Z, Y, X)
    network : callable
        ``(N, 1, w, w, w)`` to ``(N, C, w, w, w)``.
    window : int
        Side of the windows, which overlap by a quarter.
    batch : int
        Windows at a time.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from monai.inferers import sliding_window_inference

        found: Tensor = sliding_window_inference(
            image, (window,) * 3, batch, network, overlap=_OVERLAP, mode="gaussian"
        )
    return found


def torchio_pass(image: Tensor, network: Network, window: int) -> Tensor:
    """Return ``(1, C, Z, Y, X)`` by TorchIO's grid sampler and Hann-weighted aggregator."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torchio

        subject = torchio.Subject(scan=torchio.ScalarImage(tensor=image[0].cpu()))
        overlap = int(_OVERLAP * window) // 2 * 2
        sampler = torchio.GridSampler(subject, window, overlap)
        aggregator = torchio.GridAggregator(sampler, overlap_mode="hann")
        for patch in torchio.SubjectsLoader(sampler, batch_size=1):
            windows = patch["scan"][torchio.DATA].to(image.device)
            aggregator.add_batch(network(windows), patch[torchio.LOCATION])
        found: Tensor = aggregator.get_output_tensor()
    return found[None]


def strided_pass(image: Tensor, network: Network, window: int) -> Tensor:
    """Return ``(1, C, Z, Y, X)`` by overlapping chunks with trimmed edges, averaged.

    The edges are trimmed inside the volume only: at its border nothing would be left.

    References
    ----------
    LaBonte, Martinez and Roberts, arXiv 1910.10793, and the code beside it.
    """
    shape = tuple(image.shape[2:])
    trim = round(_TRIMMED * window)
    total, counts = None, torch.zeros(shape)
    for start in _chunks(shape, window):
        box = tuple(slice(a, a + window) for a in start)
        found = network(image[(..., *box)])
        kept = tuple(
            slice(0 if a == 0 else trim, window if a + window == n else window - trim)
            for a, n in zip(start, shape, strict=True)
        )
        place = tuple(slice(a + k.start, a + k.stop) for a, k in zip(start, kept, strict=True))
        if total is None:
            total = torch.zeros((1, found.shape[1], *shape), dtype=found.dtype, device=found.device)
        total[(..., *place)] += found[(..., *kept)]
        counts[place] += 1
    assert total is not None
    return total / counts.to(total)


def chunk_starts(length: int, window: int) -> list[int]:
    """Return where chunks begin along an axis: ``ceil((n - w) / stride) + 1`` of them.

    The last one is moved back to end with the axis.
    """
    stride = window // _STEPS
    count = -(-(length - window) // stride) + 1
    return [min(k * stride, length - window) for k in range(count)]


def _chunks(shape: tuple[int, ...], window: int) -> Iterator[tuple[int, ...]]:
    return itertools.product(*(chunk_starts(n, window) for n in shape))
