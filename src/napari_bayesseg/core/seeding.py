"""Random numbers that depend on a key and on nothing else.

A draw must be the same function in every block, on every worker, after every restart. So noise is
never taken from a running generator: each tensor has a key ``(seed, draw, name)`` and a generator
of its own.
"""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["keyed_generator"]


def keyed_generator(seed: int, draw: int, name: str) -> np.random.Generator:
    """Return a generator whose stream is a function of its key alone.

    Parameters
    ----------
    seed : int
        Seed of the run, any non-negative integer.
    draw : int
        Index t of the posterior draw.
    name : str
        Name of the tensor, such as ``"decoder.0.up.weight"``.

    Returns
    -------
    numpy.random.Generator
        A Philox 4x64 counter-based stream (Salmon et al. 2011, "Parallel random numbers: as easy
        as 1, 2, 3"), keyed with 128 bits of the SHA-256 of the key: streams of different keys
        are independent for all practical purposes.
    """
    digest = hashlib.sha256(f"{seed}/{draw}/{name}".encode()).digest()
    key = np.frombuffer(digest[:16], dtype="<u8")
    return np.random.Generator(np.random.Philox(key=key))
