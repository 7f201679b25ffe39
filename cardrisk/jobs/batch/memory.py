"""Memory that a task is done with, given back to the system: what a process holds does not depend on what it did.

The allocators of C and of Arrow keep what was freed for the next time. A worker goes through tasks of all kinds,
each with its own sizes: kept pages of one kind hardly serve the next, and come on top of what that one needs.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache

import pyarrow as pa


def give_back() -> None:
    """Give back to the system what is free; does nothing where the C library cannot."""
    pa.default_memory_pool().release_unused()
    trim = _trim()
    if trim is not None:
        trim(0)


@lru_cache(maxsize=1)
def _trim() -> Callable[[int], int] | None:
    """Return glibc's ``malloc_trim``, None with another C library."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
