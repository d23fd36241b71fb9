"""Draws of a posterior into a buffer on a device: many at a time, or one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import torch
from torch import Tensor

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.networks.batched_vnet import BatchedVNet, SharedFeatures, decoder_size
from napari_bayesseg.networks.heteroscedastic import class_probabilities
from napari_bayesseg.networks.spec import VNetSpec
from napari_bayesseg.networks.vnet3d import VNetWindows
from napari_bayesseg.networks.window import Patch
from napari_bayesseg.posteriors.device_resources import DeviceMemory, is_out_of_memory
from napari_bayesseg.posteriors.protocol import Posterior, ScanReader

__all__ = ["BatchedDraws", "DeviceDraws", "SingleDraws", "write_probabilities"]

# Where the memory of the device is not known: on the processor, where more gains nothing.
_DEFAULT_BATCH = 4
# Kernels count the items of a tensor in 32 bits.
_MOST_ITEMS = 2**31 - 1
# Realisations of all draws stay on the device up to here; making them takes longer than using
# them where the blocks are small.
_KEPT_BYTES = 2**30


class DeviceDraws(Protocol):
    """Fills a buffer with the draws of a block."""

    def fill(self, out: Tensor, box: Roi, between_draws: Callable[[int], None]) -> None:
        """Write softmax draws of `box` into `out`, ``(T, C, n)`` float32 on the device.

        `between_draws` is called with the number of draws that are done, first with 0; it may
        raise to stop.

        Raises
        ------
        torch.OutOfMemoryError
            If the device has not enough memory even for one draw of this box.
        """
        ...


@torch.inference_mode()
def write_probabilities(outputs: Tensor, out: Tensor, spec: VNetSpec) -> None:
    """Write the softmax of a network's outputs ``(B, num_outputs, z, y, x)`` into ``(B, C, n)``.

    A single logit gives two classes. The exponentials are of single precision at least.
    """
    flat = outputs.flatten(2)
    if spec.noise != "none":
        out.copy_(class_probabilities(flat, spec))
        return
    wide = flat if flat.dtype == torch.float64 else flat.float()
    if wide.shape[1] == 1:
        foreground = torch.sigmoid(wide[:, 0])
        out[:, 1] = foreground
        out[:, 0] = 1.0 - foreground
    elif wide.dtype == torch.float32:
        torch.softmax(wide, 1, out=out)
    else:
        out.copy_(torch.softmax(wide, 1))


class BatchedDraws:
    """Draws of a V-Net, as many at a time as the device has memory for.

    Parameters
    ----------
    network : BatchedVNet
    windows : callable
        Gives the windows of a box.
    realise : callable
        Gives the realisations of a draw, by its index.
    take : callable
        Gives a box of the normalised, padded scan on the device, ``(z, y, x)``.
    memory : DeviceMemory
    batch_draws : int, optional
        Most draws at a time; by default as many as the memory holds.
    """

    def __init__(
        self,
        network: BatchedVNet,
        windows: Callable[[Roi], VNetWindows],
        realise: Callable[[int], Mapping[str, Tensor]],
        take: Callable[[Roi], Tensor],
        memory: DeviceMemory,
        batch_draws: int | None = None,
    ) -> None:
        self._network = network
        self._windows = windows
        self._realise = realise
        self._take = take
        self._memory = memory
        self._most = batch_draws
        self._kept: dict[int, Mapping[str, Tensor]] = {}
        self._kept_bytes = 0

    def fill(self, out: Tensor, box: Roi, between_draws: Callable[[int], None]) -> None:
        """See :class:`DeviceDraws`."""
        windows = self._windows(box)
        image = self._take(windows.read.roi)[None, None]
        precise = next(self._network.network.parameters()).dtype
        shared = self._network.share(Patch(image.to(precise), windows.read), windows)
        del image
        between_draws(0)
        done, batch = 0, self._batch(windows, len(out))
        while done < len(out):
            count = min(batch, len(out) - done)
            if self._try(shared, done, out[done : done + count]):
                done += count
                between_draws(done)
            else:
                batch = self._fewer(count)

    def _batch(self, windows: VNetWindows, num_draws: int) -> int:
        """Return how many draws to compute at a time: equal batches that fit."""
        size, most = decoder_size(self._network.network, windows), num_draws
        usable = self._memory.usable_bytes
        if usable is not None:
            most = usable // (self._network.dtype.itemsize * size.alive)
            most = min(most, _MOST_ITEMS // size.largest)
        elif self._most is None:
            most = _DEFAULT_BATCH
        most = max(1, min(most, self._most or most, num_draws))
        return -(-num_draws // -(-num_draws // most))

    def _try(self, shared: SharedFeatures, first: int, out: Tensor) -> bool:
        """Compute a batch; False where the memory is too small for it."""
        try:
            noise = self._network.stack([self._realised(first + b) for b in range(len(out))])
            outputs = self._network.decode(shared, noise)
            write_probabilities(outputs, out, self._network.network.spec)
            if out.device.type == "cuda":
                # Else all batches would be queued at once, and none could be called off.
                torch.cuda.current_stream(out.device).synchronize()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        else:
            return True
        # Not before the error is gone, whose traceback holds the tensors.
        self._memory.release()
        return False

    def _fewer(self, count: int) -> int:
        if count == 1:
            raise torch.OutOfMemoryError(f"{self._memory.device} can't hold one draw of this box")
        self._most = count // 2
        self._memory.reduce(f"{self._most} draws at a time instead of {count}")
        return self._most

    def _realised(self, index: int) -> Mapping[str, Tensor]:
        if index in self._kept:
            return self._kept[index]
        network = self._network
        draw = {k: v.to(network.device, network.dtype) for k, v in self._realise(index).items()}
        size = sum(values.nbytes for values in draw.values())
        if self._kept_bytes + size <= _KEPT_BYTES:
            self._kept[index] = draw
            self._kept_bytes += size
        return draw


class SingleDraws:
    """Draws of any posterior, one after the other through the processor's memory.

    Parameters
    ----------
    posterior : Posterior
    shape : (Z, Y, X)
        Of the scan.
    read : callable
        Gives boxes of the normalised, padded scan.
    seed : int
    """

    def __init__(self, posterior: Posterior, shape: Index3, read: ScanReader, seed: int) -> None:
        self._posterior = posterior
        self._shape = shape
        self._read = read
        self._seed = seed

    def fill(self, out: Tensor, box: Roi, between_draws: Callable[[int], None]) -> None:
        """See :class:`DeviceDraws`."""
        features = self._posterior.prepare(box, self._shape, self._read)
        between_draws(0)
        for index, row in enumerate(out):
            draw = self._posterior.draw(index, seed=self._seed)
            row.copy_(torch.from_numpy(draw.probabilities(features)).reshape(row.shape))
            between_draws(index + 1)
