"""Random numbers of PyTorch that depend on a seed, and leave the caller's generators alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from zlib import crc32

import numpy as np
import torch


def derived_seed(purpose: str, *keys: int) -> int:
    """A 63-bit seed for one purpose from non-negative integers, such as a seed and an epoch.

    Each purpose must always come with the same number of keys; then no two seeds are related.
    """
    return int(np.random.SeedSequence([crc32(purpose.encode()), *keys]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def generator(purpose: str, *keys: int) -> torch.Generator:
    """A generator on the CPU with the seed of :func:`derived_seed`."""
    return torch.Generator().manual_seed(derived_seed(purpose, *keys))


@contextmanager
def seeded(purpose: str, *keys: int, device: torch.device | None = None) -> Iterator[None]:
    """Seeds the global generators of the CPU and of ``device`` inside, and restores them outside."""
    devices = [device] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(derived_seed(purpose, *keys))
        yield
