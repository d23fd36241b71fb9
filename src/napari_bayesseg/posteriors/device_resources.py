"""Which devices there are, what memory is free on them, and how they are to calculate."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from napari_bayesseg.core.errors import BayesSegWarning, SettingsError

__all__ = [
    "DeviceMemory",
    "available_devices",
    "check_precision",
    "exact_arithmetic",
    "is_out_of_memory",
    "numbered",
]

# Not all that is free can be used: pieces of the allocator's memory don't fit what is asked for.
_USABLE_SHARE = 0.8
_ALLOCATION_FAILURES = ("CUDNN_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_ALLOC_FAILED")


def available_devices() -> tuple[torch.device, ...]:
    """Return the graphics cards that torch sees, one worker's place each; none gives ()."""
    if not torch.cuda.is_available():
        return ()
    return tuple(torch.device("cuda", index) for index in range(torch.cuda.device_count()))


def numbered(device: torch.device) -> torch.device:
    """Return ``cuda`` with the number of the card that is the calling thread's current one.

    Other threads have a current card of their own, so that a device without a number means
    another one there.
    """
    if device.type != "cuda" or device.index is not None:
        return device
    return torch.device("cuda", torch.cuda.current_device())


def check_precision(device: torch.device, dtype: torch.dtype | None) -> None:
    """Refuse bfloat16 on a card that has no instructions for it.

    Raises
    ------
    SettingsError
    """
    if device.type != "cuda" or dtype != torch.bfloat16:
        return
    with torch.cuda.device(device):
        if not torch.cuda.is_bf16_supported(including_emulation=False):
            raise SettingsError(
                f"precision bfloat16 needs a card with instructions for it, which {device} has "
                "not; use precision float32"
            )


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error says that the device's memory ran out: torch's own, or a library's."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return any(text in str(error) for text in _ALLOCATION_FAILURES)


@contextmanager
def exact_arithmetic() -> Iterator[None]:
    """Make float32 mean float32 on the card, and the same call give the same bits.

    By default torch lets convolutions round their inputs to the ten bits of TF32, which is
    further from the truth than what is promised of float32 (a draw within 1e-4, the mean within
    1e-5). Algorithms that are picked by timing them, or that add in any order, are off too. The
    settings are torch's own for the whole process; they are put back at the end.
    """
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic, matmul.allow_tf32
    cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic = False, False, True
    matmul.allow_tf32 = False
    try:
        yield
    finally:
        cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic, matmul.allow_tf32 = before


class DeviceMemory:
    """The memory of one device, and a record of what was done when it ran out.

    Attributes
    ----------
    reductions : list of str
        What was made smaller, in the order in which it happened.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.reductions: list[str] = []

    @property
    def usable_bytes(self) -> int | None:
        """How much more tensors may take; None for the processor, whose memory is not asked."""
        if self.device.type != "cuda":
            return None
        free, _ = torch.cuda.mem_get_info(self.device)
        reserved = torch.cuda.memory_reserved(self.device)
        unused = reserved - torch.cuda.memory_allocated(self.device)
        return int(_USABLE_SHARE * (free + unused))

    def release(self) -> None:
        """Give back what the allocator keeps of freed tensors, so that larger ones find room."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def reduce(self, what: str) -> None:
        """Note that something was made smaller, and warn the first time."""
        if not self.reductions:
            warnings.warn(
                f"the memory of {self.device} ran out: {what}; the work goes on in smaller pieces, "
                "and the results stay the same",
                BayesSegWarning,
                stacklevel=2,
            )
        self.reductions.append(what)
