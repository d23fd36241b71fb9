"""What the numbers were measured on, in general words."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

from napari_bayesseg.inference.serial_runner import available_threads

__all__ = ["describe_machine"]

_AMD_GENERATIONS = {23: "Zen 1 or 2", 25: "Zen 3 or 4", 26: "Zen 5"}


def describe_machine() -> str:
    """Name processor, vector unit, memory, graphics card and libraries; no host, no path."""
    capability = torch.backends.cpu.get_cpu_capability().replace("AVX512", "AVX-512")
    parts = [f"{available_threads()} cores", _processor(), capability]
    if (memory := _memory_bytes()) is not None:
        parts.append(f"{memory / 2**30:.0f} GiB")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    parts.append(torch.cuda.get_device_name(0) if count else "no GPU")
    parts.append(platform.system())
    parts.append(f"Python {'.'.join(platform.python_version_tuple()[:2])}")
    parts.append(f"torch {torch.__version__.split('+')[0]}")
    return ", ".join(parts)


def _processor() -> str:
    """Return the processor's model and generation where the system tells them."""
    file = Path("/proc/cpuinfo")
    entries: dict[str, str] = {}
    if file.is_file():
        for line in file.read_text().split("\n\n")[0].splitlines():
            key, _, value = line.partition(":")
            entries[key.strip()] = value.strip()
    model = entries.get("model name") or platform.processor() or platform.machine()
    if entries.get("vendor_id") == "AuthenticAMD":
        generation = _AMD_GENERATIONS.get(int(entries.get("cpu family", 0)))
        return f"{model} ({generation})" if generation else model
    return model


def _memory_bytes() -> int | None:
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None
