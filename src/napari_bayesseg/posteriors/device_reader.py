"""Boxes of a scan on their way to a device, the next one while this one is computed."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import nullcontext
from threading import Lock, Thread
from typing import NamedTuple

import torch
from torch import Tensor

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.posteriors.protocol import ScanReader

__all__ = ["DeviceReader", "on_device"]

_DOUBLE = 2


class _Arrival(NamedTuple):
    voxels: Tensor
    copied: torch.cuda.Event | None


class DeviceReader:
    """Reads boxes into page-locked memory and copies them on a stream of their own.

    Parameters
    ----------
    read : callable
        Gives boxes of the normalised, padded scan. Called in another thread for boxes that are
        asked for ahead.
    device : torch.device
        On the processor nothing is copied.
    """

    def __init__(self, read: ScanReader, device: torch.device) -> None:
        self._read = read
        self._device = device
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._ahead: dict[Roi, Future[_Arrival]] = {}
        self._reading = Lock()

    def prefetch(self, roi: Roi) -> None:
        """Begin to read and copy a box: that of this block or the next.

        Two are kept; a third takes the place of the first, which nobody took.
        """
        if roi in self._ahead:
            return
        if len(self._ahead) == _DOUBLE:
            del self._ahead[next(iter(self._ahead))]
        arrival: Future[_Arrival] = Future()

        def load() -> None:
            try:
                arrival.set_result(self._load(roi))
            except BaseException as error:  # handed over to whoever takes the box
                arrival.set_exception(error)

        self._ahead[roi] = arrival
        Thread(target=load, name="device-reader", daemon=True).start()

    def take(self, roi: Roi) -> Tensor:
        """Return a box ``(z, y, x)`` float32 on the device, for the current stream.

        Raises
        ------
        Exception
            What went wrong with reading it.
        """
        ahead = self._ahead.pop(roi, None)
        arrival = self._load(roi) if ahead is None else ahead.result()
        if arrival.copied is not None:
            current = torch.cuda.current_stream(self._device)
            current.wait_event(arrival.copied)
            # Its memory is the other stream's, and must not be given away while this one reads it.
            arrival.voxels.record_stream(current)
        return arrival.voxels

    def _load(self, roi: Roi) -> _Arrival:
        with self._reading:  # one box at a time
            voxels = torch.from_numpy(self._read(roi))
        if self._stream is None:
            return _Arrival(voxels, None)
        with torch.cuda.device(self._device), torch.cuda.stream(self._stream):
            # torch keeps page-locked memory from box to box and reuses it after the copy.
            copy = voxels.pin_memory().to(self._device, non_blocking=True)
            return _Arrival(copy, self._stream.record_event())


def on_device(device: torch.device) -> torch.cuda.device | nullcontext[None]:
    """Return a context in which `device` is the current graphics card, if it is one."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()
