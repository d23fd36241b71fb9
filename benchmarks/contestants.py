"""Who takes part in the throughput benchmark: this project's engine, and its peers."""

from __future__ import annotations

import shutil
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from benchmarks.contest import Field
from benchmarks.data import sample, workspace
from benchmarks.nets import FixedDraw, fixed_draw
from benchmarks.peers import monai_pass, strided_pass, torchio_pass
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.settings import InferenceSettings, Precision
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.kernels import make_kernel
from napari_bayesseg.inference.plan import choose_block_shape, evaluated_box, plan_blocks
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.inference.scan import NormalisedScan, summarise_scan
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.networks.checkpoint import Normalisation
from napari_bayesseg.numerics.uncertainty import MEASURES
from napari_bayesseg.posteriors.open import open_model
from napari_bayesseg.posteriors.protocol import Posterior

__all__ = ["Own", "Peer", "cubic_scan"]


def cubic_scan(side: int) -> NormalisedScan:
    """Return a cube of the sample, mirrored where the sample ends, in memory."""
    volume = read_volume(sample().image)
    voxels = volume.read(Roi.whole(volume.shape))
    missing = [(0, max(0, side - n)) for n in voxels.shape]
    cube = np.pad(voxels, missing, mode="symmetric")[:side, :side, :side]
    scan = Volume.from_array(np.ascontiguousarray(cube), name="cube")
    return NormalisedScan(scan, summarise_scan(scan, Normalisation()).statistics)


class Own:
    """This project: all draws, exact tiles, statistics of the draws and counts.

    Parameters
    ----------
    field : Field
    precision : {"float32", "bfloat16"}
    store : bool
        Whether :func:`predict` writes everything to the disk; else the kernel runs over the same
        blocks and its results are dropped.
    """

    def __init__(self, field: Field, precision: Precision, store: bool = False) -> None:
        self.field, self.precision, self.store = field, precision, store

    @cached_property
    def _posterior(self) -> Posterior:
        return open_model(self.field.model, torch.device(self.field.device), self.precision)[0]

    @cached_property
    def _scan(self) -> NormalisedScan:
        return cubic_scan(self.field.side)

    def run(self, warm_up: bool) -> None:
        """Predict the whole cube, or a piece as large as a peer's window."""
        whole = self._scan  # made before anything is timed
        scan = cubic_scan(self.field.window) if warm_up else whole
        if self.store:
            self._predict(scan.volume)
        else:
            self._compute(scan, 2 if warm_up else self.field.num_samples)

    def _compute(self, scan: NormalisedScan, num_samples: int) -> None:
        posterior, shape, measures = self._posterior, scan.volume.shape, tuple(MEASURES)
        settings = InferenceSettings.checked(
            num_samples=num_samples, precision=self.precision, device=self.field.device
        )
        block_shape = choose_block_shape(
            posterior,
            shape,
            memory=settings.memory,
            num_samples=num_samples,
            num_measures=len(measures),
        )
        plan = plan_blocks(shape, Roi.whole(shape), block_shape, posterior.stride)
        posterior.warm_up()
        kernel = make_kernel(posterior, scan, shape, settings, measures)
        for block in plan.blocks():
            kernel(block.core, evaluated_box(block.core, plan.roi), lambda _: None)

    def _predict(self, scan: Volume) -> None:
        out = workspace() / "contest.zarr"
        predict(
            scan,
            self.field.model,
            out,
            num_samples=self.field.num_samples,
            device=self.field.device,
            precision=self.precision,
            overwrite=True,
        )
        shutil.rmtree(out)


class Peer:
    """Somebody else's way through a volume, with one draw.

    Parameters
    ----------
    field : Field
    peer : {"monai", "torchio", "strided"}
    batch : int
        Windows at a time.
    channels_last : bool
    precision : {"float32", "bfloat16"}
    """

    def __init__(
        self,
        field: Field,
        peer: Literal["monai", "torchio", "strided"],
        batch: int = 1,
        channels_last: bool = False,
        precision: Precision = "float32",
    ) -> None:
        self.field, self.peer, self.batch = field, peer, batch
        self.channels_last = channels_last
        self.dtype = torch.float32 if precision == "float32" else torch.bfloat16

    @cached_property
    def _network(self) -> FixedDraw:
        return fixed_draw(
            Path(self.field.model),
            dtype=self.dtype,
            channels_last=self.channels_last,
            device=self.field.device,
        )

    @cached_property
    def _image(self) -> torch.Tensor:
        return self._read(self.field.side)

    def _read(self, side: int) -> torch.Tensor:
        image = torch.from_numpy(cubic_scan(side).read(Roi.whole((side,) * 3)))[None, None]
        return image.to(self.field.device, self.dtype)

    @torch.inference_mode()
    def run(self, warm_up: bool) -> torch.Tensor:
        """Return softmax ``(1, C, Z, Y, X)`` of the whole cube, or of one window."""
        window = self.field.window
        whole = self._image  # made before anything is timed
        image = self._read(window) if warm_up else whole
        if self.peer == "monai":
            found = monai_pass(image, self._network, window, batch=self.batch)
        elif self.peer == "torchio":
            found = torchio_pass(image, self._network, window)
        else:
            found = strided_pass(image, self._network, window)
        if image.is_cuda:
            torch.cuda.synchronize()
        return found
