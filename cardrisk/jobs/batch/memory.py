"""Memory of processes that do nothing but a job: kept from task to task of one kind, given back before the next kind.

Asking the system for memory costs more than most of what is done with it: every page is cleared, and where the system
itself is a guest, fetched from its host. Left alone, the C library hands a large array back as soon as it is freed and
asks again for the next one. But what was kept for tasks of one kind hardly serves those of another, and would come on
top of what these need: after more than a few tasks of a kind memory is given back, so that a process holds what its
stage needs.
"""

from __future__ import annotations

import ctypes
import gc
from functools import lru_cache
from typing import Any, Final

import pyarrow as pa

_TRIM_THRESHOLD: Final = -1
_TOP_PAD: Final = -2
_MMAP_THRESHOLD: Final = -3
"""Names of settings in glibc's ``malloc.h``."""
_MOST: Final = 1 << 30
_LARGEST: Final = 1 << 25
"""The largest threshold of its own that glibc takes."""
_STEP: Final = 1 << 26
_SELDOM: Final = 1 << 16
"""Objects made, less those gone, between two looks for cycles: a part's stretches alone are more than Python's 700."""


def keep() -> None:
    """Let the C library keep what is freed, where it can, and cycles be looked for seldom: tasks leave hardly any.

    For processes of a job alone.
    """
    gc.set_threshold(_SELDOM)
    library = _library()
    if library is not None and hasattr(library, "mallopt"):
        for name, value in ((_MMAP_THRESHOLD, _LARGEST), (_TRIM_THRESHOLD, _MOST), (_TOP_PAD, _STEP)):
            library.mallopt(name, value)


def give_back() -> None:
    """Give back to the system what is free; does nothing where the C library cannot."""
    pa.default_memory_pool().release_unused()
    library = _library()
    if library is not None and hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


@lru_cache(maxsize=1)
def _library() -> Any:
    """Return the C library, None where there is no way to it."""
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):
        return None
